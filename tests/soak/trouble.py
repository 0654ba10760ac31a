"""Slack's own bad days: what it delivers twice, late, not at all or again, and what it answers badly."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from tests.faults.stage import Stage

DELIVERY = ("double", "late", "drop")
API = ("lost_answer", "error500", "ratelimited")


class Trouble:
    """
    :ivar made: how often which
    """

    def __init__(self, here: Stage, chance: random.Random) -> None:
        self._here = here
        self._chance = chance
        self.made: Counter[str] = Counter()

    @property
    def summary(self) -> str:
        return f"Slack's troubles {dict(self.made)}"

    async def act(self) -> None:
        """Until cancelled."""
        while True:
            self._order("delivery", self._chance.choice(DELIVERY), "app_mention", 0.15)
            self._order("api", self._chance.choice(API), "chat.postMessage", 0.05)
            self._deliver_again()
            await asyncio.sleep(self._chance.uniform(0.1, 0.4))

    async def end(self) -> None:
        """Slack is well again, and has delivered what it had."""
        self._here.playground.hub.faults.clear()
        await self._here.playground.courier.settle()

    def _order(self, on: str, what: str, match: str, likely: float) -> None:
        if self._chance.random() < likely:
            self._here.playground.hub.faults.add(on, what, match)
            self.made[what] += 1

    def _deliver_again(self) -> None:
        """Up to three more times, whenever: an event that is a while old."""
        old = [each for each in self._here.playground.journal[-200:] if each.get("name") == "app_mention"]
        if old and self._chance.random() < 0.2:
            self._here.playground.courier.post_event("app_mention", self._chance.choice(old)["payload"])
            self.made["again"] += 1
