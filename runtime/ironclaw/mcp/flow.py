"""How much a server may say, and that it says no more: what comes faster would take everybody's time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

WINDOW = 10.0  #: Seconds.
MESSAGES, BYTES = 2_000, 32 << 20  #: Within them.


class Ended:
    """That a connection is over, and why."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.why = ""

    def say(self, why: str) -> None:
        """The first reason counts."""
        self.why = self.why or why
        self._event.set()

    @property
    def is_so(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> None:
        await self._event.wait()


class Flood(Exception):
    """A server says more than it may."""


class Meter:
    """Counts what one connection brings."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = 0.0
        self._messages = self._bytes = 0

    def take(self, size: int) -> None:
        """
        :param size: of one message, in bytes
        :raises Flood: it is too much
        """
        now = self._clock()
        if now >= self._until:
            self._until, self._messages, self._bytes = now + WINDOW, 0, 0
        self._messages += 1
        self._bytes += size
        if self._messages > MESSAGES or self._bytes > BYTES:
            raise Flood(f"it sent more than {MESSAGES} messages or {BYTES >> 20} MiB in {WINDOW:g} s")
