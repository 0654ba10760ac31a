"""Whose turn it is to work: a bounded number at once, and no tenant before one that has fewer at work."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable

Start = Callable[[], None]


class Gate:
    """Like a semaphore that tenants share fairly.

    A free place goes to the waiting tenant with the fewest at work, of several to the one that was served
    longest ago, and within a tenant to who has waited longest.  Who waits costs one entry, and neither coming
    nor leaving depends on how many there are.

    :param places: how many may be at work at once
    :param most: how many of one tenant, by its id; asked whenever one comes or leaves
    """

    def __init__(self, places: int, most: Callable[[str], int]) -> None:
        self._places = places
        self._most = most
        self._running: Counter[str] = Counter()
        self._taken = 0
        self._waiting: dict[str, dict[Start, None]] = {}  #: By tenant, the longest first; none is empty.
        #: Tenants who wait and may have a place, by how many they have; no line is empty.
        self._lines: dict[int, dict[str, None]] = {}
        self._line_of: dict[str, int] = {}

    @property
    def taken(self) -> int:
        """How many are at work."""
        return self._taken

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    def enter(self, tenant: str, start: Start) -> None:
        """Have ``start`` called as soon as there is a place: now, or when somebody leaves.

        Whoever is started leaves in the end.

        :param start: a new object for each entry; it does not raise
        """
        self._waiting.setdefault(tenant, {})[start] = None
        self._line_up(tenant)
        self._admit()

    def leave(self, tenant: str) -> None:
        """Give a place back."""
        self._taken -= 1
        self._running[tenant] -= 1
        if not self._running[tenant]:
            del self._running[tenant]
        self._line_up(tenant)
        self._admit()

    def forget(self, tenant: str, start: Start) -> bool:
        """Wait no longer.

        :return: False when it has been started already
        """
        waiting = self._waiting.get(tenant, {})
        if start not in waiting:
            return False
        self._take_out(tenant, start)
        self._line_up(tenant)
        return True

    @contextlib.asynccontextmanager
    async def turn(self, tenant: str) -> AsyncIterator[None]:
        """A place for as long as the block lasts.  Who is cancelled while they wait has none."""
        place = asyncio.Event()
        start = place.set
        self.enter(tenant, start)
        try:
            await place.wait()
        except asyncio.CancelledError:
            if not self.forget(tenant, start):
                self.leave(tenant)  # The place came together with the cancelling.
            raise
        try:
            yield
        finally:
            self.leave(tenant)

    def _admit(self) -> None:
        while self._lines and self._taken < self._places:
            tenant = next(iter(self._lines[min(self._lines)]))
            start = next(iter(self._waiting[tenant]))
            self._take_out(tenant, start)
            self._taken += 1
            self._running[tenant] += 1
            self._line_up(tenant)
            start()

    def _take_out(self, tenant: str, start: Start) -> None:
        del self._waiting[tenant][start]
        if not self._waiting[tenant]:
            del self._waiting[tenant]

    def _line_up(self, tenant: str) -> None:
        """Put a tenant into the line where it belongs, at the end; into none when it may have no place."""
        has = self._running.get(tenant, 0)
        may = tenant in self._waiting and has < self._most(tenant)
        was = self._line_of.get(tenant)
        if may and was == has:
            return
        if was is not None:
            del self._lines[was][tenant], self._line_of[tenant]
            if not self._lines[was]:
                del self._lines[was]
        if may:
            self._lines.setdefault(has, {})[tenant] = None
            self._line_of[tenant] = has
