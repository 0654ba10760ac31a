"""Group commit: units of work that arrive together share one transaction, one thread hop and one fsync."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import aiosqlite

from ironclaw.errors import StoreError
from ironclaw.store.batches import Job, serve
from ironclaw.store.connecting import connected
from ironclaw.store.copying import Between, copy
from ironclaw.store.files import Files
from ironclaw.store.guarding import guard
from ironclaw.store.instances import Instance
from ironclaw.store.locking import own
from ironclaw.store.looking import DAMAGED, is_damaged
from ironclaw.store.migrations import migrate_sqlite
from ironclaw.store.units import T, Unit

BATCH = 128  #: Units in one transaction at most.
EMPTYINGS = 3  #: Tries; each waits for readers as long as busy_timeout says.


class SqliteWriter:
    """The one connection to the database, and the one task that writes through it."""

    def __init__(self, connection: aiosqlite.Connection, lock: int, files: Files) -> None:
        self._connection = connection
        self._files = files
        self._lock = lock
        self._jobs: asyncio.Queue[Job | None] = asyncio.Queue()
        self._patient: list[Job] = []  #: They wait for one that is in a hurry, or for the timer.
        self._timer: asyncio.TimerHandle | None = None
        self._task = asyncio.create_task(self._work(), name="store-writer")
        self._closed = False
        self._between: Between | None = None  #: While a copy is made.

    @classmethod
    async def open(cls, path: Path) -> SqliteWriter:
        """
        :raises StoreError: another process has it, or it cannot be opened
        """
        lock = own(path)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))  # Ours, whatever the umask.
            connection = await connected(path)
        except (sqlite3.Error, OSError) as error:
            os.close(lock)
            remedy = DAMAGED if is_damaged(error) else "Look at data_dir."
            raise StoreError(f"The database {path.name} cannot be opened: {error}. {remedy}") from None
        writer = cls(connection, lock, Files(path))
        try:
            await writer._hop(_migrate)
            writer._files = Files(path)  # Its log is there by now.
        except BaseException:
            await asyncio.shield(writer.close())
            raise
        return writer

    async def write(self, unit: Unit[T], tenant: str | None = None, within: float = 0.0) -> T:
        """See :class:`Writer`; there is one connection, so that everybody waits for everybody.

        :raises StoreError: the batch could not be committed; nothing of it happened
        """
        return await self._hand_in(unit, reads=False, within=within)

    async def read(self, unit: Unit[T]) -> T:
        """Run one unit that only reads, on the same connection, outside any transaction.

        :raises StoreError: the database is closed
        """
        return await self._hand_in(unit, reads=True)

    async def glance(self, unit: Unit[T]) -> T:
        """See :class:`Writer`; here it costs what a read costs."""
        return await self.read(unit)

    def hold_to(self, instance: Instance) -> None:
        """Nobody restores it while this process has its lock."""

    def is_in_place(self) -> bool:
        """Whether what is written can be found again."""
        try:
            self._files.check()
        except OSError:
            return False
        return True

    async def copy_to(self, file: Path) -> None:
        """Make a new file with all that is committed when this returns; others are served meanwhile.

        :raises StoreError: it could not be made, or another one is just being made
        """
        if self._between:
            raise StoreError("Another backup is just being made. Wait for it.")
        self._between = between = Between()
        try:
            await self._hop(lambda connection: copy(connection, file, lambda: self._pause(connection)))
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{file.name}: no copy could be made: {error}.") from None
        finally:
            self._between = None
            await between.finish(self._hop)

    async def empty_log(self) -> None:
        """Bring all that is committed into the database's file, and empty its log.

        :raises StoreError: somebody reads so long that it cannot be emptied; what is removed is still in it
        """
        hop = self._between.run if self._between else self._hop
        for _ in range(EMPTYINGS):
            if not await hop(_checkpoint):
                return
        raise StoreError(
            "What was removed is still in the database's log: a long reader keeps it. Try again."
        )

    async def rewrite(self, tables: Sequence[str]) -> None:
        """Leave nothing of what was removed in any page of the file or its log.  Everybody waits meanwhile.

        :param tables: see :meth:`Writer.rewrite`; here all of the file is written anew
        :raises StoreError: it could not be done, as long as somebody reads or copies it
        """
        if self._between:
            raise StoreError("A backup is just being made. Run it again when it is done.")
        try:
            await self._hop(_vacuum)
        except sqlite3.Error as error:
            raise StoreError(f"The database could not be written anew: {error}. Run it again.") from None
        await self.empty_log()

    def _pause(self, connection: sqlite3.Connection) -> None:
        """Between two pieces of a copy."""
        if self._closed:
            raise StoreError("The bot is stopping: no copy was made.")
        if self._between:
            self._between.serve(connection)

    async def _hand_in(self, unit: Unit[T], *, reads: bool, within: float = 0.0) -> T:
        if self._closed:
            raise StoreError("The database is closed; the process is stopping.")
        loop = asyncio.get_running_loop()
        job = Job(unit, loop.create_future(), reads)
        if within:
            self._patient.append(job)
            self._timer = self._timer or loop.call_later(within, self._hurry)
        else:
            if not reads:
                self._hurry()
            self._jobs.put_nowait(job)
        return await job.done  # type: ignore[no-any-return]

    def _hurry(self) -> None:
        """Have what is patient go with the next batch."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        for job in self._patient:
            self._jobs.put_nowait(job)
        self._patient.clear()

    def clock(self) -> float:
        """This machine's time."""
        return time.time()

    async def close(self) -> None:
        """Commit what was handed in, then close."""
        if self._closed:
            return
        self._closed = True
        self._hurry()
        await self._jobs.put(None)
        await self._task
        await self._connection.close()
        os.close(self._lock)

    async def _work(self) -> None:
        stopping = False
        while not stopping:
            batch = [await self._jobs.get()]
            while len(batch) < BATCH and not self._jobs.empty():
                batch.append(self._jobs.get_nowait())
            stopping = None in batch
            await self._serve([job for job in batch if job is not None])

    async def _serve(self, jobs: Sequence[Job]) -> None:
        try:
            hop = self._between.run if self._between else self._hop
            results = await hop(lambda connection: serve(connection, jobs, self._files.check))
        except Exception as error:  # noqa: BLE001 - every caller hears of it, the writer lives on
            results = [StoreError(f"The database cannot be used: {error}.")] * len(jobs)
        for job, result in zip(jobs, results, strict=True):
            job.tell(result)

    async def _hop(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        # Both private names are held by a test: one thread hop a batch is where the speed comes from.
        raw = self._connection._conn
        return await self._connection._execute(unit, raw)  # type: ignore[no-any-return, no-untyped-call]


def _checkpoint(connection: sqlite3.Connection) -> int:
    """Truncate the log; 1 where somebody still reads it, 0 where it is done."""
    return int(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])


def _migrate(connection: sqlite3.Connection) -> None:
    """
    :raises StoreError: a newer version made it, or it cannot be written to
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        migrate_sqlite(connection)  # Our own scripts, which may change what the guard holds.
        connection.execute("COMMIT")
        connection.set_authorizer(guard)
    except sqlite3.Error as error:
        raise StoreError(f"The database's schema cannot be brought up to date: {error}.") from None
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _vacuum(connection: sqlite3.Connection) -> None:
    connection.set_authorizer(None)  # It works by statements that the guard would refuse.
    try:
        connection.execute("VACUUM")
    finally:
        connection.set_authorizer(guard)
