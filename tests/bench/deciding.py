"""From an approver's yes until the workflow goes on, against the database alone.

Taken: from the call of ``Ironclaw.decide(APPROVE)`` until the workflow's row is running and the orchestrator
has loaded it, about to pass the last gate.  Floor: the very statements of that (see ``replay``), as many
commits, one for all that arrive together.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironclaw.app import Ironclaw
from ironclaw.store import Flow
from ironclaw.task import CallState, Decision, WorkflowState, WorkflowView
from tests.bench.measure import Result, Samples, ms, say, times
from tests.bench.replay import Noted, Replay, copy_of, noting
from tests.bench.workflows import PATIENCE, bench_engine, new_review
from tests.integration.engine import approver

BAR = 1.5  #: Times the floor, from the issue.


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int = 200  #: At concurrency 1; each: one of the engine, one of the floor.
    warmup: int = 10
    lanes: int = 64
    waves: int = 6  #: Of lanes workflows each.


@dataclass(slots=True)
class Taken:
    """Seconds: of one workflow, and of a whole wave."""

    alone: list[float] = field(default_factory=list)
    floor_alone: list[float] = field(default_factory=list)
    together: list[float] = field(default_factory=list)
    floor_together: list[float] = field(default_factory=list)


class LastGate:
    """Where approved workflows have been loaded and would be judged once more; closed, they wait there."""

    def __init__(self, app: Ironclaw) -> None:
        self._app = app
        self._orchestrator: Any = app._dispatcher._advance.__self__
        self._at: dict[str, asyncio.Future[float]] = {}
        self._go_on = asyncio.Event()

    def close(self) -> None:
        """From now on they wait."""
        step = self._orchestrator.step

        async def held(flow: Flow) -> None:
            now = time.perf_counter()
            at = self._at.get(flow.id)
            if at and flow.state is WorkflowState.RUNNING and flow.calls[-1].state is CallState.APPROVED:
                if not at.done():
                    at.set_result(now)
                await self._go_on.wait()
            await step(flow)

        self._orchestrator.step = held

    def open(self) -> None:
        """They go on."""
        del self._orchestrator.step
        self._go_on.set()

    async def resumed(self, views: Sequence[WorkflowView]) -> float:
        """Decide all of these at once.

        :return: seconds until the last of them was there
        """
        at = [self._at.setdefault(view.id, asyncio.Future()) for view in views]
        began = time.perf_counter()
        await asyncio.gather(*(self._decide(view) for view in views))
        return max(await asyncio.gather(*at)) - began

    async def _decide(self, view: WorkflowView) -> None:
        if view.approval is None:
            raise RuntimeError("the paused workflow has no approval")
        await self._app.decide(approver(), view.approval.id, Decision.APPROVE)


async def measure(size: Size = Size()) -> Result:
    """The table of deciding."""
    say(f"deciding: {size.rounds} alone, {size.waves} waves of {size.lanes}")
    with tempfile.TemporaryDirectory() as name:
        source, folder = Path(name) / "noted", Path(name) / "timed"
        source.mkdir()
        folder.mkdir()
        with contextlib.ExitStack() as stack:
            floor, alone, together = await _noted(source, size, stack)
            async with bench_engine(folder) as app:
                taken = Taken()
                await _alone(app, floor, alone, size, taken)
                await _together(app, floor, together, size, taken)
    return _result(taken, alone[-1], together[-1], size)


async def _noted(
    folder: Path, size: Size, stack: contextlib.ExitStack
) -> tuple[Replay, list[Noted], list[Noted]]:
    """What the engine runs for single decisions and for waves, and the database from before all of it."""
    async with bench_engine(folder) as app:
        for chore in app._chores:
            chore.cancel()  # What they read and send is of no decision.
        groups = [1] * (size.warmup + size.rounds) + [size.lanes] * size.waves
        views = [await asyncio.gather(*(new_review(app) for _ in range(count))) for count in groups]
        floor = stack.enter_context(copy_of(folder / "data" / "ironclaw.db", folder / "floor.db"))
        noted = [await _note(app, each) for each in views]
    return floor, noted[: -size.waves], noted[-size.waves :]


async def _note(app: Ironclaw, views: Sequence[WorkflowView]) -> Noted:
    gate = LastGate(app)
    gate.close()
    with noting(app) as noted:
        await gate.resumed(views)
    return noted


async def _alone(app: Ironclaw, floor: Replay, noted: Sequence[Noted], size: Size, taken: Taken) -> None:
    for number, each in enumerate(noted):
        into = taken if number >= size.warmup else Taken()
        into.alone.append(await _round(app, 1))
        into.floor_alone.append(floor.run(each))


async def _together(app: Ironclaw, floor: Replay, noted: Sequence[Noted], size: Size, taken: Taken) -> None:
    for each in noted:
        taken.together.append(await _round(app, size.lanes))
        taken.floor_together.append(floor.run(each))


async def _round(app: Ironclaw, count: int) -> float:
    """New workflows, their cards told; only the decisions are taken.  Then they run to their end."""
    views = await asyncio.gather(*(new_review(app) for _ in range(count)))
    await _told(app)
    gate = LastGate(app)
    gate.close()
    seconds = await gate.resumed(views)
    gate.open()
    for view in views:
        after = await app.wait("T1", view.id, PATIENCE)
        if after.state is not WorkflowState.DONE:
            raise RuntimeError(f"the workflow did not finish: {after}")
    await _told(app)
    return seconds


async def _told(app: Ironclaw) -> None:
    while await app._store.outbox.next_at(["test"]) is not None:  # noqa: ASYNC110 - nothing says so
        await asyncio.sleep(0.001)


def _result(taken: Taken, alone: Noted, wave: Noted, size: Size) -> Result:
    samples = {name: Samples(tuple(getattr(taken, name))) for name in Taken.__slots__}
    rows, met = [], []
    for label, of, count in (("alone", "alone", 1), (f"{size.lanes} at once", "together", size.lanes)):
        mine, bare = samples[of], samples[f"floor_{of}"]
        ratio = mine.p50 / bare.p50
        rows.append((label, ms(mine.p50), ms(mine.p99), ms(bare.p50), ms(mine.p50 / count), times(ratio)))
        met.append(f"{label}: {times(ratio)} (at most {BAR}x): " + ("met" if ratio <= BAR else "MISSED"))
    return Result(
        name="deciding",
        title="From a yes until the workflow goes on",
        head=("", "p50 ms", "p99 ms", "floor p50 ms", "ms each", "of floor"),
        rows=tuple(rows),
        numbers={
            "taken": {name: each.summary() for name, each in samples.items()},
            "floor": {"alone": alone.summary(), "together": wave.summary()},
        },
        notes=(
            *met,
            f"Alone: {_said(alone)}; {size.lanes} at once: {_said(wave)}.",
            "Floor: the same statements on the same rows by plain sqlite3, without the hops.",
        ),
    )


def _said(noted: Noted) -> str:
    return ", ".join(f"{count} {what}" for what, count in noted.summary().items())
