"""Removes what was kept as long as a tenant wants it kept: texts, memories, and the audit log's words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from ironclaw.store import Store
from ironclaw.store.retention import Page
from ironclaw.tenancy import Tenancy

DAY = 86_400.0
EVERY = 3_600.0  #: Seconds between looks.

log = structlog.get_logger(__name__)


class Expiring(Protocol):
    """What forgets memories: of :class:`ironclaw.app.memories.Memories`, so much."""

    async def expire(self, tenant: str, until: float) -> int:
        """How many of a page were past their time, or older than ``until``."""
        ...


class Keeping:
    """The chore.  A tenant that is not served any more is left as it is: its settings are not there."""

    def __init__(
        self,
        store: Store,
        tenancy: Tenancy,
        memories: Expiring,
        drop_results: Callable[[str, str], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        """:param drop_results: removes what a tenant's workflow has kept of long results"""
        self._store = store
        self._tenancy = tenancy
        self._memories = memories
        self._drop_results = drop_results
        self._clock = clock
        self._looked_at = float("-inf")

    async def sweep(self) -> None:
        """Once an hour all that is due, of every tenant; what was forgotten meanwhile at once."""
        await self._rest_of_memories()
        if self._clock() - self._looked_at < EVERY:
            return
        self._looked_at = self._clock()
        await self.sweep_now()

    async def sweep_now(self) -> None:
        """Remove all that is due."""
        await self._rest_of_memories()
        removed = 0
        for tenant in sorted(self._tenancy.ids):
            removed += (
                await self._texts(tenant) + await self._old_memories(tenant) + await self._events(tenant)
            )
        if removed:
            await self._store.empty_log()

    async def _rest_of_memories(self) -> None:
        """What was forgotten while a workflow held it, which has ended by now."""
        for tenant in await self._store.memory_remains.to_settle():
            ended = await self._store.memory_remains.take_out(tenant, self._clock())
            for workflow_id in ended:
                await self._drop(tenant, workflow_id)
            await self._store.memory_remains.drop(tenant, ended)
            await self._store.empty_log()

    def _until(self, tenant: str, what: str) -> float:
        """Before when it is to go; 0.0 where it stays."""
        days = self._tenancy.days(tenant, what)
        return self._clock() - days * DAY if days else 0.0

    async def _texts(self, tenant: str) -> int:
        until, count = self._until(tenant, "history"), 0
        while until:
            page = await self._store.retention.erase_texts(tenant, until, self._clock())
            for workflow_id in page.erased:
                await self._drop(tenant, workflow_id)
            count += len(page.erased)
            if page.is_last:
                break
        return count

    async def _drop(self, tenant: str, workflow_id: str) -> None:
        try:
            await self._drop_results(tenant, workflow_id)
        except OSError as error:  # Tools may have put anything there; it is theirs, and under their quota.
            log.warning("results_not_removed", tenant=tenant, workflow=workflow_id, why=error.strerror)

    async def _old_memories(self, tenant: str) -> int:
        until, count = self._until(tenant, "memory"), 0
        while gone := await self._memories.expire(tenant, until):
            count += gone
        return count

    async def _events(self, tenant: str) -> int:
        until, count = self._until(tenant, "audit"), 0
        page = Page()
        while until and not page.is_last:
            page = await self._store.retention.forget_events(tenant, until, self._clock(), page)
            count += len(page.erased)
        return count
