"""Faults on PostgreSQL: full disks, rows and events that somebody wrote, an upgrade with what waits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
from tests.fakes.clock import Clock
from tests.fakes.postgres import NOT_INSTALLED, Cluster, programs
from tests.integration.doubting import a_receiver, allow, post
from tests.integration.engine import Moves, approver, ask, engine, moves, wants

from ironclaw import audit
from ironclaw.app import Ironclaw
from ironclaw.errors import Expired, StoreError
from ironclaw.store import Store
from ironclaw.store.migrations import due, for_postgres, head_version
from ironclaw.task import ApprovalState, Decision, WorkflowState, WorkflowView

pytestmark = [pytest.mark.sandbox, pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED)]
WRITE = moves(wants("files.write", path="a.md", text="x"))
HOUR, DAYS = 3600.0, 8 * 24 * 3600.0
RELEASED = 7  #: The only schema on PostgreSQL that was released before the one of now.
#: Of a commit with the event in ``full_at`` the server says that its disk is full, so many times.
FULL = """
CREATE TABLE full_at (event TEXT, times INTEGER);
CREATE SEQUENCE refusals;
CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT 1 FROM full_at WHERE NEW.event LIKE '%"event":"' || event || '"%') THEN
        IF nextval('refusals') <= (SELECT max(times) FROM full_at) THEN
            RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON audit DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION is_full();
"""
#: Ends the session that brings the schema up to date, once it waits for a lock; says whether there was one.
CUT_OFF = """
SELECT coalesce(bool_or(pg_terminate_backend(pid)), false) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
NEW_TABLES = "SELECT count(*) FROM pg_tables WHERE tablename = 'mcp_listings'"
READ_ONLY = """
ALTER DATABASE {name} SET default_transaction_read_only = {word};
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'
"""
T = TypeVar("T")


async def insisting(act: Callable[[], Awaitable[T]]) -> tuple[T, list[str]]:
    """Done again until it can be kept; with what was said before."""
    said: list[str] = []
    while True:
        try:
            return await act(), said
        except StoreError as error:
            said.append(str(error))


async def ended(app: Ironclaw, workflow: str) -> WorkflowState:
    """How it ends, or that people are asked what happened."""
    view = await looked(app, workflow, lambda view: view.state.is_final or view.doubt is not None)
    return view.state


async def looked(app: Ironclaw, workflow: str, is_so: Callable[[WorkflowView], bool]) -> WorkflowView:
    """The workflow, once it is so; what a refused commit has left is looked for as each half minute."""
    async with asyncio.timeout(60):
        while not is_so(view := await app.workflow("T1", workflow)):
            await app._reconcile()
            await asyncio.sleep(0.2)
    return view


@pytest.mark.parametrize(
    ("event", "sent", "end"),
    [
        ("received", 1, WorkflowState.DONE),
        ("call_pending", 1, WorkflowState.DONE),
        ("approval_approved", 1, WorkflowState.DONE),
        ("call_executing", 1, WorkflowState.DONE),
        ("call_effect_begun", 0, WorkflowState.DONE),  # Told that nothing was sent, the brain ends it.
        ("call_succeeded", 1, WorkflowState.PAUSED),  # People are asked whether it ran.
        ("workflow_done", 1, WorkflowState.DONE),
    ],
)
async def test_full_disk(
    server: Cluster, tmp_path: Path, built_toolboxes: Path, event: str, sent: int, end: WorkflowState
) -> None:
    """
    The disk is full at each commit for a while: who asks or decides is told, nothing is half kept, and once
    there is space it goes on; the order is sent once at most, and what may have happened is asked about.
    """
    url = server.new_database()
    async with a_receiver() as receiver:
        more: dict[str, Any] = {"database_url": url, "scratch_dir": tmp_path / "shared", "lease_seconds": 2}
        more |= allow(receiver.port)
        async with engine(tmp_path, post(receiver.port), built_toolboxes, **more) as app:
            server.run(url.rpartition("/")[2], FULL + f"INSERT INTO full_at VALUES ('{event}', 2)")
            workflow, refused = await insisting(lambda: app.submit(ask()))
            approval = (await looked(app, workflow, lambda view: view.approval is not None)).approval
            assert approval is not None
            _, told = await insisting(lambda: app.decide(approver(), approval.id, Decision.APPROVE))
            after = await ended(app, workflow)

    assert (end, sent) == (after, len(receiver.keys))
    assert (2 * (event == "received"), 2 * (event == "approval_approved")) == (len(refused), len(told))
    assert all("No space left on device" in each for each in [*refused, *told])


