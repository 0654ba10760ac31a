"""Group commit for a database with many writers: what a tenant's callers hand in meanwhile goes together.

A tenant's units come one after the other anyway.  So those that wait while one commits share the next
transaction, its lock and its flush.  Who is patient waits a moment for one who is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ironclaw.store.units import T, Unit

BATCH = 64  #: Units in one transaction at most.

#: Runs the units of one tenant in one transaction: the result of each, or the exception that undid it alone.
Apply = Callable[[Sequence[Unit[Any]], str], Awaitable[Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class _Job:
    unit: Unit[Any]
    done: asyncio.Future[Any]

    def tell(self, result: Any) -> None:
        """Wake who waits, unless they have gone."""
        if self.done.cancelled():
            return
        if isinstance(result, Exception):
            self.done.set_exception(result)
        else:
            self.done.set_result(result)


class Gathering:
    """A line of units for each tenant, and a task for each line that is not empty."""

    def __init__(self, apply: Apply) -> None:
        self._apply = apply
        self._lines: dict[str, list[_Job]] = {}
        self._patient: dict[str, tuple[list[_Job], asyncio.TimerHandle]] = {}  #: By tenant, with their timer.
        self._servers: set[asyncio.Task[None]] = set()

    async def hand_in(self, unit: Unit[T], tenant: str, within: float = 0.0) -> T:
        """Return when it is durable.  Who goes away stops nothing.

        :param within: seconds that it may wait for another one of its tenant
        :raises Exception: what the unit raised, or why its transaction could not be committed
        """
        loop = asyncio.get_running_loop()
        job = _Job(unit, loop.create_future())
        if tenant in self._lines:
            self._lines[tenant].append(job)
        elif not within:
            self._begin(tenant, job)
        elif tenant in self._patient:
            self._patient[tenant][0].append(job)
        else:
            self._patient[tenant] = [job], loop.call_later(within, self._begin, tenant)
        return await job.done  # type: ignore[no-any-return]

    async def emptied(self) -> None:
        """Return when nothing is in a line any more."""
        for tenant in list(self._patient):
            self._begin(tenant)
        await asyncio.gather(*self._servers, return_exceptions=True)

    def _begin(self, tenant: str, *jobs: _Job) -> None:
        """A line of those who were patient, and of one who is not."""
        patient, timer = self._patient.pop(tenant, ([], None))
        if timer:
            timer.cancel()
        self._lines[tenant] = [*patient, *jobs]
        server = asyncio.create_task(self._serve(tenant))
        self._servers.add(server)
        server.add_done_callback(self._servers.discard)

    async def _serve(self, tenant: str) -> None:
        line = self._lines[tenant]
        while line:
            jobs, line[:] = line[:BATCH], line[BATCH:]
            for job, result in zip(jobs, await self._applied(jobs, tenant), strict=True):
                job.tell(result)
        del self._lines[tenant]

    async def _applied(self, jobs: Sequence[_Job], tenant: str) -> Sequence[Any]:
        try:
            return await self._apply([job.unit for job in jobs], tenant)
        except Exception as error:  # noqa: BLE001 - every caller hears of it
            return [error] * len(jobs)
