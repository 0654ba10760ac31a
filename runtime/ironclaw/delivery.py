"""Sends what waits in the outbox through the doors that asked for it.

A steady flow: whatever is due is taken, as long as there is room, and told beside what is being told already;
what is of one workflow is taken together and told one after the other.  Each notice is taken before it is
told.  Where nobody can know whether it was, it comes again and says so: the door then looks, and posts
nothing twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

import structlog

from ironclaw.errors import StoreError, TryLater
from ironclaw.failpoints import Point, reached
from ironclaw.store import Store
from ironclaw.task import Notice, NoticeKind, Sender

log = structlog.get_logger(__name__)

MOST = 64  #: Workflows of which something is being told at once.
EACH = 16  #: Of them, of one tenant at one door: a slow workspace holds nobody else up.
LEASE = 30.0  #: Seconds for which a taken notice is one process's own, unless the settings say otherwise.
GIVE_UP_AFTER = 12  #: Attempts; with the pauses below that is about a day.
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 4 * 3600.0  #: Seconds; the pause doubles.
AS_ASKED = 5  #: Pauses that are as long as the door asks for; after them each is longer.
LONGEST_WAIT = 60.0  #: Seconds between attempts while the other side is merely away.
IDLE = 30.0  #: Seconds between looks when nobody rings.
#: Seconds for which the note that a notice was told may wait for another write to share its flush.
SOON = 0.02
#: Of these it is noted at once where they stand: what is under an opening waits for it, and a click counts
#: nowhere but on a message that is known to be that card.
AWAITED = frozenset({NoticeKind.OPENING, NoticeKind.CARD, NoticeKind.DOUBT})
APART = 0.03  #: Seconds from a take to the look for what became due while it was told, unless somebody rings.
MOMENT = 0.02  #: Seconds between looks while a stop waits for the rest.
LAST_WORDS = 3.0  #: Seconds that a stop leaves to what is being told.

#: Where a test has the process killed, beside after anything at all.
SHOWN = {
    NoticeKind.CARD: Point.CARD_POSTED,
    NoticeKind.ANSWER: Point.ANSWER_SENT,
    NoticeKind.FAILURE: Point.ANSWER_SENT,
}
T = TypeVar("T")
Lane: TypeAlias = tuple[str, str]  #: A door and a tenant: what has a pace of its own.


class Delivery:
    """Empties the outbox."""

    def __init__(self, store: Store, clock: Callable[[], float], lease: float = LEASE) -> None:
        """:param lease: seconds for which a taken notice is this process's own; half of it is for telling"""
        self._lease = lease
        self._outbox = store.outbox
        self._clock = clock
        self._senders: dict[str, Sender] = {}
        self._bell = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._busy: Counter[Lane] = Counter()  #: How many of each are being told.
        self._paused: dict[Lane, float] = {}  #: Until when, unix seconds.
        self._turns: Counter[Lane] = Counter()  #: How many each was told.
        self._began = False
        self._seen = 0.0
        self._is_hurried = False

    def speak(self, door: str, sender: Sender) -> None:
        """From now on, notices for ``door`` go through ``sender``."""
        self._senders[door] = sender
        self.ring()

    def ring(self) -> None:
        """Something new waits."""
        self._bell.set()

    def hurry(self, door: str) -> None:
        """The door's other side is well again: no pause of before counts."""
        self._paused = {lane: until for lane, until in self._paused.items() if lane[0] != door}
        self._is_hurried = True
        self.ring()

    async def run(self) -> None:
        """Until cancelled; what is being told then is told, or given back."""
        try:
            while True:
                self._bell.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(await self._round()):
                        await self._bell.wait()
        finally:
            await self._finish()

    async def emptied(self) -> None:
        """Return when nothing is left that can be told now.

        :raises StoreError: nobody knows what there is
        """
        while self._sending or await self._is_behind(self._clock()):
            self.ring()
            await asyncio.sleep(MOMENT)

    async def _is_behind(self, now: float) -> bool:
        return bool(self._in_turn((await self._outbox.outlook(self._senders, now)).lanes, now))

    async def _round(self) -> float:
        """Begin what can be begun.

        :return: seconds until there may be more, unless somebody rings or something ends
        """
        now = self._clock()
        try:
            await self._look_at_clock(now)
            outlook = await self._outbox.outlook(self._senders, now)
            if await self._begin(outlook.lanes, now):
                return 0.0
        except StoreError as error:
            log.warning("outbox_unreadable", error=str(error))
            return FIRST_PAUSE
        soonest = min((IDLE, *(until - now for until in self._paused.values() if until > now)))
        return max(0.05, min(soonest, outlook.next_at - now)) if outlook.next_at is not None else soonest

    async def _look_at_clock(self, now: float) -> None:
        if not self._began:
            await self._outbox.take_back()
            self._began = True
        if now < self._seen - 1 or self._is_hurried:
            await self._outbox.all_due(now)
            self._is_hurried = False
        self._seen = now

    async def _begin(self, lanes: tuple[Lane, ...], now: float) -> bool:
        """Take what there is room for, and tell it in the background.

        :return: whether there may be more for which there is room
        :raises StoreError: not everything could be taken
        """
        has_more = False
        for lane in self._in_turn(lanes, now):
            room = min(EACH - self._busy[lane], MOST - len(self._sending))
            if room <= 0:
                continue
            until = time.monotonic() + self._lease
            taken = await self._outbox.take(*lane, now, now + self._lease, room)
            for notices in _by_workflow(replace(notice, until=until) for notice in taken):
                self._start(notices, lane)
            has_more |= len(taken) == room
        return has_more

    def _in_turn(self, lanes: tuple[Lane, ...], now: float) -> list[Lane]:
        """Those that are not to pause; who was told least comes first."""
        ready = [lane for lane in lanes if self._paused.get(lane, 0.0) <= now]
        return sorted(ready, key=lambda lane: (self._busy[lane], self._turns[lane]))

    def _start(self, notices: Sequence[Notice], lane: Lane) -> None:
        loop = asyncio.get_running_loop()
        began, was_full = loop.time(), self._busy[lane] + 1 >= EACH or len(self._sending) + 1 >= MOST
        self._turns[lane] += len(notices)
        self._busy[lane] += 1
        task = asyncio.create_task(self._send_all(notices))
        self._sending.add(task)
        task.add_done_callback(lambda task: self._ended(task, lane, 0.0 if was_full else began + APART))

    def _ended(self, task: asyncio.Task[None], lane: Lane, look_at: float) -> None:
        self._sending.discard(task)
        self._busy[lane] -= 1
        if not task.cancelled() and task.exception():
            log.error("notice_not_noted", exc_info=task.exception())
        asyncio.get_running_loop().call_at(look_at, self.ring)

    async def _send_all(self, notices: Sequence[Notice]) -> None:
        """One after the other; the rest is given back when one could not be told, or takes its time."""
        left, notes = deque(notices), list[asyncio.Task[None]]()
        try:
            while left and (not notes or self._has_time(left[0])):
                note = await self._send(left.popleft())
                if note is None:
                    break
                notes.append(note)
            await asyncio.gather(*notes, self._noted(lambda: self._outbox.untold(left)))
        finally:
            for note in notes:
                note.cancel()

    def _has_time(self, notice: Notice) -> bool:
        return time.monotonic() + self._lease / 2 <= notice.until

    async def _send(self, notice: Notice) -> asyncio.Task[None] | None:
        """
        :return: the note of it, which is under way; None where it could not be told, which is noted
        """
        try:
            async with asyncio.timeout(self._lease / 2):
                ref = await self._senders[notice.address.door].send(notice)
        except TryLater as error:
            await self._put_off(notice, error)
        except Exception as error:  # noqa: BLE001 - a door's fault must not stop the other doors
            await self._try_again(notice, error)
        else:
            return asyncio.create_task(self._told(notice, ref))
        return None

    async def _told(self, notice: Notice, ref: Mapping[str, str] | None) -> None:
        if notice.kind in SHOWN:
            reached(SHOWN[notice.kind])
        reached(Point.OUTBOX_SENT)
        within = 0.0 if notice.kind in AWAITED else SOON
        if not await self._noted(lambda: self._outbox.sent(notice, ref, within)):
            log.warning("notice_taken_by_another", notice=notice.id)

    async def _put_off(self, notice: Notice, error: TryLater) -> None:
        """The other side is there and asks for a pause, or is away: that is no attempt that failed."""
        seconds = error.seconds
        if error.is_for_all:
            lane = (notice.address.door, notice.tenant)
            self._paused[lane] = max(self._paused.get(lane, 0.0), self._clock() + seconds)
        else:
            growing = FIRST_PAUSE * 2.0 ** min(notice.attempts - AS_ASKED, 10)
            seconds = max(seconds, min(LONGEST_WAIT, growing)) if notice.attempts >= AS_ASKED else seconds
        log.info("notice_put_off", notice=notice.id, tenant=notice.tenant, why=str(error), seconds=seconds)
        is_uncertain = error.is_uncertain or notice.is_uncertain
        at = self._clock() + seconds
        await self._noted(lambda: self._outbox.later(notice, at, is_uncertain=is_uncertain))

    async def _try_again(self, notice: Notice, error: Exception) -> None:
        log.warning(
            "notice_failed",
            notice=notice.id,
            kind=notice.kind.value,
            attempts=notice.attempts,
            error=str(error) or type(error).__name__,
        )
        now = self._clock()
        if notice.attempts + 1 >= GIVE_UP_AFTER:
            why = type(error).__name__
            return await self._noted(lambda: self._outbox.give_up(notice, why, now))
        at = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**notice.attempts)
        return await self._noted(lambda: self._outbox.later(notice, at, is_uncertain=True))

    async def _noted(self, write: Callable[[], Awaitable[T]]) -> T:
        """Until it is durable: before that, nothing more of its subject is told."""
        pause = 1.0
        while True:
            try:
                return await write()
            except StoreError as error:
                log.warning("outbox_unwritable", error=str(error))
            await asyncio.sleep(pause)
            pause = min(IDLE, pause * 2)

    async def _finish(self) -> None:
        """Let end what is being told, and give back the rest."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=LAST_WORDS)
        left = list(self._sending)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        with contextlib.suppress(StoreError):
            await self._outbox.let_go()


def _by_workflow(notices: Iterable[Notice]) -> list[list[Notice]]:
    """Its people read its notices in their order; what is of none goes by itself."""
    found: dict[str, list[Notice]] = {}
    for notice in notices:
        found.setdefault(notice.workflow_id or str(notice.id), []).append(notice)
    return list(found.values())