async def test_read_only(server: Cluster, tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Where the server lets nobody write any more, no task is taken and no decision counts; then they are.
    """
    url = server.new_database()
    name = url.rpartition("/")[2]
    more: dict[str, Any] = {"database_url": url, "scratch_dir": tmp_path / "shared"}
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, **more) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        server.run("postgres", READ_ONLY.format(name=name, word="on"))
        with pytest.raises(StoreError, match="read-only"):
            await app.submit(ask())
        with pytest.raises(StoreError, match="read-only"):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)
        server.run("postgres", READ_ONLY.format(name=name, word="off"))
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 30)

    assert WorkflowState.DONE is after.state


#: By table: what somebody writes into one workflow's rows.
HOSTILE = [
    ("messages", "calls = '{\"a\": 1}'"),
    ("messages", "calls = '[[[['"),
    ("messages", "calls = repeat('[', 4000000)"),
    ("tool_calls", "circumstances = '[]'"),
    ("tool_calls", "effect_begun_at = 'Infinity'"),
    ("workflows", "place = '7'"),
    ("workflows", "tools = '[{}]'"),
    ("approvals", "terms = '[7]'"),
    ("approvals", "expires_at = 'NaN'"),
]


async def test_hostile_rows(server: Cluster, tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Whatever somebody wrote into rows as if it had been approved: their workflows end, nothing of them runs,
    and the one beside them goes on.
    """
    url = server.new_database()
    more: dict[str, Any] = {"database_url": url, "scratch_dir": tmp_path / "shared"}
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, **more) as app:
        ids = [await app.submit(ask(requester=f"slack:T1:U{number}")) for number in range(len(HOSTILE))]
        for each in ids:
            await app.wait("T1", each, 30)
    for workflow, (table, change) in zip(ids, HOSTILE, strict=True):
        column = "id" if table == "workflows" else "workflow_id"
        spoil = f"UPDATE {table} SET {change} WHERE {column} = '{workflow}';"
        spoil += f"UPDATE workflows SET state = 'running' WHERE id = '{workflow}';"
        spoil += f"UPDATE tool_calls SET state = 'approved' WHERE workflow_id = '{workflow}'"
        server.run(url.rpartition("/")[2], spoil)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, **more) as app:
        for each in ids:
            await app._dispatcher.rest(each)
        written = list((tmp_path / "shared").rglob("a.md"))
        good = await app.wait("T1", await app.submit(ask()), 30)
        assert good.approval is not None
        await app.decide(approver(), good.approval.id, Decision.APPROVE)
        after = await app.wait("T1", good.id, 30)
    states = server.run(
        url.rpartition("/")[2], f"SELECT DISTINCT state FROM workflows WHERE id <> '{good.id}'"
    )

    assert ([], WorkflowState.DONE) == (written, after.state)
    assert {"failed", "done"} >= set(states.split())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET event = replace(event, 'call', 'cell') WHERE n = 3",
        "DELETE FROM audit WHERE n = 3",
        "DELETE FROM audit WHERE n >= 3",
    ],
)
async def test_an_edited_log(server: Cluster, tmp_path: Path, built_toolboxes: Path, change: str) -> None:
    """
    An event that the database's owner has changed or removed, at the end too, is named by the verifier.
    """
    url = server.new_database()
    more: dict[str, Any] = {"database_url": url, "scratch_dir": tmp_path / "shared"}
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, **more) as app:
        await app.wait("T1", await app.submit(ask()), 30)
    public = (tmp_path / "checkpoints.pub").read_text().strip()
    signed = audit.read(tmp_path / "checkpoints.jsonl", public).checkpoints
    whole = audit.verify(tmp_path, signed, url)
    server.run(url.rpartition("/")[2], f"SET session_replication_role = replica; {change}")
    [after] = [each for each in audit.verify(tmp_path, signed, url) if each.tenant == "T1"]

    assert {""} == {each.fault for each in whole}
    assert (2, True) == (after.events, bool(after.fault))


