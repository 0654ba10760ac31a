"""``ironclaw demo`` from the terminal: what it prints, why it does not start, commands beside it."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.e2e.bot import Bot, running
from tests.e2e.children import SCRIPT
from tests.e2e.demo import Demo

from ironclaw.settings import Settings
from ironclaw_bot.demo import demo_settings
from ironclaw_bot.demo_folder import APPROVERS

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo"))
    async with running(demo.bot, *demo.words):
        yield demo


async def test_beside(demo: Demo) -> None:
    """
    With --demo the commands speak with the demo, and the hint says --demo too.
    """
    said = await demo.bot.command("run", "--demo", 'files.write path=notes/cli.md text="x"')
    listed = await demo.bot.command("approvals", "--folder", ".ironclaw/demo")
    approval = re.search(r"ironclaw approve ([0-9a-f]{32}) --demo$", said.out, re.MULTILINE)

    assert approval
    assert approval[1] in listed.out
    assert "Nothing was run." in (await demo.bot.command("deny", approval[1], "--demo")).out
    assert 0 == (await demo.bot.command("tool", "run", "--demo", "files.list")).code
    assert "T0001" in (await demo.bot.command("audit", "verify", "--demo")).out


async def test_second(demo: Demo) -> None:
    """
    A second demo in the same folder says that the first one runs, whatever its port.
    """
    said = await demo.bot.command("demo", "--port", "0")

    assert 2 == said.code
    assert f"A demo still runs in .ironclaw/demo. Stop that one, or: {SCRIPT} demo --port " in said.err


async def test_port(tmp_path: Path) -> None:
    """
    A taken port is a sentence with the command that starts it at another.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = await Bot(tmp_path).command("demo", "--port", str(port))

    assert 2 == said.code
    assert f"Port {port} is taken, perhaps by a demo that still runs." in said.err
    assert f'{SCRIPT} demo --port {port + 1} (or: make demo ARGS="--port {port + 1}")' in said.err


async def test_no_port(tmp_path: Path) -> None:
    """
    What is no port is a usage error.
    """
    said = await Bot(tmp_path).command("demo", "--port", "65536")

    assert 2 == said.code
    assert said.err.endswith("'65536' is no port: 0 to 65535, 0 for any free one\n")


@pytest.mark.parametrize("name", ["workspace.json", "playground.json"])
async def test_broken_file(tmp_path: Path, name: str) -> None:
    """
    A file of the demo's that is broken is named, with what to do.
    """
    demo = Demo(tmp_path)
    (tmp_path / ".ironclaw" / "demo" / name).write_text("{")
    said = await demo.bot.command("demo", "--port", "0")

    assert 2 == said.code
    assert re.search(rf"{re.escape(name)} is .*remove it\.$", said.err, re.IGNORECASE)


async def test_output(tmp_path: Path) -> None:
    """
    The last thing printed is the address; nothing is logged before it.
    """
    folder = Demo(tmp_path).bot.folder
    toml = folder / "ironclaw.toml"
    toml.write_text(toml.read_text().replace('log_level = "info"', ""))
    child = await asyncio.create_subprocess_exec(
        *(SCRIPT, "demo", "--port", "0"),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(180):
        printed = (await child.stdout.readuntil(b"http://127.0.0.1:")) + await child.stdout.readline()
        child.send_signal(signal.SIGTERM)
        after, logged = await child.communicate()

    assert re.search(rb"\n    http://127\.0\.0\.1:\d+\n$", printed)
    assert b"" == after.strip()
    assert b'"event"' not in logged


async def test_settings() -> None:
    """
    The demo takes a free port for the gateway and logs little, unless told otherwise.
    """
    tokens = {"bot_token": "b", "signing_secret": "s"}
    plain = demo_settings(Settings(), tokens, "http://127.0.0.1:1", Path("d"))
    given = Settings(port=3000, log_level="info", approvers=("U1", "local:ann"))
    told = demo_settings(given, tokens, "http://127.0.0.1:1", Path("d"))

    assert (0, "warning", APPROVERS) == (
        plain.port,
        plain.log_level,
        plain.tenants["T0001"].approvers,
    )
    assert (3000, "info") == (told.port, told.log_level)
    assert (*APPROVERS, "local:ann") == told.tenants["T0001"].approvers
