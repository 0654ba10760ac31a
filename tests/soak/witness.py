"""Looks on from outside, all the time and at the end, and says what must never be."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from tests.e2e.workspace import APPROVE
from tests.faults.matrix import effects_fault
from tests.faults.person import actions_of, kinds
from tests.faults.stage import Stage
from tests.soak import programs
from tests.soak.crowd import Asked, Crowd, Json
from tests.soak.programs import Programs, Run

YES = {APPROVE, programs.APPROVE}
EVERY = 1.0  #: Seconds between looks.
AUDIT = 30  #: Looks between two at the audit log.
_CARD = re.compile(r"(?:Approval|Doubt) `([^`]+)`")


class Witness:
    """
    :ivar violations: sentences, each once
    """

    def __init__(self, here: Stage, crowd: Crowd, programs: Programs) -> None:
        self._here = here
        self._crowd = crowd
        self._programs = programs
        self._looks = 0
        self.violations: list[str] = []

    @property
    def summary(self) -> str:
        effects = sum(map(len, self._here.ledger.lines.values()))
        return f"{effects} effects, looked at {self._looks} times, {len(self.violations)} violations"

    async def act(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            self._crowd.look()
            self._look()
            if self._looks % AUDIT == 0:
                await self._verify()

    async def look_at_the_end(self) -> None:
        """Once everything has come to rest."""
        self._crowd.look()
        self._look()
        for one in self._crowd.asked.values():
            self._note(one.line, self._at_the_end(one))
        for run in self._programs.runs:
            self._note(run.line, self._lost(run) if run.ids else ())
        await self._verify()

    async def _verify(self) -> None:
        """As an operator does, beside a bot that runs or not."""
        said = await self._here.bot.command("audit", "verify")
        self._note("audit", [said.out + said.err] if said.code else [])

    def _look(self) -> None:
        self._looks += 1
        for one in self._crowd.asked.values():
            self._note(one.line, self._done(one))
            self._note(one.line, self._told(one))
        for run in self._programs.runs:
            self._note(run.line, self._done(run))
            self._note(run.line, ["several workflows"] if len(run.ids) > 1 else ())

    def _note(self, what: str, faults: Iterable[str]) -> None:
        for fault in faults:
            if f"{what}: {fault}" not in self.violations:
                self.violations.append(f"{what}: {fault}")

    def _done(self, one: Asked | Run) -> Iterator[str]:
        keys = tuple(self._here.ledger.lines.get(one.line, ()))
        if keys and not one.wishes & YES:
            yield "an effect without approval"
        if keys and (fault := effects_fault(one.effect, keys)):
            yield fault

    def _lost(self, one: Asked | Run) -> Iterator[str]:
        if one.wishes & YES and one.line not in self._here.ledger.lines:
            yield "approved, and no effect"

    def _told(self, one: Asked) -> Iterator[str]:
        cards = Counter(card for message in one.said for card in _cards(message))
        yield from (f"card {each} stands {count} times" for each, count in cards.items() if count > 1)
        if kinds(one.said)["answer"] > 1:
            yield f"{kinds(one.said)['answer']} replies"

    def _at_the_end(self, one: Asked) -> Iterator[str]:
        if one.was_taken and not one.is_over:
            yield "no reply"
        if any(any(actions_of(each)) for each in one.said):
            yield "a card asks still"
        yield from self._lost(one) if one.was_taken else ()


def _cards(message: Json) -> set[str]:
    """The approval or the doubt that a message asks about."""
    return set(_CARD.findall(str(message["blocks"])))
