"""Faults of the machine, through the whole engine: full disks, moved files, wrong clocks, hostile rows."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.fakes.clock import Clock
from tests.integration.engine import Moves, approver, ask, engine, moves, wants
from tests.integration.test_crash import Receiver, allow, post, receiver
from tests.integration.test_grants import asking

from ironclaw.app import Ironclaw
from ironclaw.errors import Expired, IronclawError, StoreError
from ironclaw.store import batches
from ironclaw.task import ApprovalState, Decision, WorkflowState
from ironclaw.terms import GrantScope

pytestmark = pytest.mark.sandbox
WRITE = moves(wants("files.write", path="a.md", text="x"))
HOUR, DAYS = 3600.0, 8 * 24 * 3600.0
__all__ = ["receiver"]


def database(folder: Path) -> Path:
    return folder / "data/ironclaw.db"


@contextlib.contextmanager
def thief(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(database(folder))) as c, c:
        yield c


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """The system refuses to let any file of this process grow."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Disk:
    """Is full from the given commit on, for some commits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._apply = batches.apply
        self.at, self.count, self.commits = 10**9, 0, 0
        monkeypatch.setattr(batches, "apply", self.apply)

    def apply(self, *batch: Any) -> Any:
        self.commits += 1
        is_full = self.at <= self.commits < self.at + self.count
        with full_disk() if is_full else contextlib.nullcontext():
            return self._apply(*batch)

    def fills(self, commits: int, count: int) -> None:
        self.at, self.count = self.commits + commits, count


async def approve(app: Ironclaw, workflow: str) -> None:
    """Say yes to what waits, again while nothing can be kept."""
    for _ in range(50):
        with contextlib.suppress(IronclawError):
            view = await app.wait("T1", workflow, 1)
            if view.state.is_final:
                return
            if view.approval:
                await app.decide(approver(), view.approval.id, Decision.APPROVE)
        with contextlib.suppress(IronclawError):
            await app._reconcile()


@pytest.mark.parametrize("commit", range(1, 13))
async def test_full_at_each_commit(
    tmp_path: Path,
    built_toolboxes: Path,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    commit: int,
) -> None:
    """
    The disk is full at the first, second, third... commit of a task: it is refused, or goes on when space
    comes back; the order is sent at most once, and no workflow is left behind.
    """
    disk = Disk(monkeypatch)
    async with engine(tmp_path, post(receiver.port), built_toolboxes, **allow(receiver.port)) as app:
        disk.fills(commit, 2)
        with contextlib.suppress(StoreError):
            await approve(app, await app.submit(ask()))
        disk.at = 10**9
        ends = [view.state for view in await app.workflows("T1")]
        checked = await app._store._writer.read(lambda c: c.execute("PRAGMA integrity_check").fetchone()[0])
        again = await app.submit(ask())
        await approve(app, again)

    assert "ok" == checked
    assert all(state.is_final or state is WorkflowState.PAUSED for state in ends)
    assert len(receiver.keys) == len(set(receiver.keys)) <= len(ends) + 1


async def test_full_is_said(tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    While nothing can be kept, no task is taken and no decision counts; both are told so, and may try again.
    """
    disk = Disk(monkeypatch)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        disk.fills(1, 10**6)
        with pytest.raises(StoreError, match="Nothing was changed"):
            await app.submit(ask())
        with pytest.raises(StoreError):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)
        disk.at = 10**9
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 30)

    assert WorkflowState.DONE is after.state


