"""Whether the database answers, said soon: who waits for it is patient, who asks whether to wait is not."""

from __future__ import annotations

import asyncio

from ironclaw.errors import StoreError
from ironclaw.store import Store

SOON = 2.0  #: Seconds.


class Answering:
    """One question to the database at a time, however many ask."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asked: asyncio.Task[bool] | None = None

    async def is_well(self) -> bool:
        """Whether it answers; no answer within two seconds is none."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(self._ask(), name="does the database answer")
        done, _ = await asyncio.wait({self._asked}, timeout=SOON)
        return bool(done) and self._asked.result()

    async def close(self) -> None:
        """Nobody asks any more."""
        if self._asked:
            self._asked.cancel()
            await asyncio.gather(self._asked, return_exceptions=True)

    async def _ask(self) -> bool:
        try:
            return await self._store.is_ready()
        except StoreError:
            return False
