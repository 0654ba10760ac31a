"""The store on a real PostgreSQL: what it does otherwise than SQLite, held to the same promises."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.fakes.postgres import NOT_INSTALLED, Cluster, programs
from tests.integration.engine import ADA, ask

from ironclaw.errors import Conflict, StoreError
from ironclaw.store import CallRow, Flow, Spent, Store
from ironclaw.store.migrations import migrate_sqlite
from ironclaw.store.sql import sql
from ironclaw.task import CallState, Move, ToolResult, WorkflowState

pytestmark = pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED)


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    store = await Store.open(Path("unused"), url)
    await store.map_tenants({"T1": "T1", "T2": "T2"}, frozenset({"T1", "T2"}), 1.0)
    yield store
    await store.close()


def columns(rows: Any) -> set[tuple[str, str]]:
    return {(row[0], row[1]) for row in rows}


async def test_both_have_the_same_columns(server: Cluster, store: Store) -> None:
    """
    Each table has the same columns on both; pgqueuer's tables are its own.
    """
    with sqlite3.connect(":memory:") as c:
        migrate_sqlite(c)
        ours = c.execute(
            "SELECT m.name, p.name FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table'"
        )
        expected = columns(ours)

    def unit(c: Any) -> set[tuple[str, str]]:
        return columns(
            c.fetch(
                "SELECT table_name, column_name FROM information_schema.columns "
                "WHERE table_schema = 'public' AND table_name NOT LIKE 'pgqueuer%'"
            )
        )

    assert expected == await store._writer.read(unit)


async def test_each_statement_is_understood(store: Store) -> None:
    """
    PostgreSQL can prepare every named statement.
    """
    names = [name for name in sql._postgres.available_queries if not name.endswith("_cursor")]

    def unit(c: Any) -> int:
        from ironclaw.store.waiting import wait_for  # noqa: PLC0415 - only where it is installed

        return len([wait_for(c.raw.prepare(getattr(sql._postgres, name).sql)) for name in names])

    assert len(names) == await store._writer.read(unit)


async def test_the_audit_log_cannot_be_changed(store: Store) -> None:
    """
    PostgreSQL itself refuses to change or remove an event.
    """
    await store.workflows.add(ask(), "w1", 1.0)
    for statement in ("UPDATE audit SET event = '{}'", "DELETE FROM audit", "TRUNCATE audit"):
        with pytest.raises(StoreError, match="append-only"):
            await store._writer.write(lambda c, statement=statement: c.run(statement))


async def test_units_of_one_tenant_come_one_after_the_other(url: str, store: Store) -> None:
    """
    Two processes that write to one tenant's chain at once leave one unbroken chain.
    """
    other = await Store.open(Path("unused"), url)
    try:
        both = enumerate((store, other))
        tasks = [s.workflows.add(ask(), f"w{n}-{i}", 1.0) for n, s in both for i in range(20)]
        await asyncio.gather(*tasks)
        heads = {head.tenant: head.n for head in await store.audit_heads()}
    finally:
        await other.close()

    assert 40 == heads["T1"]


async def test_who_lost_the_lease_writes_nothing(store: Store) -> None:
    """
    Once another process has taken a workflow over, which its log says, what the first one writes is refused.
    """
    workflow_id, _ = await store.workflows.add(ask(), "w1", 1.0)
    first = await store.leases.claim("T1", workflow_id, "a", 10.0, 5.0)
    stale = await store.workflows.load(workflow_id)
    while_it_lives = await store.leases.claim("T1", workflow_id, "b", 19.0, 9.0)
    with capture_logs() as logs:
        second = await store.leases.claim("T1", workflow_id, "b", 20.0, 11.0)
    with pytest.raises(Conflict):
        await store.workflows.finish(stale, WorkflowState.DONE, "late", 12.0, Spent())

    assert (1, None, 2) == (first, while_it_lives, second)
    assert [("taken_over", workflow_id)] == [(each["event"], each["workflow"]) for each in logs]
    assert (ADA, "") == (stale.requester, (await store.workflows.view("T1", workflow_id)).outcome)


#: Everything that a process writes of a workflow that it advances.
LATE: dict[str, Callable[[Store, Flow, CallRow], Awaitable[object]]] = {
    "begin": lambda s, flow, call: s.calls.begin(flow, call, 12.0),
    "begin effect": lambda s, flow, call: s.calls.begin_effect(flow, call, 12.0),
    "end": lambda s, flow, call: s.calls.end(
        flow, call, CallState.SUCCEEDED, ToolResult(output="1"), "1", Spent(), 12.0
    ),
    "retry": lambda s, flow, call: s.calls.retry(flow, call, str, 12.0),
    "supersede": lambda s, flow, call: s.calls.supersede(flow, call, "gone", 12.0),
    "note": lambda s, flow, call: s.calls.note(flow, call, "call_checking", 12.0),
    "ask": lambda s, flow, call: s.doubts.ask(flow, call, "d1", (), 12.0),
    "move": lambda s, flow, call: s.workflows.record_move(flow, Move(answer="x"), (), (), Spent(), 12.0),
    "pause": lambda s, flow, call: s.workflows.pause(flow, 12.0),
    "finish": lambda s, flow, call: s.workflows.finish(flow, WorkflowState.DONE, "late", 12.0, Spent()),
}
#: The state in which the call must be for that.
STATES = {"begin": "approved", "supersede": "approved", "pause": "pending"}


@pytest.mark.parametrize("what", LATE)
async def test_the_fence(url: str, store: Store, what: str) -> None:
    """
    Who has it writes; once another process has taken it over, the same write is refused and changes nothing.
    """
    workflow_id, _ = await store.workflows.add(ask(), "w1", 1.0)
    await store.leases.claim("T1", workflow_id, "a", 10.0, 5.0)
    await store._writer.write(lambda c: _add_call(c, workflow_id, STATES.get(what, "executing")))
    stale = await store.workflows.load(workflow_id)
    await store.leases.claim("T1", workflow_id, "b", 20.0, 11.0)
    before = await store._writer.read(_rows)
    with pytest.raises(Conflict):
        await LATE[what](store, stale, stale.calls[0])
    after = await store._writer.read(_rows)
    await LATE[what](store, await store.workflows.load(workflow_id), stale.calls[0])

    assert before == after != await store._writer.read(_rows)


def _add_call(c: Any, workflow_id: str, state: str) -> None:
    c.run(
        """INSERT INTO tool_calls (workflow_id, seq, call_id, tool, args, risk, effect, component_sha256,
            manifest_sha256, policy_version, rule, action_sha256, state, idem_key, attempts, circumstances)
        VALUES ($1, 1, 'c1', 'files.write', '{}', 'high', 'once', '', '', '', '', 'a', $2, 'k', 1, '{}')""",
        workflow_id,
        state,
    )


def _rows(c: Any) -> list[Any]:
    """All that a late write could change."""
    tables = ("workflows", "tool_calls", "messages", "audit", "outbox", "doubts")
    return [list(map(tuple, c.fetch(f"SELECT * FROM {table} ORDER BY 1, 2"))) for table in tables]


async def test_a_restart_of_the_server_is_waited_for(server: Cluster, store: Store) -> None:
    """
    What is asked while the server is away is done when it is back.
    """
    await asyncio.to_thread(server.stop, "immediate")
    adding = asyncio.create_task(store.workflows.add(ask(), "w1", 1.0))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(server.start)

    assert ("w1", True) == await adding
