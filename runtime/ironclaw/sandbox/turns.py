"""Who may run next: a bounded number of calls, and no tenant before one that runs less."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class _Wait:
    """For a place that is not there yet."""

    number: int  #: The lower, the longer it waits.
    place: asyncio.Future[None]


class Turns:
    """Like a semaphore, but the free place goes to the waiting tenant with the fewest running calls."""

    def __init__(self, places: int) -> None:
        self._places = self._free = places
        self._running: Counter[str] = Counter()
        self._waiting: dict[str, deque[_Wait]] = {}  #: By tenant, the longest first; no queue is empty.
        self._numbers = itertools.count()
        self._all_left = asyncio.Event()
        self._all_left.set()

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return self._places - self._free

    @property
    def is_free(self) -> bool:
        """Whether there is a place that nobody waits for."""
        return bool(self._free and not self._waiting)

    async def all_left(self) -> None:
        """Wait until no place is taken."""
        await self._all_left.wait()

    def take_at_once(self, tenant: str) -> bool:
        """Take a place if none has to be waited for."""
        if self.is_free:
            self._grant(tenant)
            return True
        return False

    async def take(self, tenant: str) -> None:
        """Wait for a place.  Who is cancelled meanwhile has none."""
        if self.take_at_once(tenant):
            return
        wait = _Wait(next(self._numbers), asyncio.get_running_loop().create_future())
        self._waiting.setdefault(tenant, deque()).append(wait)
        try:
            await wait.place
        except asyncio.CancelledError:
            if wait.place.done() and not wait.place.cancelled():
                self.leave(tenant)  # The place came together with the cancelling.
            else:
                self._forget(tenant, wait)
            raise

    def leave(self, tenant: str) -> None:
        """Give the place to whoever is next."""
        self._free += 1
        self._running[tenant] -= 1
        if not self._running[tenant]:
            del self._running[tenant]
        next_one = self._next()
        if next_one is not None:
            wait = self._waiting[next_one][0]
            self._forget(next_one, wait)
            self._grant(next_one)
            wait.place.set_result(None)
        elif not self.taken:
            self._all_left.set()

    def _grant(self, tenant: str) -> None:
        self._all_left.clear()
        self._free -= 1
        self._running[tenant] += 1

    def _next(self) -> str | None:
        """The waiting tenant with the fewest running calls; of several the one that waits longest."""
        for tenant, waits in list(self._waiting.items()):
            while waits and waits[0].place.done():  # Cancelled, and not yet told.
                self._forget(tenant, waits[0])
        waiting = self._waiting
        return min(waiting, key=lambda each: (self._running[each], waiting[each][0].number), default=None)

    def _forget(self, tenant: str, wait: _Wait) -> None:
        waits = self._waiting.get(tenant)
        if waits and wait in waits:
            waits.remove(wait)
            if not waits:
                del self._waiting[tenant]
