"""Every command of the README does what the README says."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.e2e.bot import Bot, running
from tests.e2e.callers import Callers

from ironclaw.settings import Settings, load

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks() -> list[str]:
    """Each command of the shell blocks, without its comment, continued lines joined."""
    text = "\n".join(re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)).replace("\\\n", " ")
    return [line.partition("    #")[0].strip() for line in text.splitlines() if line.strip()]


def said(word: str) -> list[str]:
    """The commands of blocks and sentences that begin with the word."""
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", README, flags=re.DOTALL))
    return [each for each in [*blocks(), *inline] if each.startswith(word)]


async def shell(command: str, cwd: Path, **environ: str) -> tuple[int, str]:
    child = await asyncio.create_subprocess_shell(
        command,
        cwd=cwd,
        env={**os.environ, **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        out, _ = await child.communicate()
    return child.returncode or 0, out.decode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Bot, Callers]]:
    callers = Callers(tmp_path_factory.mktemp("keys"))
    settings = callers.settings()
    settings["tenants"] = {"T1": settings["tenants"]["T1"]}
    bot = Bot(tmp_path_factory.mktemp("readme"), workers=1, **settings)
    async with running(bot):
        yield bot, callers


@pytest.mark.parametrize("command", [each for each in said(".venv/bin/ironclaw ") if "serve" not in each])
async def test_commands(bot: tuple[Bot, Callers], command: str) -> None:
    """
    A command of the README ends well, beside a running bot.
    """
    done = await bot[0].command(*shlex.split(command)[1:])

    assert 0 == done.code, done


async def test_curl(bot: tuple[Bot, Callers]) -> None:
    """
    The README's request with a token gets its answer.
    """
    command = next(each for each in blocks() if each.startswith("curl"))
    token = bot[1].issuer.token("ed1")
    code, out = await shell(command.replace("http://127.0.0.1:3000", bot[0].url), ROOT, TOKEN=token)

    assert 0 == code
    assert '"status":"done"' in out


async def test_make_demo(tmp_path: Path) -> None:
    """
    make demo prints the page's address, and the page is there.
    """
    child = await asyncio.create_subprocess_exec(
        "make",
        "demo",
        f"ARGS=--port 0 --folder {tmp_path}",
        cwd=ROOT,
        env={**os.environ, "IRONCLAW_PORT": "0"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(100):
            while not (
                found := re.search(rb"http://127\.0\.0\.1:\d+$", (await child.stdout.readline()).strip())
            ):
                assert child.returncode is None
        code, page = await shell(f"curl -s {found[0].decode()}/", ROOT)
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        await child.wait()

    assert 0 == code
    assert "<title>IronClaw playground</title>" in page


@pytest.mark.parametrize("command", sorted(set(said("make ")) - {"make demo"}))
async def test_make(command: str) -> None:
    """
    Every other make command of the README is a target (what they run, runs in CI).
    """
    code, out = await shell(f"make --dry-run {command.removeprefix('make ').replace('folder', '/tmp')}", ROOT)

    assert 0 == code, out
    assert ".venv/bin/" in out


async def test_the_apps_description(tmp_path: Path) -> None:
    """
    Step 1 of the real workspace prints a manifest without an address.
    """
    command = next(each for each in said(".venv/bin/python -m ironclaw_bot.slack.manifest"))
    code, _ = await shell(
        command.replace(".venv/bin/python", sys.executable).replace("app.yml", str(tmp_path / "app.yml")),
        ROOT,
    )

    assert 0 == code
    assert "socket_mode_enabled: true" in (tmp_path / "app.yml").read_text()


async def test_the_example_settings(tmp_path: Path) -> None:
    """
    cp .env.example .env gives settings that load.
    """
    assert ["cp .env.example .env"] == said("cp ")
    shutil.copy(ROOT / ".env.example", tmp_path / ".env")

    assert Settings() == load({}, tmp_path)
