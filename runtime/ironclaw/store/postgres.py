"""The store on PostgreSQL: the same units of work, for many processes at once.

Each unit is one transaction.  Before anything else it takes the lock of its tenant, and everybody's shared:
so the units of one tenant come one after the other, on all machines, as they do with SQLite's one writer, and
each sees what the one before it committed.  A unit without a tenant takes everybody's lock alone.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from ironclaw.errors import StoreError
from ironclaw.store.beside import IS_MADE, PATIENCE
from ironclaw.store.faults import AGAIN, AWAY, explained
from ironclaw.store.gathering import Gathering
from ironclaw.store.instances import Instance
from ironclaw.store.migrations import due, for_postgres
from ironclaw.store.reaching import Outage, unusable
from ironclaw.store.together import in_one
from ironclaw.store.units import T, Unit
from ironclaw.store.waiting import Waiting, in_greenlet, wait_for

CONNECTIONS = 16  #: Of one process at most.
REWRITING = 3600.0  #: Seconds that writing one table anew may take.
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  #: Seconds between tries.
STATEMENTS = 1024  #: Prepared ones that a connection keeps: more than queries.sql has.
#: A process that is stopped, or whose machine is gone, keeps its locks no longer than this.
SIGNS_OF_LIFE = {
    "idle_in_transaction_session_timeout": "10s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
LOCKS = 0x1C1A  #: The first number of our advisory locks.
#: PostgreSQL evaluates them in this order; the time is of after the wait.
TAKE_OF_TENANT = """SELECT pg_advisory_xact_lock_shared($1, 0), pg_advisory_xact_lock($1 + 1, hashtext($2)),
    extract(epoch FROM clock_timestamp())::double precision"""
TAKE_ALL = "SELECT pg_advisory_xact_lock($1, 0), 0, extract(epoch FROM clock_timestamp())::double precision"
#: Which life of the database it is, as of the same statement.  Who waited for the lock while it was restored
#: may see the one of before: the leases' epochs are others after it, and refuse what it writes.
LIFE = ", (SELECT id || ' ' || epoch FROM instance ORDER BY epoch DESC, id LIMIT 1)"
OTHER_LIFE = "The database was restored while this process ran. Nothing was changed. Start this process anew."
#: Whether other processes of ours have this database open; people with psql do not count.
OTHERS = """SELECT count(*) AS there FROM pg_stat_activity WHERE datname = current_database()
    AND application_name LIKE 'ironclaw %' AND application_name <> current_setting('application_name')"""


class PostgresWriter:
    """A pool of connections; see :class:`~ironclaw.store.units.Writer`."""

    def __init__(self, pool: asyncpg.Pool[Any], url: str) -> None:
        self._pool = pool
        self._outage = Outage(url)
        self._at_work: set[asyncio.Task[Any]] = set()
        self._gathering = Gathering(
            lambda units, tenant: self._patiently(lambda: self._write_all(units, tenant))
        )
        self._closed = False
        self._life = ""  #: Of the database, as it was when this process asked; "" for any.
        self.ahead = 0.0  #: Seconds that the server's clock is ahead of ours.

    @classmethod
    async def open(cls, url: str) -> PostgresWriter:
        """Connect, and bring the schema up to date.

        :raises StoreError: it cannot be reached or used, or a newer version made it
        """
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=0,
                max_size=CONNECTIONS,
                statement_cache_size=STATEMENTS,
                command_timeout=60,
                reset=_as_it_is,
                server_settings={"application_name": f"ironclaw {secrets.token_hex(4)}", **SIGNS_OF_LIFE},
            )
        except (asyncpg.PostgresError, ValueError, *AWAY) as error:
            raise unusable(error, url) from None
        writer = cls(pool, url)
        try:
            await writer.write(_migrate)
            await writer.write(_make_queue)
        except ValueError as error:  # asyncpg's word for an address that is none.
            await asyncio.shield(writer.close())
            raise unusable(error, url) from None
        except BaseException:
            await asyncio.shield(writer.close())
            raise
        return writer

    def clock(self) -> float:
        """The server's time, unix seconds, as it was last seen: one for all machines."""
        return time.time() + self.ahead

    async def write(self, unit: Unit[T], tenant: str | None = None, within: float = 0.0) -> T:
        """Run one unit in a transaction, which other units of its tenant may share."""
        if self._closed:
            raise StoreError("The database is closed; the process is stopping.")
        if tenant is None:
            return await self._shielded(lambda: self._write(unit, None))
        return await self._gathering.hand_in(unit, tenant, within)

    async def read(self, unit: Unit[T]) -> T:
        """Run one unit on one snapshot."""
        return await self._shielded(lambda: self._read(unit))

    async def glance(self, unit: Unit[T]) -> T:
        """Run one statement that only reads, without a transaction around it."""
        return await self._shielded(lambda: self._glance(unit))

    async def rewrite(self, tables: Sequence[str]) -> None:
        """Write these tables anew; what the server's own log still has, it removes by itself in time."""
        for table in tables:
            await self._shielded(lambda table=table: self._rewrite(table))  # type: ignore[misc]

    async def _rewrite(self, table: str) -> None:
        async with self._borrowed() as raw:
            await raw.execute(f"VACUUM FULL {table}", timeout=REWRITING)

    def hold_to(self, instance: Instance) -> None:
        """From now on, write to no other life of the database."""
        self._life = f"{instance.id} {instance.epoch}"

    async def close(self) -> None:
        """Let end what was begun, then close."""
        if self._closed:
            return
        self._closed = True
        await self._gathering.emptied()
        await asyncio.gather(*self._at_work, return_exceptions=True)
        await self._pool.close()

    async def _shielded(self, work: Callable[[], Awaitable[T]]) -> T:
        """A caller who goes away stops nothing: half a transaction is nobody's wish."""
        if self._closed:
            raise StoreError("The database is closed; the process is stopping.")
        task = asyncio.ensure_future(self._patiently(work))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        return await asyncio.shield(task)

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Try again what did not happen, for as long as a restart of the server takes."""
        until = time.monotonic() + PATIENCE
        for pause in _pauses():
            try:
                result = await work()
            except AGAIN:
                await asyncio.sleep(pause)
            except AWAY as error:
                if isinstance(error, ValueError):
                    raise explained(error) from None
                self._outage.goes_on(error)
                if time.monotonic() > until or self._closed:
                    raise StoreError(
                        f"The database cannot be reached: {self._outage.say(error)}. Nothing was changed."
                    ) from None
                await asyncio.sleep(pause)
            except asyncpg.PostgresError as error:
                raise explained(error) from None
            else:
                self._outage.is_over()
                return result
        raise AssertionError("there is always another pause")

    async def _write(self, unit: Unit[T], tenant: str | None) -> T:
        [result] = await self._write_all([unit], tenant)
        return result  # type: ignore[no-any-return]

    async def _write_all(self, units: Sequence[Unit[Any]], tenant: str | None) -> list[Any]:
        """All of them in one transaction; a single one that fails undoes it."""
        async with self._borrowed() as raw:
            return await in_one(raw, lambda: self._take_locks(raw, tenant), units)

    async def _take_locks(self, raw: Any, tenant: str | None) -> None:
        """
        :raises StoreError: the database was restored since this process asked which it is
        """
        take, values = (TAKE_ALL, [LOCKS]) if tenant is None else (TAKE_OF_TENANT, [LOCKS, tenant])
        row = await raw.fetchrow(take + (LIFE if self._life else ""), *values)
        self.ahead = row[2] - time.time()
        if self._life and row[3] != self._life:
            raise StoreError(OTHER_LIFE)

    async def _read(self, unit: Unit[T]) -> T:
        async with self._borrowed() as raw, raw.transaction(isolation="repeatable_read", readonly=True):
            return await in_greenlet(unit, Waiting(raw))

    async def _glance(self, unit: Unit[T]) -> T:
        async with self._borrowed() as raw:
            return await in_greenlet(unit, Waiting(raw))

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[Any]:
        """A connection of the pool.  One that breaks when it is given back undoes nothing of what it did."""
        raw = await self._pool.acquire()
        try:
            yield raw
        finally:
            with suppress(asyncpg.PostgresError, *AWAY):
                await self._pool.release(raw)


async def _as_it_is(_connection: Any) -> None:
    """What is left of a transaction that ended is nothing: there is nothing to reset."""


def check_alone(c: Any) -> None:
    """
    :raises StoreError: other processes have this database open
    """
    if c.fetch(OTHERS)[0]["there"]:
        raise StoreError("Other ironclaw processes have this database open. Stop all of them first.")


def _pauses() -> Generator[float, None, None]:
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(LONGEST_PAUSE, pause * 2)


def _migrate(c: Any) -> None:
    """
    :raises StoreError: a newer version made it
    """
    known = c.fetch(IS_MADE)[0]["is_there"]
    version = c.fetch("SELECT version FROM schema_version")[0]["version"] if known else 0
    for number, script in due(version).items():
        wait_for(c.raw.execute(for_postgres(number, script)))
        c.run("DELETE FROM schema_version")
        c.run("INSERT INTO schema_version (version) VALUES ($1)", number)


def _make_queue(c: Any) -> None:
    """pgqueuer's tables, as this version of it wants them."""
    queue = Queries(AsyncpgDriver(c.raw))
    is_there = wait_for(queue.schema_is_installed())
    wait_for(queue.upgrade() if is_there else queue.install())
