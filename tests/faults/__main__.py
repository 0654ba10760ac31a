"""``make faults``: the whole matrix as a table; exits 1 when a cell is not as it has to be.

Narrower: ``python -m tests.faults --database sqlite --point card_posted --effect once``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from pathlib import Path

from ironclaw.failpoints import Point
from ironclaw.task import Effect
from tests.fakes.postgres import programs
from tests.faults.databases import POSTGRES, SQLITE, Databases, databases
from tests.faults.matrix import Cell, Outcome, cells, play

LOG = Path(__file__).parents[2] / ".ironclaw" / "faults.log"
_ROW = "{:<16} {:<10} {:<11} {:>7} {:>5} {:>5} {:>7}  {:<22} {}"
_HEAD = _ROW.format("point", "tool", "database", "effects", "keys", "cards", "replies", "end", "")


def main() -> int:
    """:return: the process's exit code"""
    chosen = _parser().parse_args()
    todo = cells(
        [Point(name) for name in chosen.point], [Effect(name) for name in chosen.effect], chosen.database
    )
    began = time.monotonic()
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = stack.enter_context(databases(set(chosen.database), folder))
        stack.enter_context(contextlib.redirect_stdout(stack.enter_context(LOG.open("w", buffering=1))))
        bad = asyncio.run(_table(todo, folder, found, chosen.jobs))
    print(f"{len(todo) - bad} of {len(todo)} cells as expected, in {time.monotonic() - began:.0f} s")
    print(f"What the bots said: {LOG}" if bad else "")
    return 1 if bad else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    points, effects = [each.value for each in Point], [each.value for each in Effect]
    kinds = [SQLITE, POSTGRES] if programs() else [SQLITE]
    parser.add_argument("--point", nargs="*", choices=points, default=points)
    parser.add_argument("--effect", nargs="*", choices=effects, default=effects)
    parser.add_argument("--database", nargs="*", choices=[SQLITE, POSTGRES], default=kinds)
    parser.add_argument("--jobs", type=int, default=5, help="cells at once")
    return parser


async def _table(todo: list[Cell], folder: Path, found: Databases, jobs: int) -> int:
    """Play all of them, and print each row when it and those before it are there.

    :return: how many are not as expected
    """
    room = asyncio.Semaphore(jobs)

    async def one(cell: Cell) -> Outcome:
        async with room:
            try:
                return await play(cell, folder, found)
            except Exception as error:  # noqa: BLE001 - one row of the table, and not its end
                return Outcome(trouble=f"{type(error).__name__}: {error}"[:300])

    _show(_HEAD)
    bad = 0
    playing = [asyncio.create_task(one(cell)) for cell in todo]
    for cell, task in zip(todo, playing, strict=True):
        outcome = await task
        faults = list(outcome.faults(cell))
        bad += bool(faults)
        _show(_row(cell, outcome, faults))
    return bad


def _show(line: str) -> None:
    """Past what the bots say, which goes into the log."""
    print(line, file=sys.__stdout__, flush=True)


def _row(cell: Cell, outcome: Outcome, faults: list[str]) -> str:
    counts = (len(outcome.keys), len(set(outcome.keys)), outcome.cards, outcome.replies)
    verdict = "NOT: " + "; ".join(faults) if faults else "ok"
    return _ROW.format(
        cell.point.value, cell.effect.value, cell.database, *counts, outcome.end or "-", verdict
    )


if __name__ == "__main__":
    sys.exit(main())
