"""The matrix: each point times each effect times each database, what is expected of it, and what came."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from ironclaw.failpoints import Point
from ironclaw.task import Effect
from tests.e2e.workspace import Thread
from tests.faults.databases import Databases
from tests.faults.person import Person, actions_of, kinds
from tests.faults.stage import FAILPOINT, PATIENCE, Stage, stage

DONE, ASKED = "done", "in doubt, asked, done"
#: Kills after which nobody knows whether the effect happened.
_IN_DOUBT = frozenset({Point.EFFECT_BEGUN, Point.EFFECT_DONE})


@dataclass(frozen=True, slots=True)
class Cell:
    """One kill."""

    point: Point
    effect: Effect
    database: str

    @property
    def name(self) -> str:
        return f"{self.point.value}-{self.effect.value}-{self.database}"

    @property
    def line(self) -> str:
        """What it writes into the ledger."""
        return f"{self.point.value}-{self.effect.value}"

    @property
    def end(self) -> str:
        """How it has to end."""
        return ASKED if self.point in _IN_DOUBT and self.effect is Effect.ONCE else DONE

    @property
    def cards(self) -> int:
        """The approval, and the question whether it ran."""
        return 1 + (self.end == ASKED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen of a cell from outside.

    :ivar keys: Idempotency-Key of each effect
    :ivar cards: messages that are a card; ``statuses`` and ``replies`` likewise
    :ivar open_cards: those that still have buttons
    :ivar end: of the workflow; "stuck" where something never came to rest
    :ivar audit: what ``ironclaw audit verify`` made of the log
    """

    keys: tuple[str, ...] = ()
    cards: int = 0
    open_cards: int = 0
    statuses: int = 0
    replies: int = 0
    end: str = ""
    audit: bool = False
    trouble: str = ""

    def faults(self, cell: Cell) -> Iterator[str]:
        """What is not as it has to be."""
        yield from filter(None, [self.trouble, effects_fault(cell.effect, self.keys)])
        for count, wanted, what in ((self.cards, cell.cards, "cards"), (self.replies, 1, "replies")):
            if count != wanted:
                yield f"{count} {what}"
        if self.open_cards:
            yield "a card asks still"
        if self.statuses > 1:
            yield f"{self.statuses} status lines"
        if self.end != cell.end:
            yield f"ended {self.end!r}, not {cell.end!r}"
        if not self.audit:
            yield "the audit log does not verify"


def effects_fault(effect: Effect, keys: tuple[str, ...]) -> str:
    """What is wrong with these effects of one approved call; "" for nothing."""
    if not keys:
        return "no effect"
    if effect is Effect.KEYED:
        return "" if len(set(keys)) == 1 and keys[0] else f"{len(set(keys) - {''})} keys"
    return f"{len(keys)} effects" if len(keys) > 1 and effect is not Effect.PURE else ""


def cells(points: Iterable[Point], effects: Iterable[Effect], databases: Iterable[str]) -> list[Cell]:
    return [Cell(*each) for each in product(points, effects, databases)]


async def play(cell: Cell, folder: Path, databases: Databases) -> Outcome:
    """Kill a real bot there, start it again, drive on, and look at what came of it."""
    home = folder / cell.name
    home.mkdir(parents=True)
    is_back = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await is_back.wait()

    async with stage(home, databases.new(cell.database, home), sleep) as here:
        here.bot.environ[FAILPOINT] = cell.point.value
        await here.start()
        thread = here.ask_for(f"ledger.{cell.effect.value}", cell.line)
        trouble = await _until_killed(here, thread, cell)
        del here.bot.environ[FAILPOINT]
        await here.start()
        is_back.set()
        person = Person(here, thread, cell.line)
        trouble = trouble or await _to_the_end(here, person)
        return await _seen(here, person, trouble)


async def _until_killed(here: Stage, thread: Thread, cell: Cell) -> str:
    """:return: what went wrong: the point was never reached"""
    driving = asyncio.create_task(Person(here, thread, cell.line).drive())
    ended = asyncio.create_task(here.bot.ended())
    try:
        async with asyncio.timeout(PATIENCE):
            code = await ended
    except TimeoutError:
        await here.bot.kill()
        return "the point was not reached"
    finally:
        driving.cancel()
        ended.cancel()
        await asyncio.gather(driving, ended, return_exceptions=True)
    return "" if code == -signal.SIGKILL else f"the bot ended with {code}"


async def _to_the_end(here: Stage, person: Person) -> str:
    """:return: what is stuck"""
    try:
        await person.drive()
        await here.settle()
    except TimeoutError:
        return "stuck"
    return ""


async def _seen(here: Stage, person: Person, trouble: str) -> Outcome:
    shown = kinds(person.thread.replies)
    ends = await here.database.column("SELECT state FROM workflows")
    with contextlib.suppress(TimeoutError):
        await here.bot.stop()
    said = await here.bot.command("audit", "verify")
    return Outcome(
        keys=tuple(here.ledger.lines.get(person.line, ())),
        cards=shown["card"],
        open_cards=sum(any(actions_of(each)) for each in person.thread.replies),
        statuses=shown["status"],
        replies=shown["answer"],
        end=("in doubt, asked, " if person.has_said else "") + ", ".join(ends),
        audit=said.code == 0,
        trouble=trouble,
    )
