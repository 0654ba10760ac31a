"""Units of work on PostgreSQL: plain functions, which wait for the server without holding up the event loop.

Each runs in a greenlet (what SQLAlchemy does for its asyncio part).
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from greenlet import getcurrent, greenlet
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from ironclaw.store.sql import PostgresConnection
from ironclaw.store.units import T, Unit

ADVANCE = "ironclaw_advance:"  #: What the queue's lines are called, before the tenant.
VERSION = """SELECT w.version, w.tenant, (SELECT count(*) FROM workflows o WHERE o.tenant || '' = w.tenant
        AND o.state IN ('queued', 'running'))::int AS others
    FROM workflows w WHERE w.id = $1"""


class Waiting:
    """A connection whose statements wait; for use in :func:`in_greenlet` only."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw  #: asyncpg's own, for what is enqueued in the same transaction.

    def fetch(self, statement: str, *values: Any) -> list[Any]:
        found: list[Any] = wait_for(self.raw.fetch(statement, *values))
        return found

    def run(self, statement: str, *values: Any) -> int:
        """How many rows it changed: the last word of what the server says ("UPDATE 1")."""
        said: str = wait_for(self.raw.execute(statement, *values))
        return int(said.rpartition(" ")[2])

    def copy(self, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        """Add many rows to a table at once."""
        wait_for(self.raw.copy_records_to_table(table, records=rows, columns=columns))

    def announce(self, workflow_id: str) -> None:
        """One job for each version of a workflow: what is queued or at work already is not queued twice.

        Whoever has fewer tasks at work comes first.
        """
        row = self.fetch(VERSION, workflow_id)[0]
        queue = Queries(AsyncpgDriver(self.raw))
        line, key = line_of(row["tenant"]), f"{workflow_id}:{row['version']}"
        # "skip": a duplicate must not undo the transaction that a decision stands in.
        wait_for(
            queue.enqueue(line, workflow_id.encode(), -row["others"], dedupe_key=key, on_conflict="skip")
        )


def line_of(tenant: str) -> str:
    """The queue's name for "go on with a workflow of this tenant"."""
    return ADVANCE + tenant


def tenant_of(line: str) -> str:
    """Whose line of the queue it is."""
    return line.removeprefix(ADVANCE)


def wait_for(awaitable: Awaitable[T]) -> T:
    """Wait within a unit, without holding up the event loop."""
    result: T = getcurrent().parent.switch(awaitable)
    return result


async def in_greenlet(unit: Unit[T], c: PostgresConnection) -> T:
    """Run the unit; what it waits for is awaited here."""
    worker = greenlet(unit)
    worker.gr_context = getcurrent().gr_context
    given = worker.switch(c)
    while not worker.dead:
        try:
            got = await given
        except BaseException as error:  # noqa: BLE001 - it belongs to the unit
            given = worker.throw(error)
        else:
            given = worker.switch(got)
    result: T = given
    return result
