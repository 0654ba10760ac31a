"""Decides which workflow advances when: in one process, as soon as it is woken, once at a time each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)


class LocalDispatcher:
    """Advances workflows as tasks of this process.

    :param advance: ``Orchestrator.run``
    :param moved: told when a workflow may have something new to tell
    """

    def __init__(self, advance: Callable[[str], Awaitable[None]], moved: Callable[[], None]) -> None:
        self._advance = advance
        self._moved = moved
        self._at_work: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()

    def wake(self, workflow_id: str) -> None:
        """Have the workflow go on; woken while it goes, it looks once more at its end."""
        self._moved()
        if workflow_id in self._at_work:
            self._again.add(workflow_id)
        else:
            self._at_work[workflow_id] = asyncio.create_task(self._run(workflow_id))

    async def rest(self, workflow_id: str) -> None:
        """Return when nobody advances the workflow any more."""
        while at_work := self._at_work.get(workflow_id):
            await asyncio.wait([at_work])

    async def close(self) -> None:
        """Cut off what runs; the rows say where to go on."""
        tasks = list(self._at_work.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, workflow_id: str) -> None:
        try:
            await self._advance(workflow_id)
        except Exception:  # The rows are as they were: it is taken up again later.
            log.exception("workflow_stalled", workflow=workflow_id)
        finally:
            del self._at_work[workflow_id]
            self._moved()
        if workflow_id in self._again:
            self._again.discard(workflow_id)
            self.wake(workflow_id)
