"""The people of the soak: they ask, decide, change their minds and press twice."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ironclaw.task import Effect
from ironclaw_bot.playground import SlackError
from tests.e2e.workspace import APPROVE, DENY, Thread
from tests.faults.person import NOT_RUN, RAN, actions_of, kinds
from tests.faults.stage import PATIENCE, Stage

Json = dict[str, Any]
AT_ONCE = 12  #: Tasks that are open at once.
CHANNELS, ASKERS = ("general", "ops"), ("ada", "cy")
CANCEL = "cancel"
AGAIN = 1.0  #: Seconds after which somebody presses again, where nothing came of it.


@dataclass(slots=True)
class Asked:
    """One task, and what people did about it.

    :ivar plan: what they will do about its card: APPROVE, DENY or CANCEL
    :ivar wishes: what they did, of that and of its doubts
    :ivar said: the bot's messages in its thread, as they stand
    :ivar was_taken: the bot has acknowledged its delivery
    """

    thread: Thread
    line: str
    effect: Effect
    user: str
    plan: str
    wishes: set[str] = field(default_factory=set)
    said: list[Json] = field(default_factory=list)
    was_taken: bool = False

    @property
    def is_over(self) -> bool:
        return kinds(self.said)["answer"] > 0


class Crowd:
    """
    :ivar asked: every task, by the message that asked
    """

    def __init__(self, here: Stage, chance: random.Random) -> None:
        self._here = here
        self._chance = chance
        self._pressing: set[asyncio.Task[None]] = set()
        self._pressed_at: dict[tuple[str, str], float] = {}
        self.asked: dict[str, Asked] = {}
        self.did: Counter[str] = Counter()

    @property
    def summary(self) -> str:
        return f"{len(self.asked)} tasks, {dict(self.did)}"

    async def act(self) -> None:
        """Until cancelled."""
        while True:
            self.look()
            if sum(1 for _ in self._open()) < AT_ONCE:
                self._ask()
            self._press_all()
            await asyncio.sleep(self._chance.uniform(0.05, 0.4))

    async def finish(self) -> None:
        """Everybody does what they meant to, until every task that was taken has its answer.

        :raises TimeoutError: one never gets it
        """
        async with asyncio.timeout(PATIENCE * 2):
            while any(each.was_taken for each in self._open()):
                self._press_all()
                await asyncio.sleep(0.2)
                self.look()
        await asyncio.gather(*self._pressing, return_exceptions=True)

    def look(self) -> None:
        """See what stands in every thread now, and which tasks were taken."""
        for one in self.asked.values():
            one.said = []
        for name in CHANNELS:
            for message in self._here.channel(name).messages:
                asked = self.asked.get(message.get("thread_ts", ""))
                if asked and message.get("bot_id"):
                    asked.said.append(message)
        for entry in self._here.playground.journal[-1000:]:
            tries = entry["attempts"] if entry.get("name") == "app_mention" else ()
            if any(each["status"] == 200 for each in tries):
                self.asked[entry["payload"]["event"]["ts"]].was_taken = True

    def _open(self) -> Iterator[Asked]:
        return (each for each in self.asked.values() if not each.is_over)

    def _ask(self) -> None:
        effect, user = self._chance.choice(list(Effect)), self._chance.choice(ASKERS)
        line = f"{effect.value}-{len(self.asked)}"
        plan = self._chance.choices((APPROVE, DENY, CANCEL), (7, 2, 1))[0]
        text = f"ledger.{effect.value} url={self._here.ledger.url}/{line}"
        thread = self._here.ask(text, user, self._chance.choice(CHANNELS))
        self.asked[thread.ts] = Asked(thread, line, effect, user, plan)

    def _press_all(self) -> None:
        now = asyncio.get_running_loop().time()
        for one in list(self._open()):
            for ts, wish in self._wishes(one):
                if now - self._pressed_at.get((ts, wish), -AGAIN) >= AGAIN:
                    self._pressed_at[ts, wish] = now
                    self._press(one, ts, wish)

    def _wishes(self, one: Asked) -> Iterable[tuple[str, str]]:
        """What somebody would do now about the messages that ask for something."""
        truth = RAN if self._here.ledger.lines.get(one.line) else NOT_RUN
        for message in one.said:
            actions = set(actions_of(message))
            if APPROVE in actions:
                yield message["ts"], one.plan
            elif truth in actions:
                yield message["ts"], truth

    def _press(self, one: Asked, ts: str, wish: str) -> None:
        """Once, or by a nervous finger twice."""
        one.wishes.add(wish)
        self.did[wish] += 1
        for _ in range(self._chance.choice((1, 1, 2))):
            task = asyncio.create_task(self._cancel(one) if wish == CANCEL else self._click(one, ts, wish))
            self._pressing.add(task)
            task.add_done_callback(self._pressing.discard)

    async def _click(self, one: Asked, ts: str, action: str) -> None:
        try:
            await self._here.playground.people.click("bo", one.thread.channel, ts, action)
        except SlackError:
            return  # The card has lost that button meanwhile.

    async def _cancel(self, one: Asked) -> None:
        """By the id that the list of tasks shows."""
        people, room = self._here.playground.people, self._here.channel(one.thread.channel)
        ack = await people.command(one.user, room.id, "/ironclaw", "status")
        listed = str(room.ephemerals[-1]["blocks"]) if ack["ok"] and room.ephemerals else ""
        if found := re.search(rf"/{one.line}\b[^`]*`([^`]+)`", listed):
            await people.command(one.user, room.id, "/ironclaw", f"cancel {found[1]}")
