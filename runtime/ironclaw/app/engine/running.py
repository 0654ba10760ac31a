"""From start to stop: the chores behind the doors."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from ironclaw.app.engine.parts import Assembled
from ironclaw.errors import StoreError

log = structlog.get_logger(__name__)

WATCH = 2.0  #: Seconds between looks at the files of policy.
SWEEP = 1.0  #: Seconds between looks for expired approvals.
RECONCILE = 30.0  #: Seconds between looks for workflows that nobody advances.


class Running(Assembled):
    """Takes up what there is, keeps it going and lets go of it."""

    async def start(self) -> None:
        """Take up what a stop or a crash left, and begin the chores."""
        self._tenancy.learn_states(await self._store.tenants.states())
        await self._store.map_tenants(self._tenancy.workspaces, self._tenancy.ids, self._clock())
        await self.policies.begin()
        await self._tools.record()
        await self.recovery.begin()
        await self._dispatcher.start()
        await self._dispatcher.take_up()
        chores = (
            self._delivery.run(),
            self.policies.look_through(),
            self._every(WATCH, self.policies.watch),
            self._every(SWEEP, self.vault.keep_up),
            self._every(SWEEP, self._keep_up),
            self._every(SWEEP, self._expire),
            self._every(SWEEP, self._expire_questions),
            self._every(SWEEP, self._remind),
            self._every(SWEEP, self.schedules.sweep),
            self._every(SWEEP, self._remembering.indexing.keep_up),
            self._every(RECONCILE, self._remembering.keeping.sweep),
            self._every(RECONCILE, self._reconcile),
        )
        self._chores = [asyncio.create_task(chore) for chore in chores]

    async def drain(self, seconds: float) -> None:
        """Take no task any more; let each step that runs end, then tell what is to be told.

        What has not ended is parked: the next start takes it up.

        :param seconds: for all of it
        """
        self._is_draining = True
        self._orchestrator.park()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._dispatcher.drain(seconds)
                await self._delivery.emptied()
        if left := self._dispatcher.at_work:
            log.warning("cut_off", seconds=seconds, workflows=left)

    async def close(self) -> None:
        """Stop: what runs is cut off and taken up at the next start."""
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        await self._answering.close()
        await self._dispatcher.close()

    async def _keep_up(self) -> None:
        """Know whom other processes have suspended since."""
        if self._store.is_shared:
            self._tenancy.learn_states(await self._store.tenants.states())

    async def _expire(self) -> None:
        for approval in await self._veto.expire():
            self._dispatcher.wake(approval.workflow_id, approval.tenant)

    async def _expire_questions(self) -> None:
        for question in await self._store.questions.expire(self._clock()):
            self._dispatcher.wake(question.workflow_id, question.tenant)

    async def _supersede(self) -> None:
        for approval in await self._veto.tighten():
            self._dispatcher.wake(approval.workflow_id, approval.tenant)

    async def _remind(self) -> None:
        if await self._reminding.sweep():
            self._delivery.ring()

    async def _reconcile(self) -> None:
        if await self._tools.drop_expired(self._clock()):
            await self._supersede()
        await self._store.tidy(self._clock())
        await self._store.workflows.end_unreadable_reviews(self._clock())
        await self._dispatcher.take_up()

    async def _every(self, seconds: float, chore: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await chore()
            except StoreError as error:
                log.warning("chore_failed", error=str(error))
            except Exception:  # Whatever it was, the next round must come.
                log.exception("chore_failed")
            await asyncio.sleep(seconds)
