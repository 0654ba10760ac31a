"""SIGTERM to the real process: it takes nothing more, lets end what can, goes soon, and loses nothing."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.bot import Bot, running
from tests.e2e.callers import Callers
from tests.fakes.openai_server import FakeOpenAI, slow, text

from ironclaw.store import reading

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300)]
LOOP = 'python.run code="while True: pass"'  #: As long as its limits let it.
DRAIN = 1.0


@pytest.fixture
def callers(tmp_path: Path) -> Callers:
    return Callers(tmp_path)


@pytest.fixture
async def model() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as model:
        yield model


def a_bot(folder: Path, callers: Callers, **changes: Any) -> Bot:
    chosen = {"workers": 1, "drain_seconds": DRAIN, **callers.settings(), **changes}
    return Bot(folder / "bot", **chosen)


def states(bot: Bot) -> list[str]:
    with reading(bot.data / "ironclaw.db") as database:
        return [row["state"] for row in database.execute("SELECT state FROM workflows ORDER BY created_at")]


async def begun(bot: Bot, times: int) -> None:
    """Returns once the tool was begun so often."""
    async with asyncio.timeout(20):
        while bot.audited("while True").count("call_executing") < times:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)


async def stopped(bot: Bot) -> tuple[int, float]:
    """:return: its exit code, and how long it took, seconds"""
    began = time.monotonic()
    return await bot.stop(), time.monotonic() - began


async def test_idle(tmp_path: Path, callers: Callers) -> None:
    """
    With nothing to do it goes at once.
    """
    bot = a_bot(tmp_path, callers, drain_seconds=60)
    async with running(bot):
        code, seconds = await stopped(bot)

    assert 0 == code
    assert seconds < 5


async def test_while_the_model_hangs(tmp_path: Path, callers: Callers, model: FakeOpenAI) -> None:
    """
    A model that never answers holds the stop up no longer than the settings say; whoever waits for the task
    hears that it goes on, new ones are refused meanwhile, and the next start finishes it.
    """
    model.on("wait for me", slow(text("never")), times=1)
    model.on("wait for me", text("Here I am."))
    bot = a_bot(tmp_path, callers, openai_base_url=model.url)
    async with running(bot):
        waiting = asyncio.create_task(callers.run(bot, "wait for me", wait=60))
        await model.asked.wait()
        stopping = asyncio.create_task(stopped(bot))
        await bot.line("stopping")
        refused = await callers.run(bot, "another one")
        (code, seconds), reply = await stopping, await waiting
        assert (503, True) == (refused.status, "retry-after" in refused.headers)
        assert (202, "running") == (reply.status, reply.json["status"])
        assert 0 == code
        assert seconds < DRAIN + 4
        await bot.line("cut_off")
        await bot.line('"stopped"')
        await bot.start()
        after = await callers.until(bot, reply.json["workflow_id"], "done")

    assert "Here I am." == after["answer"]


async def test_while_a_tool_runs(tmp_path: Path, callers: Callers) -> None:
    """
    A tool that does not end is cut off; it changes nothing outside, so that the next start runs it again.
    """
    bot = a_bot(tmp_path, callers)
    async with running(bot):
        await callers.run(bot, LOOP, wait=0)
        await begun(bot, 1)
        code, seconds = await stopped(bot)
        assert (0, ["running"]) == (code, states(bot))
        await bot.start()
        await begun(bot, 2)

    assert seconds < DRAIN + 4
    assert "call_retried" in bot.audited("while True")


async def test_a_step_that_can_end_does(tmp_path: Path, callers: Callers, model: FakeOpenAI) -> None:
    """
    What answers within the drain is recorded, and told to who waits for it.
    """
    model.on("nearly done", slow(text("Just in time.")))
    bot = a_bot(tmp_path, callers, openai_base_url=model.url, drain_seconds=30)
    async with running(bot):
        waiting = asyncio.create_task(callers.run(bot, "nearly done", wait=0))
        await model.asked.wait()
        await waiting
        stopping = asyncio.create_task(stopped(bot))
        await bot.line("stopping")
        model.release()
        code, seconds = await stopping

    assert (0, ["done"]) == (code, states(bot))
    assert seconds < 5


async def test_twice(tmp_path: Path, callers: Callers, model: FakeOpenAI) -> None:
    """
    A second SIGTERM ends it at once.
    """
    model.on("wait for me", slow(text("never")))
    bot = a_bot(tmp_path, callers, openai_base_url=model.url, drain_seconds=60)
    async with running(bot):
        await callers.run(bot, "wait for me", wait=0)
        await model.asked.wait()
        first = asyncio.create_task(stopped(bot))
        await bot.line("stopping")
        code = await bot.stop()
        _, seconds = await first

    assert -signal.SIGTERM == code
    assert seconds < 5
    assert ["queued"] == states(bot)


async def test_forced() -> None:
    """
    What no task can be cancelled out of does not hold the process up: it ends by itself.
    """
    program = "import time; from ironclaw_bot.serve import force_after; force_after(0.1); time.sleep(60)"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(30):
        said, _ = await child.communicate()

    assert (0, True) == (child.returncode, b"stop_forced" in said)
