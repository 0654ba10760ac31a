"""A door that keeps what it was told, and does with each notice what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from ironclaw.task import Notice

Way = Callable[[Notice], Awaitable[object]]


class Board:
    """:ivar told: every notice that was to be told, oldest first; with those that then failed"""

    def __init__(self, way: Way | None = None) -> None:
        self.told: list[Notice] = []
        self.way = way
        self._changed = asyncio.Condition()

    @property
    def subjects(self) -> list[str]:
        return [notice.subject for notice in self.told]

    async def send(self, notice: Notice) -> Mapping[str, str] | None:
        self.told.append(notice)
        async with self._changed:
            self._changed.notify_all()
        if self.way:
            await self.way(notice)
        return {"at": str(notice.id)}

    async def count(self, most: int) -> None:
        """Until so many were told."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(self.told) >= most)
