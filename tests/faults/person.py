"""What people do in a cell: approve what waits, and say of what is in doubt what the ledger says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.workspace import APPROVE, Thread
from tests.faults.stage import PATIENCE, Stage

RAN, NOT_RUN = "ironclaw_doubt_ran", "ironclaw_doubt_not_run"
AGAIN = 5.0  #: Seconds after which somebody presses again.


@dataclass(frozen=True, slots=True)
class Press:
    """One button that somebody would press now."""

    ts: str
    action: str


@dataclass(slots=True)
class Person:
    """Bo, who approves.  Where nothing comes of a press, as with a dead bot, they press again after a while.

    :ivar has_said: whether they were asked about a doubt
    """

    stage: Stage
    thread: Thread
    line: str
    has_said: bool = False
    pressed: set[Press] = field(default_factory=set)

    async def drive(self) -> None:
        """Press what is to be pressed until the answer is there.

        :raises TimeoutError: nothing more happens, and there is no answer
        """
        async with asyncio.timeout(PATIENCE):
            while not await self._is_answered():
                pass

    async def _is_answered(self) -> bool:
        try:
            found: Press | bool = await self.stage.wait_for(self._next, AGAIN)
        except TimeoutError:
            self.pressed.clear()  # Nothing came of it.
            return False
        if isinstance(found, Press):
            self.pressed.add(found)
            self.has_said |= found.action != APPROVE
            await self.stage.playground.people.click("bo", self.thread.channel, found.ts, found.action)
        return found is True

    def _next(self) -> Press | bool:
        """The next button; True when the answer is there, False when there is nothing to do yet."""
        if kinds(self.thread.replies)["answer"]:
            return True
        return next((press for press in self._buttons() if press not in self.pressed), False)

    def _buttons(self) -> Iterator[Press]:
        truth = RAN if self.stage.ledger.lines.get(self.line) else NOT_RUN
        for message in self.thread.replies:
            actions = set(actions_of(message))
            yield from (Press(message["ts"], each) for each in (APPROVE, truth) if each in actions)


def kinds(messages: Iterable[dict[str, Any]]) -> Counter[str]:
    """How many of the bot's messages are a card, a status line, or neither: an answer."""
    names = {"header": "card", "context": "status"}
    return Counter(names.get(each["blocks"][0]["type"], "answer") for each in messages)


def actions_of(message: dict[str, Any]) -> Iterator[str]:
    """What can be pressed in a message."""
    for block in message["blocks"]:
        if block["type"] == "actions":
            yield from (element["action_id"] for element in block["elements"])
