"""Sends what waits in the outbox, at least once, through the doors that asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ironclaw.errors import StoreError, TryLater
from ironclaw.failpoints import Point, reached
from ironclaw.store import Store
from ironclaw.task import Notice, NoticeKind, Sender

log = structlog.get_logger(__name__)

GIVE_UP_AFTER = 12  #: Attempts; with the pauses below that is about a day.
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 4 * 3600.0  #: Seconds; the pause doubles.
IDLE = 30.0  #: Seconds between looks when nobody rings.


class Delivery:
    """One task that empties the outbox."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._senders: dict[str, Sender] = {}
        self._bell = asyncio.Event()

    def speak(self, door: str, sender: Sender) -> None:
        """From now on, notices for ``door`` go through ``sender``."""
        self._senders[door] = sender
        self.ring()

    def ring(self) -> None:
        """Something new waits."""
        self._bell.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._bell.clear()
            try:
                if await self._send_due():
                    continue
                pause = await self._pause()
            except StoreError:
                log.exception("outbox_unreadable")
                pause = FIRST_PAUSE
            try:
                async with asyncio.timeout(pause):
                    await self._bell.wait()
            except TimeoutError:
                continue

    async def _pause(self) -> float:
        at = await self._store.outbox.next_at(self._senders)
        return IDLE if at is None else min(IDLE, max(0.05, at - self._clock()))

    async def _send_due(self) -> bool:
        """Send what is due: workflows side by side, each one's notices in order."""
        due = await self._store.outbox.due(self._senders, self._clock())
        by_workflow: dict[str, list[Notice]] = {}
        for notice in due:
            by_workflow.setdefault(notice.workflow_id or notice.subject, []).append(notice)
        await asyncio.gather(*(self._send_in_order(notices) for notices in by_workflow.values()))
        return bool(due)

    async def _send_in_order(self, notices: list[Notice]) -> None:
        for notice in notices:
            await self._send(notice)

    async def _send(self, notice: Notice) -> None:
        try:
            ref = await self._senders[notice.address.door].send(notice)
            if notice.kind is NoticeKind.CARD:
                reached(Point.CARD_POSTED)
            reached(Point.OUTBOX_SENT)
        except TryLater as error:
            await self._store.outbox.later(notice, self._clock() + error.seconds)
        except Exception as error:  # noqa: BLE001 - a door's fault must not stop the other doors
            await self._try_again(notice, error)
        else:
            await self._store.outbox.sent(notice, ref)

    async def _try_again(self, notice: Notice, error: Exception) -> None:
        log.warning(
            "notice_failed",
            notice=notice.id,
            kind=notice.kind.value,
            attempts=notice.attempts,
            error=str(error),
        )
        if notice.attempts + 1 >= GIVE_UP_AFTER:
            return await self._store.outbox.give_up(notice, type(error).__name__, self._clock())
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**notice.attempts)
        return await self._store.outbox.later(notice, self._clock() + pause)
