"""What the index of memories is still to be told, written in the transaction that changes the record."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ironclaw.store.sql import Connection, sql
from ironclaw.store.units import Writer

PUT, REMOVE = "put", "remove"
BATCH = 256


@dataclass(frozen=True, slots=True)
class MemoryJob:
    """One thing to tell."""

    memory_id: str
    what: str  #: PUT or REMOVE.
    text: str  #: Of what is put.
    tries: int


class MemoryJobs:
    """The store of them.  A job is done once the index has it on disk."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def tenants(self, now: float) -> tuple[str, ...]:
        """Whose index is to be told something now."""
        return await self._writer.glance(
            lambda c: tuple(row["tenant"] for row in sql.memory_job_tenants(c, now=now))
        )

    async def due(self, tenant: str, now: float) -> tuple[MemoryJob, ...]:
        """The next of a tenant's, oldest first; of what is gone or superseded its removal."""

        def unit(c: Connection) -> tuple[MemoryJob, ...]:
            found = []
            for row in sql.due_memory_jobs(c, tenant=tenant, now=now, limit=BATCH):
                is_there = row["text"] is not None and not row["superseded_by"]
                what = row["what"] if is_there else REMOVE
                found.append(MemoryJob(row["memory_id"], what, row["text"] or "", row["tries"]))
            return tuple(found)

        return await self._writer.glance(unit)

    async def left(self, tenant: str) -> int:
        """How many there are, later ones too."""
        return await self._writer.glance(lambda c: int(sql.memory_jobs_left(c, tenant=tenant)["there"]))

    async def was_put(
        self,
        tenant: str,
        version: str,
        whole: Collection[str],
        by_words: Collection[str],
        later: float,
        now: float,
    ) -> None:
        """The index has these on disk.

        :param whole: with all that it finds them by
        :param by_words: by their words only: their jobs come again
        :param later: unix seconds
        """

        def unit(c: Connection) -> None:
            for each in whole:
                if sql.memory_indexed(c, tenant=tenant, id=each, version=version):
                    sql.end_memory_job(c, tenant=tenant, id=each, what=PUT)
                else:  # It was forgotten meanwhile: perhaps its removal came before it was put.
                    remove(c, tenant, each, now)
            for each in by_words:
                sql.delay_memory_job(c, tenant=tenant, id=each, what=PUT, due_at=later)
                if sql.memory(c, tenant=tenant, id=each) is None:
                    remove(c, tenant, each, now)

        await self._writer.write(unit, tenant)

    async def were_removed(self, tenant: str, ids: Sequence[str]) -> None:
        """The index has them no more."""

        def unit(c: Connection) -> None:
            for each in ids:
                sql.end_memory_job(c, tenant=tenant, id=each, what=REMOVE)
                if sql.memory(c, tenant=tenant, id=each) is None:
                    sql.end_memory_job(c, tenant=tenant, id=each, what=PUT)

        await self._writer.write(unit, tenant)

    async def put_off(self, tenant: str, jobs: Sequence[MemoryJob], later: float) -> None:
        """The index cannot be told now."""

        def unit(c: Connection) -> None:
            for each in jobs:
                for what in (PUT, REMOVE):
                    sql.delay_memory_job(c, tenant=tenant, id=each.memory_id, what=what, due_at=later)

        await self._writer.write(unit, tenant)

    async def queue_missing(self, tenant: str, version: str, now: float, *, anew: bool = False) -> int:
        """Have the index told of what it has not, or another version of it has.

        :param anew: as if it had nothing
        :return: how many there are to tell
        """

        def unit(c: Connection) -> int:
            if anew:
                sql.unindex_memories(c, tenant=tenant)
            return int(sql.queue_unindexed(c, tenant=tenant, version=version, now=now))

        return await self._writer.write(unit, tenant)

    async def expected(self, tenant: str) -> int:
        """How many memories the index of a tenant should have once all is told."""
        return await self._writer.glance(lambda c: int(sql.indexable_memories(c, tenant=tenant)["there"]))


def put(c: Connection, tenant: str, memory_id: str, now: float) -> None:
    """Have a memory found, in the caller's transaction."""
    sql.add_memory_job(c, tenant=tenant, id=memory_id, what=PUT, now=now)


def remove(c: Connection, tenant: str, memory_id: str, now: float) -> None:
    """Have it found no more, likewise."""
    sql.add_memory_job(c, tenant=tenant, id=memory_id, what=REMOVE, now=now)
