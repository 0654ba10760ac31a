"""The cells of the matrix where it hurts; ``make faults`` plays all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironclaw.failpoints import Point
from ironclaw.task import Effect
from tests.fakes.postgres import NOT_INSTALLED, programs
from tests.faults.databases import POSTGRES, SQLITE, databases
from tests.faults.matrix import Cell, cells, effects_fault, play

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300)]
#: Around the effect, where it matters what kind of tool it is.
AROUND = (Point.TICKET_MINTED, Point.SANDBOX_CALLED, Point.EFFECT_DONE, Point.RESULT_WRITTEN)
ELSEWHERE = (
    Point.INBOX_COMMITTED,
    Point.VERDICT_WRITTEN,
    Point.CARD_POSTED,
    Point.CLICK_COMMITTED,
    Point.FINISHED,
    Point.OUTBOX_SENT,
    Point.ANSWER_SENT,
)
KILLS = [
    *cells(ELSEWHERE, (Effect.ONCE,), (SQLITE,)),
    *cells(AROUND, (Effect.KEYED, Effect.ONCE), (SQLITE,)),
]


ELSE = [Cell(Point.EFFECT_DONE, Effect.ONCE, POSTGRES), Cell(Point.CLICK_COMMITTED, Effect.KEYED, POSTGRES)]
NEEDS = pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED)
EVERY = [pytest.param(each, id=each.name) for each in KILLS]
EVERY += [pytest.param(each, id=each.name, marks=NEEDS) for each in ELSE]


@pytest.mark.parametrize("cell", EVERY)
async def test_kill(cell: Cell, tmp_path: Path) -> None:
    """
    Killed there and started again: one effect, one card, one reply, and the end that it has to have.
    """
    with databases({cell.database}, tmp_path) as found:
        outcome = await play(cell, tmp_path, found)

    assert [] == list(outcome.faults(cell))


@pytest.mark.parametrize(
    ("effect", "keys", "fault"),
    [
        (Effect.ONCE, (), "no effect"),
        (Effect.ONCE, ("a", "a"), "2 effects"),
        (Effect.CHECKABLE, ("a", "a"), "2 effects"),
        (Effect.KEYED, ("a", "a"), ""),
        (Effect.KEYED, ("a", "b"), "2 keys"),
        (Effect.KEYED, ("",), "0 keys"),
        (Effect.PURE, ("a", "b"), ""),
    ],
)
def test_what_counts_as_twice(effect: Effect, keys: tuple[str, ...], fault: str) -> None:
    """
    Of a keyed tool any number with one key is one effect; of one that runs once, two are one too many.
    """
    assert fault == effects_fault(effect, keys)
