"""How much a server may say, and that it says no more: what comes faster would take everybody's time."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

WINDOW = 10.0  #: Seconds.
MESSAGES, BYTES, VALUES = 2_000, 32 << 20, 500_000  #: Within them.
MAX_VALUES = 100_000  #: In one message or line.
#: A string of JSON, which never breaks a line; possessive, so that none is looked at twice.
_STRING = re.compile(rb'"(?:[^"\\\r\n]++|\\[^\r\n])*+"?')


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
        self._messages = self._bytes = self._values = 0

    def take(self, size: int, *, messages: int = 1, values: int = 0) -> None:
        """
        :param size: in bytes
        :param values: that are to be read of it
        :raises Flood: it is too much
        """
        now = self._clock()
        if now >= self._until:
            self._until = now + WINDOW
            self._messages = self._bytes = self._values = 0
        self._messages += messages
        self._bytes += size
        self._values += values
        if self._messages > MESSAGES or self._bytes > BYTES:
            raise Flood(f"it sent more than {MESSAGES} messages or {BYTES >> 20} MiB in {WINDOW:g} s")
        if values > MAX_VALUES or self._values > VALUES:
            raise Flood(f"it sent more than {MAX_VALUES} values at once or {VALUES} in {WINDOW:g} s")


def values(lines: bytes) -> int:
    """How many values there are in whole lines of JSON, at most; beyond MAX_VALUES, perhaps fewer."""
    # A value has four quotes at most, with its name's; those within texts stand after a backslash.
    if (texts := (lines.count(b'"') - lines.count(b'\\"')) // 4) > MAX_VALUES:
        return texts
    bare = _STRING.sub(b"", lines)
    return bare.count(b",") + bare.count(b"[") + bare.count(b"{")
