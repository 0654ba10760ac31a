"""Attacks on the engine where processes share PostgreSQL: each was a promise broken."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
from tests.fakes.postgres import NOT_INSTALLED, Cluster, programs
from tests.integration.engine import Moves, ask, engine, moves, settings, wants

from ironclaw import replicas
from ironclaw.app import Ironclaw
from ironclaw.app.backups import renew_postgres
from ironclaw.app.moving import move
from ironclaw.errors import BadRequest, Conflict, IronclawError, StoreError
from ironclaw.settings import TenantSettings
from ironclaw.store import Spent, Store
from ironclaw.store.sql import sql
from ironclaw.task import Conversation, Move, ProposedCall, WorkflowState

pytestmark = [pytest.mark.sandbox, pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED)]
TWO = {each: TenantSettings(slack=(each,), max_running=2) for each in ("T1", "T2")}


async def opened(url: str) -> Store:
    store = await Store.open(Path("unused"), url)
    await store.map_tenants({}, frozenset({"T1", "T2"}), 0.0)
    return store


class Slow:
    """A brain that thinks about what "slow" asks until the test says so, and answers others at once."""

    def __init__(self) -> None:
        self.thinking = 0
        self.begun = asyncio.Condition()
        self.word = asyncio.Event()

    async def plan(self, conversation: Conversation) -> Move:
        if conversation.messages[-1].text == "slow":
            async with self.begun:
                self.thinking += 1
                self.begun.notify_all()
            await self.word.wait()
        return Move(answer="done")

    async def think(self, count: int) -> None:
        """Return once it thinks about as many."""
        async with asyncio.timeout(20), self.begun:
            await self.begun.wait_for(lambda: self.thinking >= count)


async def test_one_tenants_tasks_hold_up_nobody_elses(
    tmp_path: Path, built_toolboxes: Path, url: str
) -> None:
    """
    One tenant has 60 slow tasks, of which two may run: another tenant's task takes a free place at once.
    """
    brain = Slow()
    more = {"database_url": url, "scratch_dir": tmp_path / "shared", "max_running": 8, "tenants": TWO}
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        await asyncio.gather(*(app.submit(ask("slow")) for _ in range(60)))
        await brain.think(2)
        view = await app.wait("T2", await app.submit(ask("quick", "slack:T2:U_ZED", "T2")), 5)
        thought = brain.thinking
        brain.word.set()

    assert (WorkflowState.DONE, 2) == (view.state, thought)


ALL_GONE = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = '{name}' AND pid <> pg_backend_pid()"""


async def test_who_slept_through_a_restore(tmp_path: Path, server: Cluster, url: str) -> None:
    """
    A process that sleeps while the database is put back writes nothing in its new life; nor does what it had
    begun, whoever writes it.
    """
    asleep, now = await opened(url), 2_000_000_000.0
    workflow, _ = await asleep.workflows.add(ask(), "w" * 32, 1.0)
    await asleep.leases.claim("T1", workflow, "asleep", 9e9, 1.0)
    flow = await asleep.workflows.load(workflow)
    server.run("postgres", ALL_GONE.format(name=url.rpartition("/")[2]))
    await renew_postgres(settings(tmp_path, database_url=url, scratch_dir=tmp_path / "a"), "local:me", now)
    awake = await opened(url)
    try:
        with pytest.raises(StoreError, match="restored while this process ran"):
            await asleep.workflows.wish_stop(flow, "local:me", now)
        with pytest.raises(Conflict, match="Another process"):
            await awake.workflows.finish(flow, WorkflowState.DONE, "late", now, Spent())
    finally:
        await asleep.close()
        await awake.close()


ASLEEP = """
import asyncio, os, signal, sys
from pathlib import Path
from ironclaw.errors import StoreError
from ironclaw.store import Store
from ironclaw.store.looking import postgres

async def main():
    units = postgres()
    assert "10s" == units.SIGNS_OF_LIFE["idle_in_transaction_session_timeout"]
    units.SIGNS_OF_LIFE["idle_in_transaction_session_timeout"] = "1s"
    units.PATIENCE = 0
    store = await Store.open(Path("unused"), sys.argv[1])

    def unit(c):
        print("in the unit", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
        c.run("UPDATE instance SET restored_at = 7")

    try:
        await store._writer.write(unit, "T1")
    except StoreError as error:
        print(error, flush=True)

asyncio.run(main())
"""


async def test_who_sleeps_in_a_unit(url: str) -> None:
    """
    A process that is stopped within a transaction loses its tenant's lock after a while: others go on, and
    what it had not ended did not happen.
    """
    store = await opened(url)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ASLEEP, url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        await asyncio.wait_for(process.stdout.readline(), 30)
        async with asyncio.timeout(10):
            everybodys = store.outbox.remember("jwt:x", "1", 9e9)
            await asyncio.gather(everybodys, store.workflows.add(ask(tenant="T2"), "w" * 32, 1.0))
        process.send_signal(signal.SIGCONT)
        said = await asyncio.wait_for(process.stdout.read(), 30)
        kept = await store._writer.read(sql.instance)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await store.close()

    assert b"The database cannot be reached: " in said
    assert b"Traceback" not in said
    assert 0 == kept["restored_at"]