def replaced(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    os.replace(path.with_name("copy"), path)


def log_deleted(path: Path) -> None:
    Path(f"{path}-wal").unlink()


@pytest.mark.parametrize("move", [replaced, Path.unlink, log_deleted])
async def test_moved_files(tmp_path: Path, built_toolboxes: Path, move: Any) -> None:
    """
    A database whose file is replaced or deleted under a bot that runs takes nothing more, says so once in the
    log, and the bot is not ready.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        before = await app.ready()
        with capture_logs() as logs:
            move(database(tmp_path))
            for _ in range(3):
                with pytest.raises(StoreError, match="replaced or deleted"):
                    await app.submit(ask())
            with pytest.raises(StoreError):
                await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.ready()

    assert (True, False) == (before["database"], after["database"])
    assert ["critical"] == [each["log_level"] for each in logs if each["event"] == "database_moved"]
    assert not list((tmp_path / "data/mnt/scratch").rglob("a.md"))


@pytest.mark.parametrize("jump", [HOUR, -HOUR, DAYS, -DAYS])
async def test_clock_jumps_while_paused(tmp_path: Path, built_toolboxes: Path, jump: float) -> None:
    """
    A jump forward ends what waits early, and the jump back does not bring it back; after a jump back it still
    waits, and runs once.
    """
    clock = Clock()
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, clock=clock) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        clock.at += jump
        await app._expire()
        clock.at -= jump if jump > 0 else 0
        with contextlib.suppress(Expired):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 30)
        state = (await app.approval("T1", view.approval.id)).state
    is_over = view.approval.expires_at - view.approval.created_at <= jump

    assert (ApprovalState.EXPIRED if is_over else ApprovalState.APPROVED) == state
    assert WorkflowState.DONE is after.state
    assert (0 if is_over else 1) == len(list((tmp_path / "data/mnt/scratch").rglob("a.md")))


async def test_clock_back_revives_no_grant(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A grant whose time was over once is over, whatever the clock says later.
    """
    clock = Clock()
    call = wants("files.write", path="a.md", text="x")
    async with asking(tmp_path, built_toolboxes, call, clock=clock) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        await app.decide(approver(), view.approval.id, Decision.APPROVE, grant=GrantScope.TOOL)
        await app.wait("T1", view.id, 30)
        before = len(await app.grants("T1"))
        clock.at += DAYS
        await app._store.tidy(clock())
        clock.at -= DAYS
        after = await app.wait("T1", await app.submit(ask()), 30)
        left = await app.grants("T1")

    assert (1, (), WorkflowState.PAUSED) == (before, left, after.state)


async def test_clock_forgets_no_delivery(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What may come only once may not come again because the clock was eight days ahead for a while.
    """
    clock = Clock()
    async with engine(tmp_path, Moves(), built_toolboxes, clock=clock) as app:
        first = await app.submit(ask(delivery=("slack", "E1")))
        await app._store.outbox.remember("jti", "J1", clock() + 300)
        clock.at += DAYS
        await app._store.tidy(clock())
        clock.at -= DAYS
        again = await app.submit(ask(delivery=("slack", "E1")))
        is_new = await app._store.outbox.remember("jti", "J1", clock() + 300)

    assert (first, False) == (again, is_new)


_PICKLED = "80049520000000000000008c05706f736978948c0673797374656d9493948c056661696c73948594529430"
PICKLE = f"CAST(X'{_PICKLED}' AS TEXT)"
#: By table: what somebody writes into one workflow's rows.
HOSTILE = [
    ("messages", f"calls = {PICKLE}"),
    ("messages", "calls = '{\"a\": 1}'"),
    ("messages", "calls = '[[[['"),
    ("messages", "calls = replace(hex(zeroblob(4000000)), '00', '[')"),
    ("messages", "text = CAST(X'ff00' AS TEXT)"),
    ("tool_calls", "circumstances = '[]'"),
    ("tool_calls", "circumstances = 'null'"),
    ("tool_calls", f"circumstances = {PICKLE}"),
    ("tool_calls", "effect_begun_at = 9e999"),
    ("workflows", "place = '7'"),
    ("workflows", "tools = '{'"),
    ("workflows", "tools = '[{}]'"),
    ("approvals", "terms = '[7]'"),
    ("approvals", "expires_at = 9e999"),
]


def spoil(c: sqlite3.Connection, workflow: str, table: str, change: str) -> None:
    """As if people had approved it, with rows that we never write."""
    column = "id" if table == "workflows" else "workflow_id"
    c.execute(f"UPDATE {table} SET {change} WHERE {column} = ?", (workflow,))
    c.execute("UPDATE workflows SET state = 'running' WHERE id = ?", (workflow,))
    c.execute("UPDATE tool_calls SET state = 'approved' WHERE workflow_id = ?", (workflow,))


async def test_hostile_rows(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Whatever somebody wrote into the rows of workflows: they end, run nothing that nobody approved and load no
    code, and the workflow beside them goes on.
    """
    many = {"max_steps": 50}
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, **many) as app:
        ids = [await app.submit(ask(requester=f"slack:T1:U{number}")) for number in range(len(HOSTILE))]
        for each in ids:
            await app.wait("T1", each, 30)
    with thief(tmp_path) as c:
        for workflow, change in zip(ids, HOSTILE, strict=True):
            spoil(c, workflow, *change)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, **many) as app:
        for each in ids:
            await app._dispatcher.rest(each)
        written = list((tmp_path / "data/mnt/scratch").rglob("a.md"))
        good = await app.wait("T1", await app.submit(ask()), 30)
        await app.decide(approver(), good.approval.id, Decision.APPROVE)
        after = await app.wait("T1", good.id, 30)
    with thief(tmp_path) as c:
        states = dict(c.execute("SELECT id, state FROM workflows").fetchall())

    assert ([], WorkflowState.DONE) == (written, after.state)
    assert {"failed", "done"} >= {states[each] for each in ids}


async def test_a_review_that_nobody_can_be_shown(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    It is in no list, takes no other with it, and when its time is over its workflow ends.
    """
    clock = Clock()
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, clock=clock) as app:
        bad = await app.wait("T1", await app.submit(ask()), 30)
        good = await app.wait("T1", await app.submit(ask()), 30)
    with thief(tmp_path) as c:
        c.execute("UPDATE approvals SET terms = '[7]' WHERE workflow_id = ?", (bad.id,))
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, clock=clock) as app:
        listed = [each.workflow_id for each in await app.approvals("T1")]
        clock.at += DAYS
        await app._reconcile()
        await app._expire()
        ends = [(await app.wait("T1", each.id, 30)).outcome for each in (bad, good)]

    assert [good.id] == listed
    assert "cannot be read" in ends[0]
    assert "expired" in ends[1]
