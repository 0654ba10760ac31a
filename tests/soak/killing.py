"""Kills the bot: by SIGKILL at any moment or at a failpoint, by SIGTERM, again and again."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from ironclaw.failpoints import Point
from tests.faults.stage import FAILPOINT, Stage

WORST = [Point.EFFECT_BEGUN, Point.EFFECT_DONE] * 3  #: Tried more often than the others.
LIFE = (0.2, 4.0)  #: Seconds between a start and the next kill.
LONG = 10.0  #: Seconds in which it should come past a failpoint.
REST = (0.0, 1.0)  #: Seconds between a kill and the next start.


class Killer:
    """
    :ivar ways: how often the bot ended in which way
    """

    def __init__(self, here: Stage, chance: random.Random) -> None:
        self._here = here
        self._chance = chance
        self.ways: Counter[str] = Counter()

    @property
    def summary(self) -> str:
        return f"ended {sum(self.ways.values())} times ({dict(self.ways)})"

    async def act(self) -> None:
        """Until cancelled."""
        while True:
            await self._start()
            await self._live()
            await asyncio.sleep(self._chance.uniform(*REST))

    async def leave_alone(self) -> None:
        """From now on nobody kills it."""
        if self._here.bot.is_running:
            await self._here.bot.kill()
        self._here.bot.environ.pop(FAILPOINT, None)
        await self._here.start()

    async def _start(self) -> None:
        environ = self._here.bot.environ
        environ.pop(FAILPOINT, None)
        if self._chance.random() < 0.6:
            point = self._chance.choice([*Point, *WORST]).value
            environ[FAILPOINT] = f"{point}:{self._chance.randint(1, 3)}"
        try:
            await self._here.start()
        except (AssertionError, OSError):
            # A failpoint that the start itself reaches: what was left over is told at once.
            assert FAILPOINT in environ, "it does not start: " + "\n".join(self._here.bot.lines[-20:])

    async def _live(self) -> None:
        """Until it is killed or kills itself."""
        bot = self._here.bot
        try:
            seconds = LONG if FAILPOINT in bot.environ else self._chance.uniform(*LIFE)
            async with asyncio.timeout(seconds):
                await bot.ended()
            self.ways["at " + bot.environ.get(FAILPOINT, "nothing").partition(":")[0]] += 1
        except TimeoutError:
            await self._end()

    async def _end(self) -> None:
        is_kind = self._chance.random() < 0.2
        self.ways["SIGTERM" if is_kind else "SIGKILL"] += 1
        await (self._here.bot.stop() if is_kind else self._here.bot.kill())
