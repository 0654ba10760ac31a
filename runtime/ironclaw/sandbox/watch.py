"""Keeps a running call within its tenant's quota.

Twice: the kernel bounds each file (RLIMIT_FSIZE, what is left), and this process counts while the call runs.
Between two counts it asks the kernel how many bytes the worker wrote, which costs some 20 µs; a call that
may be over by that figure stands still while it is counted, so that counting costs no room.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator

from ironclaw.sandbox.folders import Room
from ironclaw.sandbox.process import WorkerProcess
from ironclaw.sandbox.quota import Used

TICK = 0.005  #: Seconds between two looks at a call.
COUNT_EVERY = 0.02  #: Seconds between two counts, at least; and three times as long as the last one took.


class Watch:
    """Looks at one running call, and ends its worker when the folder is over the quota."""

    def __init__(self, worker: WorkerProcess, room: Room) -> None:
        self._worker, self._room = worker, room
        self._written = 0  #: What the worker had written when the last count began.
        self._left = 0  #: Bytes, by that count.
        self._next_count = 0.0
        self._task: asyncio.Task[None] | None = None
        self.is_over = False
        # Most calls end before their first look, and cost no task.
        self._timer = asyncio.get_running_loop().call_later(TICK, self._begin)

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._look())

    def end(self) -> None:
        """Look no more.  What the call left behind is counted before the next one runs."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        self._room.meter.count_soon(self._room.quota)

    async def last_look(self) -> bool:
        """Whether the call, which has answered, made the folder too full.

        What one that ended before its first look did is for the next call to find.
        """
        if self._task is not None and not self.is_over:
            await self._count(0)
        return self.is_over

    async def _look(self) -> None:
        while not self.is_over:
            written = self._worker.written()
            if self._next_count and written - self._written > self._left:
                with self._standing_still():
                    await self._count(written)
            elif time.monotonic() >= self._next_count:
                await self._count(written)
            await asyncio.sleep(TICK)

    async def _count(self, written: int) -> None:
        meter, quota = self._room.meter, self._room.quota
        try:
            used = await meter.count(quota)
        except OSError:  # What cannot be counted is not within any bound.
            used = Used(is_too_deep=True)
        if used.is_over(quota):
            self.is_over = True
            self._worker.end()
        self._written, self._left = written, quota.bytes - used.bytes
        self._next_count = time.monotonic() + max(COUNT_EVERY, 3 * meter.took)

    @contextlib.contextmanager
    def _standing_still(self) -> Iterator[None]:
        self._worker.stand_still()
        try:
            yield
        finally:
            self._worker.go_on()
