"""``ironclaw run`` on a terminal: what the model writes is seen at once, elsewhere the answer alone."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.engine import engine, moves, settings, wants
from tests.integration.mcp_world import until
from tests.integration.test_drafts import Writer

from ironclaw.app import Ironclaw
from ironclaw.errors import NotFound
from ironclaw.orchestrator.drafting import HELD
from ironclaw.task import Move
from ironclaw_bot import local
from ironclaw_bot.task_commands import Tasks

pytestmark = pytest.mark.sandbox
TOKEN = "xoxb-" + "1" * 12 + "-" + "a" * 24
FIRST = "Billing runs in two places.\u202e "
MORE = FIRST + "The token is " + TOKEN + ". "
PAD = "." * HELD


def commands(app: Ironclaw, folder: Path) -> Tasks:
    """Beside a bot that runs: through its door."""

    @contextlib.asynccontextmanager
    async def door(_: object, *, begins: bool = False) -> AsyncIterator[local.Remote]:
        yield local.Remote(folder / "data" / local.SOCKET)

    return Tasks(door)


@contextlib.asynccontextmanager
async def asked(
    folder: Path, toolboxes: Path, writer: Writer, wait: float = 60
) -> AsyncIterator[tuple[asyncio.Task[int], Ironclaw]]:
    """A task that somebody gave on the command line."""
    async with engine(folder, writer, toolboxes) as app:
        runner = await local.listen(app, folder / "data")
        words = argparse.Namespace(task=["explain"], tenant="T1", wait=wait, demo=None)
        running = asyncio.create_task(commands(app, folder).run(settings(folder), words))
        yield running, app
        await runner.cleanup()


async def printed(capsys: pytest.CaptureFixture[str], words: str, seconds: float) -> str:
    """What is printed until these words are, or until so many seconds are over."""
    said = ""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while words not in (said := said + capsys.readouterr().out):  # noqa: ASYNC110  # tells nobody
                await asyncio.sleep(0.01)
    return said


@pytest.mark.parametrize("is_terminal", [True, False])
async def test_a_draft(
    tmp_path: Path,
    built_toolboxes: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    is_terminal: bool,
) -> None:
    """
    A terminal shows the text as it grows, without secrets and with nothing that steers it, and no word twice.
    """
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    writer = Writer([FIRST + PAD, MORE + PAD], Move(answer=MORE + PAD))
    early = ""
    async with asked(tmp_path, built_toolboxes, writer) as (running, _):
        for words in ("Billing runs", "The token is"):
            writer.on.release()
            early += await printed(capsys, words, 30 if is_terminal else 0.5)
        writer.on.release()
        code = await running
    said = early + capsys.readouterr().out

    assert (0, is_terminal) == (code, "The token is" in early)
    assert 1 == said.count("Billing runs in two places.\\u{202E}")
    assert (False, "") == (TOKEN in said, said[-HELD - 1 :].strip(".\n"))


async def test_two_turns(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What was written before a call that waits for people stands apart from what is to be done.
    """
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    writer = Writer([FIRST + PAD], moves(wants("files.write", path="a", text="b")))
    async with asked(tmp_path, built_toolboxes, writer) as (running, _):
        writer.on.release()
        said = await printed(capsys, "Billing runs", 30)
        writer.on.release()
        code = await running

    said += capsys.readouterr().out
    assert (3, True) == (
        code,
        said.startswith("Billing runs in two places.\\u{202E}\n\nWaiting for approval of "),
    )


async def test_somebody_elses(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What is written for one tenant is no other's to see.
    """
    writer = Writer([FIRST + PAD], Move(answer="done"))
    async with asked(tmp_path, built_toolboxes, writer, 0) as (running, app):
        await running
        [mine] = await app.workflows("T1")
        door = local.Remote(tmp_path / "data" / local.SOCKET)
        with pytest.raises(NotFound):
            await door.ask("follow", tenant="T2", workflow_id=mine.id, seen="", wait=5)
        writer.on.release()
        writer.on.release()
        await until(lambda: writer.seen)