TABLES = ("tenants", "workflows", "messages", "tool_calls", "approvals", "outbox", "audit")


async def as_released(source: str, target: str) -> None:
    """An empty database as the version before made it, with the rows of another that it has columns for."""
    new, old = await asyncpg.connect(source), await asyncpg.connect(target)
    for number, script in due(0).items():
        if number <= RELEASED:
            await old.execute(for_postgres(number, script))
    await old.execute(f"DELETE FROM schema_version; INSERT INTO schema_version VALUES ({RELEASED})")
    for table in TABLES:
        known = await old.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = $1", table
        )
        names = [row["column_name"] for row in known]
        rows = await new.fetch(f"SELECT {', '.join(names)} FROM {table}")
        marks = ", ".join(f"${n}" for n in range(1, len(names) + 1))
        await old.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", map(tuple, rows))
    await old.execute("SELECT setval(pg_get_serial_sequence('outbox', 'id'), (SELECT max(id) FROM outbox))")
    await asyncio.gather(new.close(), old.close())


async def test_upgrade(server: Cluster, tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What waits in the version before is decided by its old button after the upgrade, and runs.
    """
    before, after = server.new_database(), server.new_database()
    more: dict[str, Any] = {"database_url": before, "scratch_dir": tmp_path / "before"}
    async with engine(tmp_path / "a", Moves(WRITE), built_toolboxes, **more) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        button = app.button(view.approval)
    await as_released(before, after)
    more = {"database_url": after, "scratch_dir": tmp_path / "after"}
    async with engine(tmp_path / "b", Moves(WRITE), built_toolboxes, **more) as app:
        await app.press(approver(), button, Decision.APPROVE)
        state = (await app.wait("T1", view.id, 30)).state

    assert (WorkflowState.DONE, "x") == (state, (tmp_path / "after/T1/a.md").read_text())


async def test_cut_off_while_upgrading(server: Cluster, tmp_path: Path) -> None:
    """
    Cut off in the middle of an upgrade, the schema is the old one, whole; the next attempt ends it.
    """
    url = server.new_database()
    name = url.rpartition("/")[2]
    await as_released(url, url)
    reader = await asyncpg.connect(url)
    reading = reader.transaction()
    await reading.start()
    await reader.execute("LOCK TABLE workflows IN ACCESS SHARE MODE")  # Some statement of it waits for this.
    opening = asyncio.create_task(Store.open(tmp_path, url))
    async with asyncio.timeout(30):
        while server.run(name, CUT_OFF) != "t":  # noqa: ASYNC110 - what another session waits for
            await asyncio.sleep(0.05)
    before = server.run(name, "SELECT version FROM schema_version"), server.run(name, NEW_TABLES)
    await reading.rollback()
    store = await opening
    await asyncio.gather(store.close(), reader.close())

    assert (f"{RELEASED}", "0") == before
    assert (f"{head_version()}", "1") == (
        server.run(name, "SELECT version FROM schema_version"),
        server.run(name, NEW_TABLES),
    )


@pytest.mark.parametrize("jump", [HOUR, -HOUR, DAYS, -DAYS])
async def test_clock_jumps_while_paused(
    server: Cluster, tmp_path: Path, built_toolboxes: Path, jump: float
) -> None:
    """
    A clock ahead ends what waits early, and back again revives nothing; a clock behind lets it wait, and run.
    """
    clock = Clock()
    more: dict[str, Any] = {"database_url": server.new_database(), "scratch_dir": tmp_path / "shared"}
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, clock=clock, **more) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        clock.at += jump
        await app._expire()
        clock.at -= max(jump, 0)
        with contextlib.suppress(Expired):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 30)
        state = (await app.approval("T1", view.approval.id)).state

    assert (ApprovalState.EXPIRED if jump > 0 else ApprovalState.APPROVED) == state
    assert (WorkflowState.DONE, jump < 0) == (after.state, (tmp_path / "shared/T1/a.md").exists())
