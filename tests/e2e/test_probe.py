"""The malicious toolbox in the real process: each attempt ends in a typed failure, and the bot goes on."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.e2e.bot import Bot, running
from tests.e2e.callers import Callers

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
SECRETS = {"file": "the-rival-keeps-this", "environment": "only-the-host-knows-this"}
#: One tool for each layer that stops something, told of this process: {port} is the bot's own.
ATTEMPTS = {
    "loop": ("", "out_of_fuel"),
    "memory": ("", "out_of_memory"),
    "sleep": ("", "trapped"),
    "output": ("", "output_too_large"),
    "dotdot": ("tenant=T2", "denied"),
    "fill_disk": ("", "disk_full"),
    "proc": ("", "denied"),
    "environment": ("", "denied"),
    "descriptors": ("", "disk_full"),  # The folder is full by now: not even this is written.
    "tcp": ("port={port}", "denied"),
    "no_http": ("url=http://127.0.0.1:{port}/health", "denied"),
}


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Callers:
    return Callers(tmp_path_factory.mktemp("keys"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    tmp_path_factory: pytest.TempPathFactory, callers: Callers, built_toolboxes: Path
) -> AsyncIterator[Bot]:
    settings = {**callers.settings(), "toolboxes": [built_toolboxes / "probe"], "scratch_mb": 16}
    bot = Bot(tmp_path_factory.mktemp("probe"), {"SECRET": SECRETS["environment"]}, **settings)
    (bot.scratch / "T2").mkdir(parents=True)
    (bot.scratch / "T2" / "secret.txt").write_text(SECRETS["file"])
    async with running(bot):
        yield bot


async def run(bot: Bot, callers: Callers, task: str) -> str:
    """The answer to a task, or why there is none; approved where it has to be."""
    reply = await callers.run(bot, task)
    if reply.json["status"] == "paused":
        reply = await callers.approve(bot, reply.json["approval"]["id"])
    assert reply.json["status"] in ("done", "failed")
    return str(reply.json.get("answer") or reply.json["reason"])


@pytest.mark.parametrize("name", ATTEMPTS)
async def test_attempt(bot: Bot, callers: Callers, name: str) -> None:
    """
    The attempt fails with its kind, in words that hold nothing of the host, and the bot answers on.
    """
    given, kind = ATTEMPTS[name]
    began = time.monotonic()
    answer = await run(bot, callers, f"probe.{name} {given.format(port=bot.port)}")
    failures = [event["failure"] for event in bot.events(f"probe.{name} ") if "failure" in event]

    assert [kind] == failures
    assert [] == [word for word in (*SECRETS.values(), str(bot.folder), "Traceback") if word in answer]
    assert time.monotonic() - began < 10
    assert 200 == (await bot.get("/health")).status


async def test_flood_of_requests(bot: Bot, callers: Callers) -> None:
    """
    Of two hundred requests to a host that nobody allowed, none is sent.
    """
    answer = await run(bot, callers, f"probe.http_flood url=http://127.0.0.1:{bot.port}/health")

    assert "Nothing was sent." in answer


async def test_neighbour_is_untouched(bot: Bot, callers: Callers) -> None:
    """
    After all of it the same tenant is served, the other one's file is as it was, and the log is whole.
    """
    assert "still here" in await run(bot, callers, 'probe.echo text="still here"')

    assert SECRETS["file"] == (bot.scratch / "T2" / "secret.txt").read_text()
    assert 0 == (await bot.command("audit", "verify")).code
