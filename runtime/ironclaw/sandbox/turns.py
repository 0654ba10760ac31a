"""Who may run next: a bounded number of calls, and no tenant before one that runs less."""

from __future__ import annotations

import asyncio
from collections import Counter


class Turns:
    """Like a semaphore, but the free place goes to the waiting tenant with the fewest running calls."""

    def __init__(self, places: int) -> None:
        self._places = self._free = places
        self._running: Counter[str] = Counter()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._all_left = asyncio.Event()
        self._all_left.set()

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return self._places - self._free

    async def all_left(self) -> None:
        """Wait until no place is taken."""
        await self._all_left.wait()

    @property
    def is_free(self) -> bool:
        """Whether there is a place that nobody waits for."""
        return bool(self._free and not self._waiting)

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
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((tenant, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(tenant)  # The place came together with the cancelling.
            else:
                self._waiting.remove((tenant, turn))
            raise

    def leave(self, tenant: str) -> None:
        """Give the place to whoever is next."""
        self._free += 1
        self._running[tenant] -= 1
        if not self._running[tenant]:
            del self._running[tenant]
        still_there = [waiter for waiter in self._waiting if not waiter[1].done()]
        if still_there:
            next_one = min(still_there, key=lambda waiter: self._running[waiter[0]])
            self._waiting.remove(next_one)
            self._grant(next_one[0])
            next_one[1].set_result(None)
        elif not self.taken:
            self._all_left.set()

    def _grant(self, tenant: str) -> None:
        self._all_left.clear()
        self._free -= 1
        self._running[tenant] += 1
