"""Has the index of memories follow their record: by jobs that outlive any crash, or all anew."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence

import structlog

from ironclaw.errors import IndexUnavailable
from ironclaw.recall import Indexed, MemoryIndex, MemoryIndexes
from ironclaw.store import Store
from ironclaw.store.memory_jobs import PUT, REMOVE, MemoryJob

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0  #: Seconds until what failed is tried again; each time twice as long.
LOOK = 300.0  #: Seconds between looks whether the index has what it should have.
NO_INDEX = "No plugin here finds memories again: add memory_qdrant to plugins."

log = structlog.get_logger(__name__)


class MemoryIndexing:
    """Tells the index what the jobs say.  One at a time of each tenant, in this process."""

    def __init__(self, store: Store, indexes: MemoryIndexes | None, clock: Callable[[], float]) -> None:
        self._store = store
        self._indexes = indexes
        self._clock = clock
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._looked_at = float("-inf")

    @property
    def kind(self) -> str:
        """What search is by: "lexical", "hybrid" or "" where nothing searches."""
        return self._indexes.kind if self._indexes else ""

    async def keep_up(self) -> None:
        """Tell the index all that is due; now and then see whether it has what it should have."""
        if self._indexes is None:
            return
        if self._clock() - self._looked_at >= LOOK:
            self._looked_at = self._clock()
            await self._look(self._indexes)
        for tenant in await self._store.memory_jobs.tenants(self._clock()):
            await self.apply(tenant)

    async def apply(self, tenant: str) -> bool:
        """Tell the index of one tenant what is due.

        :return: False where it could not be told: it is tried again later
        """
        if self._indexes is None:
            return False
        async with self._turns[tenant]:
            while jobs := await self._store.memory_jobs.due(tenant, self._clock()):
                if not await self._told(tenant, self._indexes, jobs):
                    return False
        return True

    async def reindex(self, tenant: str) -> int:
        """Make the index anew from the record.

        :return: how many memories it has now
        :raises IndexUnavailable: it could not; what is left to tell is told later
        """
        if self._indexes is None:
            raise IndexUnavailable(NO_INDEX)
        async with self._turns[tenant]:
            await self._indexes.of(tenant).clear()
            await self._store.memory_jobs.queue_missing(
                tenant, self._indexes.version, self._clock(), anew=True
            )
        if not await self.apply(tenant):
            raise IndexUnavailable("Not all of it could be indexed now: the bot goes on with it by itself.")
        return await self._indexes.of(tenant).count()

    async def clear(self, tenant: str) -> None:
        """Remove all that the index has of a tenant, of any version.

        :raises IndexUnavailable: some of it may still be there
        """
        if self._indexes is not None:
            async with self._turns[tenant]:
                await self._indexes.of(tenant).clear()

    async def _look(self, indexes: MemoryIndexes) -> None:
        for tenant in await self._store.memories.tenants():
            try:
                await self._mend(tenant, indexes)
            except IndexUnavailable as error:
                log.warning("memory_index_unavailable", tenant=tenant, why=str(error))

    async def _mend(self, tenant: str, indexes: MemoryIndexes) -> None:
        """Queue what another version has, or none; where the index has lost some or too many, all of it.

        :raises IndexUnavailable: nobody can ask it now
        """
        now, version = self._clock(), indexes.version
        await self._store.memory_jobs.queue_missing(tenant, version, now)
        if await self._store.memory_jobs.left(tenant):
            return
        async with self._turns[tenant]:
            there = await indexes.of(tenant).count()
            wanted = await self._store.memory_jobs.expected(tenant)
            if there == wanted or await self._store.memory_jobs.left(tenant):
                return
            log.warning("memory_index_differs", tenant=tenant, has=there, record=wanted)
            if there > wanted:
                await indexes.of(tenant).clear()
            await self._store.memory_jobs.queue_missing(tenant, version, now, anew=True)

    async def _told(self, tenant: str, indexes: MemoryIndexes, jobs: Sequence[MemoryJob]) -> bool:
        try:
            await self._remove(tenant, indexes.of(tenant), [job for job in jobs if job.what == REMOVE])
            await self._put(tenant, indexes, [job for job in jobs if job.what == PUT])
        except Exception as error:  # noqa: BLE001 - a plugin's: the jobs are there, whatever it was
            log.warning("memory_index_unavailable", tenant=tenant, why=_why(error))
            await self._store.memory_jobs.put_off(tenant, jobs, self._clock() + _pause(jobs))
            return False
        return True

    async def _remove(self, tenant: str, index: MemoryIndex, jobs: Sequence[MemoryJob]) -> None:
        if ids := [job.memory_id for job in jobs]:
            await index.remove(ids)
            await self._store.memory_jobs.were_removed(tenant, ids)

    async def _put(self, tenant: str, indexes: MemoryIndexes, jobs: Sequence[MemoryJob]) -> None:
        if not jobs:
            return
        lacking = set(await indexes.of(tenant).put([Indexed(job.memory_id, job.text) for job in jobs]))
        whole = [job.memory_id for job in jobs if job.memory_id not in lacking]
        now = self._clock()
        await self._store.memory_jobs.was_put(
            tenant, indexes.version, whole, lacking, now + _pause(jobs), now
        )


def _pause(jobs: Sequence[MemoryJob]) -> float:
    return float(min(FIRST_PAUSE * 2 ** min(max(job.tries for job in jobs), 10), LONGEST_PAUSE))


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, IndexUnavailable) else type(error).__name__