async def test_a_lease_that_was_not_given_back(
    tmp_path: Path, built_toolboxes: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Neither could a step be written nor its lease be given back: the workflow goes on once the database
    answers, long before the lease has run out.
    """
    monkeypatch.setattr(replicas, "LOOK", timedelta(seconds=0.5))
    brain, away = Slow(), StoreError("The database cannot be reached.")
    more = {"database_url": url, "scratch_dir": tmp_path / "shared", "lease_seconds": 600}
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        workflow = await app.submit(ask("slow"))
        await brain.think(1)
        with monkeypatch.context() as patched:  # As a database that is away.
            patched.setattr(app._store._writer, "_take_locks", AsyncMock(side_effect=away))
            brain.word.set()
            await _stalled(app)
        view = await app.wait("T1", workflow, 10)

    assert WorkflowState.DONE is view.state


async def _stalled(app: Ironclaw) -> None:
    """Returns once the step and the giving back have failed."""
    async with asyncio.timeout(20):
        while app._dispatcher._held["T1"]:  # type: ignore[attr-defined]  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.02)


async def test_only_what_is_at_work_is_extended(url: str) -> None:
    """
    A sign of life is for the leases that are named: another one of the same owner runs out.
    """
    store = await opened(url)
    try:
        for each in ("a", "b"):
            await store.workflows.add(ask(), each * 32, 1.0)
            await store.leases.claim("T1", each * 32, "owner", 10.0, 5.0)
        await store.leases.extend_leases([("a" * 32, 1), ("b" * 32, 7)], 20.0, 6.0)
        held = [await store.leases.is_held(each * 32, 15.0) for each in ("a", "b")]
    finally:
        await store.close()

    assert [True, False] == held


class Zero:
    """A brain that says the one character which PostgreSQL does not keep."""

    def __init__(self, move: Move) -> None:
        self.move = move
        self.asked = 0

    async def plan(self, conversation: Conversation) -> Move:
        self.asked += 1
        return self.move if self.asked == 1 else Move(answer="done")


SAID = {
    "answer": Move(answer="a\0b"),
    "call id": moves(wants("files.list", "c\0", path=".")),
    "tool": moves(wants("files.\0", path=".")),
    "arguments": moves(ProposedCall("c1", "files.list", "{\0}")),
    "value": moves(wants("files.list", path="a\0b")),
}


@pytest.mark.parametrize("what", SAID)
async def test_a_model_says_nul(tmp_path: Path, built_toolboxes: Path, url: str, what: str) -> None:
    """
    Whatever a model says with U+0000 is kept without it: its workflow ends.
    """
    brain = Zero(SAID[what])
    more = {"database_url": url, "scratch_dir": tmp_path / "shared"}
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        view = await app.wait("T1", await app.submit(ask()), 10)

    assert (WorkflowState.DONE, "a\N{REPLACEMENT CHARACTER}b" if what == "answer" else "done") == (
        view.state,
        view.outcome,
    )


async def test_a_caller_says_nul(tmp_path: Path, built_toolboxes: Path, url: str) -> None:
    """
    A task with U+0000 is refused as the caller's fault, not as one of the database.
    """
    more = {"database_url": url, "scratch_dir": tmp_path / "shared"}
    async with engine(tmp_path, Moves(), built_toolboxes, **more) as app:
        with pytest.raises(BadRequest) as refused:
            await app.submit(ask("a\0b"))

    assert "/task" == refused.value.pointer


#: What a database refuses: a character, a value for its column, a row that is there already.
UNFIT = [("a\0b", 1.0), ("w", "late"), ("w" * 32, 1.0)]


@pytest.mark.parametrize(("text", "now"), UNFIT)
@pytest.mark.parametrize("others", [0, 1])
async def test_what_cannot_be_kept(url: str, text: str, now: float, others: int) -> None:
    """
    What PostgreSQL refuses for what it is, alone or among others, is no database that is away: trying again
    would help nobody.
    """
    store = await opened(url)
    try:
        await store.workflows.add(ask(), "w" * 32, 1.0)
        good = [store.workflows.add(ask(), f"{n}" * 32, 1.0) for n in range(others)]
        [bad, *rest] = await asyncio.gather(
            store.workflows.add(ask(), text, now), *good, return_exceptions=True
        )
    finally:
        await store.close()

    assert IronclawError is type(bad), bad
    assert [(f"{n}" * 32, True) for n in range(others)] == rest


async def test_nul_does_not_keep_a_database_from_moving(
    tmp_path: Path, built_toolboxes: Path, url: str
) -> None:
    """
    Texts with U+0000, which SQLite has kept, move without it.
    """
    async with engine(tmp_path, Moves(Move(answer="old")), built_toolboxes) as app:
        workflow = await app.submit(ask())
        await app.wait("T1", workflow, 30)
    with closing(sqlite3.connect(tmp_path / "data/ironclaw.db")) as c, c:
        c.execute("UPDATE workflows SET outcome = 'a' || char(0) || 'b'")
    more = {"database_url": url, "scratch_dir": tmp_path / "shared"}
    await move(settings(tmp_path, **more), tmp_path / "data/ironclaw.db")
    store = await opened(url)
    view = await store.workflows.view("T1", workflow)
    await store.close()

    assert "a\N{REPLACEMENT CHARACTER}b" == view.outcome
