"""Whether all that executed when this process began has been looked at: before it, lists lack doubts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ironclaw.store import Store
from ironclaw.tenancy import Tenancy

FIRST_LOOK, LAST_LOOK = 0.01, 0.2  #: Seconds between looks.


class Recovery:
    """Knows which calls a process that died may have left in the middle."""

    def __init__(self, store: Store, tenancy: Tenancy, clock: Callable[[], float]) -> None:
        self._calls = store.calls
        self._tenancy = tenancy
        self._clock = clock
        self._left = frozenset[tuple[str, str, int, int]]()  #: Ours to look at.
        self._has_others = False  #: Calls whose lease somebody holds, who may be dead.

    async def begin(self) -> None:
        """Note what executes, before anything of it is taken up.

        :raises StoreError: the database does not answer
        """
        found, now = await self._calls.executing(), self._clock()
        ours = {call for call, until in found.items() if until <= now}
        self._has_others = len(ours) < len(found)
        self._left = frozenset(call for call in ours if call[0] in self._tenancy.ids)

    async def settled(self, seconds: float) -> bool:
        """Wait until each of those calls has ended, is in doubt or was begun once more.

        :return: False when some are as they were after the seconds, or are another process's
        :raises StoreError: the database does not answer
        """
        pause, end = FIRST_LOOK, asyncio.get_running_loop().time() + seconds
        while self._left and asyncio.get_running_loop().time() < end:
            self._left &= (await self._calls.executing()).keys()
            await asyncio.sleep(pause if self._left else 0)
            pause = min(LAST_LOOK, pause * 1.5)
        return not (self._left or self._has_others)
