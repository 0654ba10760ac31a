"""Decides which workflow advances when: in one process, once at a time each, and fairly between tenants."""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

import structlog

from ironclaw.errors import StoreError
from ironclaw.turns import Gate, Start

log = structlog.get_logger(__name__)


class Dispatcher(Protocol):
    """Sees that what can go on does."""

    async def start(self) -> None:
        """Begin."""
        ...

    async def take_up(self) -> None:
        """Look for what should go on and nobody works on: at a start, and from time to time."""
        ...

    def wake(self, workflow_id: str, tenant: str) -> None:
        """Have the workflow go on when it is its tenant's turn."""
        ...

    async def rest(self, workflow_id: str) -> None:
        """Return when nobody advances the workflow any more; or at the close."""
        ...

    @property
    def at_work(self) -> tuple[str, ...]:
        """The workflows that this process works on now."""
        ...

    async def drain(self, seconds: float) -> None:
        """Begin nothing any more, and wait for what runs to come to a rest."""
        ...

    async def close(self) -> None:
        """Cut off what runs; the rows say where to go on."""
        ...


class LocalDispatcher:
    """Advances workflows as tasks of this process.  Who waits for a turn is no task yet.

    :param advance: ``Orchestrator.run``: gives the workflow that may go on because this one has ended, or ""
    :param open_ids: gives each workflow that should be going on, with its tenant
    :param moved: told when a workflow may have something new to tell
    """

    def __init__(
        self,
        advance: Callable[[str], Awaitable[str]],
        open_ids: Callable[[], Awaitable[Iterable[tuple[str, str]]]],
        moved: Callable[[], None],
        gate: Gate,
    ) -> None:
        self._advance = advance
        self._open_ids = open_ids
        self._moved = moved
        self._gate = gate
        self._waiting: dict[str, tuple[str, Start]] = {}  #: Tenant and place in the line, by workflow.
        self._at_work: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._resting: dict[str, asyncio.Event] = {}
        self._is_closed = False

    async def start(self) -> None:
        """There is nothing to begin."""

    async def take_up(self) -> None:
        """Wake all that should be going on."""
        for workflow_id, tenant in await self._open_ids():
            self.wake(workflow_id, tenant)

    def wake(self, workflow_id: str, tenant: str) -> None:
        """Have the workflow go on when it is its tenant's turn; woken while it goes, it looks once more."""
        self._moved()
        if workflow_id in self._at_work:
            self._again.add(workflow_id)
        elif workflow_id not in self._waiting and not self._is_closed:
            context = contextvars.copy_context()
            start = functools.partial(self._begin, workflow_id, tenant, context)
            self._waiting[workflow_id] = (tenant, start)
            self._gate.enter(tenant, start)

    async def rest(self, workflow_id: str) -> None:
        """Return when nobody advances the workflow any more, nor will by themselves; or at the close."""
        while not self._is_closed and (workflow_id in self._waiting or workflow_id in self._at_work):
            await self._resting.setdefault(workflow_id, asyncio.Event()).wait()

    @property
    def at_work(self) -> tuple[str, ...]:
        """The workflows that are tasks now."""
        return tuple(self._at_work)

    async def drain(self, seconds: float) -> None:
        """Begin nothing any more, and wait for what runs to come to a rest."""
        self._stop_beginning()
        if self._at_work:
            await asyncio.wait(list(self._at_work.values()), timeout=seconds)

    async def close(self) -> None:
        """Cut off what runs; the rows say where to go on."""
        self._stop_beginning()
        tasks = list(self._at_work.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _stop_beginning(self) -> None:
        self._is_closed = True
        for tenant, start in self._waiting.values():
            self._gate.forget(tenant, start)
        self._waiting.clear()
        for resting in self._resting.values():
            resting.set()

    def _begin(self, workflow_id: str, tenant: str, context: contextvars.Context) -> None:
        """In the context of who woke it: who left the place has nothing to do with it."""
        del self._waiting[workflow_id]
        task = asyncio.create_task(self._run(workflow_id, tenant), context=context)
        self._at_work[workflow_id] = task

    async def _run(self, workflow_id: str, tenant: str) -> None:
        follower = ""
        try:
            follower = await self._advance(workflow_id)
        except Exception as error:  # noqa: BLE001 - the rows are as they were: it is taken up again later.
            stalled(error, workflow_id)
        finally:
            del self._at_work[workflow_id]
            self._gate.leave(tenant)
            self._moved()
            self._go_on(workflow_id, tenant)
        if follower:
            self.wake(follower, tenant)

    def _go_on(self, workflow_id: str, tenant: str) -> None:
        if workflow_id in self._again:
            self._again.discard(workflow_id)
            self.wake(workflow_id, tenant)
        elif resting := self._resting.pop(workflow_id, None):
            resting.set()


def stalled(error: Exception, workflow_id: str) -> None:
    """Have the log say that a workflow could not go on; with a traceback where nobody foresaw why."""
    if isinstance(error, StoreError):
        log.warning("workflow_stalled", workflow=workflow_id, error=str(error))
    else:
        log.error("workflow_stalled", workflow=workflow_id, exc_info=error)
