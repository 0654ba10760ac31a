"""Ends reviews that nobody can decide any more: their time is over, or what was asked could not run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from ironclaw.store import Store
from ironclaw.task import ApprovalState, ApprovalView, observation
from ironclaw.veto.asked import Asked, outdated

TOGETHER = 50  #: Reviews that are read at once where all are looked through.


class Ending:
    """Ends reviews without a person.  It never lets one of them run."""

    def __init__(self, store: Store, asked: Asked, clock: Callable[[], float]) -> None:
        self._store = store
        self._asked = asked
        self._clock = clock

    async def tighten(self, rest: float = 0.0) -> tuple[ApprovalView, ...]:
        """After a change of policy or tools: end the reviews of what could not run any more as it was asked.

        It never lets one of them run.

        :param rest: times as long as it works, it lets others work
        :return: those that ended
        """
        ended = []
        for tenant in sorted(await self._store.tenant_ids()):
            async for approval in self._waiting(tenant, rest):
                current = await self._asked.call_behind(approval)
                opinion = await self._asked.opinion_now(approval, current)
                why = outdated(approval, current, opinion)
                if why and await self.supersede(approval, why):
                    ended.append(approval)
        return tuple(ended)

    async def expire(self) -> tuple[ApprovalView, ...]:
        """End every review whose time is over.

        :return: those that this call ended
        """
        now = self._clock()
        text = observation("expired", "Nobody decided in time. Nothing was run.")
        due = await self._store.approvals.due(now)
        return tuple(
            [
                each
                for each in due
                if await self._store.approvals.close(each, ApprovalState.EXPIRED, text, now)
            ]
        )

    async def supersede(self, approval: ApprovalView, sentence: str) -> bool:
        """End a review whose call could not run.

        :param sentence: why, for the brain
        :return: False when a person was first
        """
        seen = observation("superseded", sentence)
        return await self._store.approvals.close(approval, ApprovalState.SUPERSEDED, seen, self._clock())

    async def _waiting(self, tenant: str, rest: float) -> AsyncIterator[ApprovalView]:
        """What waits, some at a time, so that others have their turn between."""
        end: tuple[float, str] | None = (0.0, "")
        while end:
            some, end = await self._store.approvals.pending_after(tenant, end, TOGETHER)
            for each in some:
                began = time.monotonic()
                yield each
                await asyncio.sleep(rest * (time.monotonic() - began))
