"""A backup of a bot that runs, and the way back: what was given out before counts no more after it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from tests.integration.engine import Moves, approver, ask, engine, moves, settings, wants
from tests.integration.test_crash import Receiver, allow, interrupt, post, receiver
from tests.integration.test_grants import asking

from ironclaw import audit
from ironclaw.app import Ironclaw
from ironclaw.app.backups import Done, back_up_here, restore
from ironclaw.errors import Conflict, NotFound, StoreError
from ironclaw.orchestrator import Body
from ironclaw.task import ApprovalState, Decision, WorkflowState
from ironclaw.terms import GrantScope
from ironclaw_bot import local

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
    assert ["backup", "checkpoints.jsonl", "checkpoints.pub", "data"] == sorted(os.listdir(tmp_path))


async def test_backup_takes_no_other_files_place(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A file that is there stays as it is, and what could not be written leaves nothing behind.
    """
    (tmp_path / "backup").write_text("mine")
    async with writing(tmp_path, built_toolboxes) as app:
        with pytest.raises(Conflict, match="there already"):
            await app.back_up(tmp_path / "backup", "local:me")
        with pytest.raises(StoreError, match="there is no such folder"):
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


async def test_between_backup_and_restore(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What was asked, and approved, after the backup is not there: its button presses nothing.
    """
    async with writing(tmp_path, built_toolboxes) as app:
        await app.back_up(tmp_path / "backup", "local:me")
        view = await asked(app)
        button = app.button(view.approval)
    restored(tmp_path)
    async with writing(tmp_path, built_toolboxes) as app:
        with pytest.raises(NotFound):
            await app.press(approver(), button, Decision.APPROVE)

    assert not is_written(tmp_path)


async def test_old_grant(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What was remembered of a yes is void: the same call asks again, whatever somebody writes into its row.
    """
    call = wants("files.write", path="a.md", text="x")
    async with asking(tmp_path, built_toolboxes, call) as app:
        view = await asked(app)
        await app.decide(approver(), view.approval.id, Decision.APPROVE, grant=GrantScope.TOOL)
        await app.wait("T1", view.id, 30)
        await app.back_up(tmp_path / "backup", "local:me")
    [(seal,)] = rows(tmp_path, "SELECT mac FROM grants")
    done = restored(tmp_path)
    with closing(sqlite3.connect(database(tmp_path))) as c, c:
        c.execute("UPDATE grants SET revoked_at = 0, mac = ?", (seal,))
    async with asking(tmp_path, built_toolboxes, call) as app:
        left, view = await app.grants("T1"), await asked(app)

    assert (1, ()) == (done.restored.grants, left)
    assert WorkflowState.PAUSED is view.state


async def test_old_link(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A link to the page for the second factor opens no page any more.
    """
    async with writing(tmp_path, built_toolboxes) as app:
        view = await asked(app)
        link = await app.step_ups.link(approver(), view.approval.id)
        await app.back_up(tmp_path / "backup", "local:me")
    restored(tmp_path)
    async with writing(tmp_path, built_toolboxes) as app:
        with pytest.raises(NotFound, match="not there any more"):
            await app.step_ups.page(link.rpartition("/")[2])


async def test_work_goes_on(tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What only needs work is taken up: listing files a second time harms nobody.
    """
    brain, run = Moves(moves(wants("files.list"))), Body.run
    async with engine(tmp_path, brain, built_toolboxes) as app:

        async def backed_up_first(*arguments: Any) -> Any:
            await app.back_up(tmp_path / "backup", "local:me")
            return await run(*arguments)

        monkeypatch.setattr(Body, "run", backed_up_first)
        view = await app.wait("T1", await app.submit(ask()), 30)
    monkeypatch.undo()
    done = restored(tmp_path)
    states = rows(
        tmp_path, "SELECT c.state, w.state FROM tool_calls c JOIN workflows w ON w.id = workflow_id"
    )
    async with engine(tmp_path, brain, built_toolboxes) as app:
        after = await app.wait("T1", view.id, 30)

    assert ([("executing", "running")], 0) == (states, done.restored.in_doubt)
    assert WorkflowState.DONE is view.state is after.state


async def test_restored_is_said(
    tmp_path: Path, built_toolboxes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Every tenant's audit log and the checkpoints say so, and what is lost; the bot starts, and all verifies.
    """
    async with writing(tmp_path, built_toolboxes) as app:
        await app.back_up(tmp_path / "backup", "local:me")
        await asked(app)
    restored(tmp_path)
    async with writing(tmp_path, built_toolboxes):
        pass
    events = [each for each in audit.events(database(tmp_path), "T2") if each["event"] == "restored"]
    kept = audit.read(tmp_path / "checkpoints.jsonl", (tmp_path / "checkpoints.pub").read_text().strip())

    assert [("local:me", 1)] == [(each["actor"], each["epoch"]) for each in events]
    assert [""] * 2 == [chain.fault for chain in audit.verify(database(tmp_path), kept.checkpoints)]
    assert ["T1"] == [tenant for tenant, _, _ in kept.restores[0].undone]


async def test_by_hand(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A backup that somebody copies over the database starts nothing, before a restore and after one.
    """
    async with writing(tmp_path, built_toolboxes) as app:
        await app.back_up(tmp_path / "backup", "local:me")
        await asked(app)
    before = database(tmp_path).read_bytes()
    database(tmp_path).write_bytes((tmp_path / "backup").read_bytes())
    with pytest.raises(StoreError, match=r"older than its newest checkpoint.*run `ironclaw restore FILE`"):
        async with writing(tmp_path, built_toolboxes):
            pass
    database(tmp_path).write_bytes(before)
    restored(tmp_path)
    database(tmp_path).write_bytes((tmp_path / "backup").read_bytes())
    with pytest.raises(StoreError, match="not the one that `ironclaw restore` put in place"):
        async with writing(tmp_path, built_toolboxes):
            pass


async def test_commands_beside_a_bot(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The local door makes the backup through the bot's own connection; a restore waits until that has stopped.
    """
    async with writing(tmp_path, built_toolboxes) as app:
        door = await local.listen(app, tmp_path / "data")
        await local.Remote(tmp_path / "data" / local.SOCKET).ask("backup", file=str(tmp_path / "backup"))
        with pytest.raises(StoreError, match="Another ironclaw process"):
            await asyncio.to_thread(restored, tmp_path)
        await door.cleanup()

    assert restored(tmp_path).restored.instance.epoch == 1
