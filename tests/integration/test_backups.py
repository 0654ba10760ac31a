"""A backup of a bot that runs, and the way back: what was given out before a restore counts no more after it."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.clock import Clock
from tests.integration.engine import ADA, BO, Moves, approver, ask, engine, moves, settings, wants
from tests.integration.test_crash import Receiver, allow, interrupt, post, receiver
from tests.integration.test_grants import asking

from ironclaw import audit
from ironclaw.app import Ironclaw
from ironclaw.app.backups import Done, back_up_here, restore
from ironclaw.errors import Conflict, NotFound, StoreError
from ironclaw.task import Address, ApprovalState, Decision, Task, WorkflowState
from ironclaw.terms import GrantScope
from ironclaw_bot import cli, local

pytestmark = pytest.mark.sandbox
WRITE = Moves(moves(wants("files.write", path="a.md", text="x")))
__all__ = ["receiver"]


@asynccontextmanager
async def writing(folder: Path, toolboxes: Path, **more: Any) -> AsyncIterator[Ironclaw]:
    """An engine whose brain wants to write a file, which a person is asked about."""
    async with engine(folder, WRITE, toolboxes, **more) as app:
        yield app


async def asked(app: Ironclaw) -> Any:
    """A workflow that waits for a person."""
    view = await app.wait("T1", await app.submit(ask()), 30)
    assert view.approval is not None
    return view


def restored(folder: Path, backup: str = "backup") -> Done:
    return restore(settings(folder), folder / backup, "local:me", 2_000_000_000.0)


def database(folder: Path) -> Path:
    return folder / "data/ironclaw.db"


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database(folder))) as c:
        return c.execute(query).fetchall()


def is_written(folder: Path) -> bool:
    return (folder / "data/mnt/scratch/T1/a.md").exists()


async def test_backup_of_a_bot_that_runs(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    It is whole and its owner's alone, the audit log says who made it, and the bot goes on.
    """
    async with writing(tmp_path, built_toolboxes) as app:
        await asked(app)
        await app.back_up(tmp_path / "backup", "local:me")
        view = await asked(app)
    last = list(audit.events(tmp_path / "backup", "T1"))[-1]

    assert ("backed_up", "local:me") == (last["event"], last["actor"])
    assert 0o600 == stat.S_IMODE((tmp_path / "backup").stat().st_mode)
    assert [""] * 2 == [chain.fault for chain in audit.verify(tmp_path / "backup")]
    assert WorkflowState.PAUSED is view.state
    assert ["backup", "checkpoints.jsonl", "checkpoints.pub", "data"] == sorted(
        each.name for each in tmp_path.iterdir()
    )


async def test_backup_takes_no_other_files_place(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A file that is there stays as it is, and what could not be written leaves nothing behind.
    """
    (tmp_path / "backup").write_text("mine")
    async with writing(tmp_path, built_toolboxes) as app:
        with pytest.raises(Conflict, match="there already"):
            await app.back_up(tmp_path / "backup", "local:me")
        with pytest.raises(StoreError, match="no copy could be made"):
            await app.back_up(tmp_path / "nowhere" / "backup", "local:me")

    assert "mine" == (tmp_path / "backup").read_text()


async def test_old_button(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What waited in a backup ends with a sentence; its old button and its id decide nothing.
    """
    async with writing(tmp_path, built_toolboxes) as app:
        view = await asked(app)
        button = app.button(view.approval)
        await app.back_up(tmp_path / "backup", "local:me")
    done = restored(tmp_path)
    async with writing(tmp_path, built_toolboxes) as app:
        after = await app.wait("T1", view.id, 30)
        with pytest.raises(NotFound):
            await app.press(approver(), button, Decision.APPROVE)
        with pytest.raises(Conflict):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)
        approval = await app.approval("T1", view.approval.id)

    assert (1, 0, 1) == (done.restored.superseded, done.restored.in_doubt, done.restored.instance.epoch)
    assert (ApprovalState.SUPERSEDED, True) == (approval.state, approval.was_restored)
    assert "restored from a backup of" in after.outcome
    assert not is_written(tmp_path)


async def test_same_rows_other_seals(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Whoever puts the rows of before a restore back does not get what they were sealed for.
    """
    async with writing(tmp_path, built_toolboxes) as app:
        view = await asked(app)
        button = app.button(view.approval)
        await app.back_up(tmp_path / "backup", "local:me")
    restored(tmp_path)
    with closing(sqlite3.connect(database(tmp_path))) as c, c:
        c.execute("UPDATE approvals SET state = 'pending', expires_at = 9e9")
        c.execute("UPDATE tool_calls SET state = 'pending'")
        c.execute("UPDATE workflows SET state = 'paused'")
    async with writing(tmp_path, built_toolboxes) as app:
        with pytest.raises(NotFound):
            await app.press(approver(), button, Decision.APPROVE)

    assert not is_written(tmp_path)


async def test_old_decision(tmp_path: Path, built_toolboxes: Path, receiver: Receiver) -> None:
    """
    What was approved when the backup was made has run since, for all that anybody knows: it does not run
    again, and people are asked.
    """
    brain, more = post(receiver.port), allow(receiver.port)
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        view = await asked(app)
        await app._veto.decide(approver(), view.approval.id, Decision.APPROVE)
        await app.back_up(tmp_path / "backup", "local:me")
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        await app.wait("T1", view.id, 30)
    before = len(receiver.keys)
    done = restored(tmp_path)
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        await app.wait("T1", view.id, 30)

    assert (1, 1, 1) == (before, len(receiver.keys), done.restored.in_doubt)
    assert [("in_doubt",)] == rows(tmp_path, "SELECT state FROM tool_calls")


async def test_old_call(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What ran when the backup was made is not begun again, however safe a crash would make that.
    """
    async with writing(tmp_path, built_toolboxes) as app:
        view = await asked(app)
        await app._veto.decide(approver(), view.approval.id, Decision.APPROVE)
    interrupt(tmp_path)
    back_up_here(settings(tmp_path), tmp_path / "backup", "local:me", 1.0)
    restored(tmp_path)
    async with writing(tmp_path, built_toolboxes) as app:
        await app.wait("T1", view.id, 30)

    assert not is_written(tmp_path)
    assert [("in_doubt",)] == rows(tmp_path, "SELECT state FROM tool_calls")
