"""Pausing and resuming through the whole engine, against plain sqlite3.

Pause: ``submit`` until the workflow waits for an approver (accepted, planned, judged by the policy, card in
the outbox).  Resume: the approver's ``decide`` until the workflow is done.  Nothing is left out but the door
and the model: store, audit, policy, veto, schema, leak guard, outbox and sandbox are the real ones.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironclaw.app import Ironclaw, open_app
from ironclaw.store import reading
from ironclaw.task import Decision, Notice, WorkflowState, WorkflowView
from tests.bench.floor import PAUSE, RESUME, Floor, floor, new_names
from tests.bench.measure import Result, Samples, ms, say, times
from tests.bench.peer_programs.lanes import HISTORY
from tests.fakes.sandbox import toolbox
from tests.integration.engine import BrainPlugin, Moves, approver, ask, moves, settings, wants

TOOL = "bench.echo"
#: The cheapest tool that a person is asked for: some hundred bytes of WebAssembly that give the input back.
MANIFEST = """
name = "bench"
version = "1.0.0"
component = "component.wasm"
sha256 = "{sha256}"
[tools."bench.echo"]
description = "Give the arguments back."
risk = "high"
effect = "pure"
[tools."bench.echo".schema]
type = "object"
additionalProperties = false
[tools."bench.echo".schema.properties]
text = {{ type = "string", description = "Given back as it is." }}
"""
PATIENCE = 60.0  #: Seconds for one workflow.
_REQUESTERS = itertools.count()

Work = Callable[[Ironclaw], Awaitable[float]]


class Listener:
    """Hears every status, card and answer at once: the outbox works as in the product, without a network."""

    async def send(self, notice: Notice) -> Mapping[str, str] | None:
        return None


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int = 150  #: At concurrency 1; each: one approved workflow, one denied, one of the floor.
    warmup: int = 10
    lanes: int = 64
    waves: int = 4  #: Of lanes x depth workflows each.
    depth: int = 4  #: Workflows of one lane in a wave.


@dataclass(slots=True)
class Taken:
    """Seconds of each workflow at concurrency 1."""

    pause: list[float] = field(default_factory=list)
    approve: list[float] = field(default_factory=list)
    deny: list[float] = field(default_factory=list)
    floor_pause: list[float] = field(default_factory=list)
    floor_resume: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Rates:
    """Workflows a second of each wave at concurrency 64, and CPU seconds of this process."""

    pause: list[float] = field(default_factory=list)
    approve: list[float] = field(default_factory=list)
    deny: list[float] = field(default_factory=list)
    floor_pause: list[float] = field(default_factory=list)
    floor_resume: list[float] = field(default_factory=list)
    cpu: float = 0.0


async def measure(size: Size = Size()) -> Result:
    """The table of pausing and resuming."""
    say(f"pause and resume: {size.rounds} rounds alone, {size.waves} waves with {size.lanes} at once")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with floor(folder) as bare:
            async with bench_engine(folder) as app:
                taken = await _alone(app, bare, size)
                rates = await _together(app, bare, size)
            return _result(taken, rates, _tool_seconds(folder), size)


@asynccontextmanager
async def bench_engine(folder: Path, **changes: Any) -> AsyncIterator[Ironclaw]:
    """The whole engine with one tool that a person is asked for, open until the block ends.

    :param changes: of the settings
    """
    box = written(folder / "bench", MANIFEST, toolbox())
    brain = Moves(moves(wants(TOOL, text="hello")))
    plugins = {"test_brain": lambda _services: BrainPlugin(brain)}
    async with open_app(settings(folder, workers=2, **changes), toolboxes=[box], plugins=plugins) as app:
        app.speak("test", Listener())
        yield app


def written(box: Path, manifest: str, wasm: bytes) -> Path:
    """
    :param manifest: with a place for the digest
    :return: the folder of a toolbox
    """
    box.mkdir(exist_ok=True)
    (box / "component.wasm").write_bytes(wasm)
    (box / "toolbox.toml").write_text(manifest.format(sha256=hashlib.sha256(wasm).hexdigest()))
    return box


async def new_review(app: Ironclaw) -> WorkflowView:
    """A new workflow that waits for its approver."""
    # Somebody new each time: one person is not asked about too often, nor about what was denied.
    task = ask(HISTORY, requester=f"slack:T1:U{next(_REQUESTERS)}")
    view = await app.wait("T1", await app.submit(task), PATIENCE)
    if view.state is not WorkflowState.PAUSED:
        raise RuntimeError(f"the workflow did not pause: {view}")
    return view


async def decided(app: Ironclaw, view: WorkflowView, decision: Decision) -> None:
    """The workflow is decided, and done.

    :raises RuntimeError: it did not get there
    """
    if view.approval is None:
        raise RuntimeError("the paused workflow has no approval")
    await app.decide(approver(), view.approval.id, decision)
    after = await app.wait("T1", view.id, PATIENCE)
    if after.state is not WorkflowState.DONE:
        raise RuntimeError(f"the workflow did not finish: {after}")


async def _alone(app: Ironclaw, bare: Floor, size: Size) -> Taken:
    taken = Taken()
    for number in range(size.warmup + size.rounds):
        into = taken if number >= size.warmup else Taken()
        for decision, resumed in ((Decision.APPROVE, into.approve), (Decision.DENY, into.deny)):
            began = time.perf_counter()
            view = await new_review(app)
            paused = time.perf_counter()
            await decided(app, view, decision)
            resumed.append(time.perf_counter() - paused)
            into.pause.append(paused - began)
        names = new_names(1)
        into.floor_pause.append(bare.run(names, PAUSE))
        into.floor_resume.append(bare.run(names, RESUME))
    return taken


async def _together(app: Ironclaw, bare: Floor, size: Size) -> Rates:
    rates = Rates()
    for _ in range(size.waves):
        began = time.process_time()
        for decision, resumed in ((Decision.APPROVE, rates.approve), (Decision.DENY, rates.deny)):
            rates.pause.append(await _pause_wave(app, size, waiting := []))
            resumed.append(await _resume_wave(app, size, waiting, decision))
        rates.cpu += time.process_time() - began
        _floor_wave(bare, size, rates)
    return rates


async def _pause_wave(app: Ironclaw, size: Size, waiting: list[WorkflowView]) -> float:
    async def lane() -> None:
        for _ in range(size.depth):
            waiting.append(await new_review(app))

    return await _rate(size, [lane() for _ in range(size.lanes)])


async def _resume_wave(
    app: Ironclaw, size: Size, waiting: Sequence[WorkflowView], decision: Decision
) -> float:
    async def lane(mine: Sequence[WorkflowView]) -> None:
        for view in mine:
            await decided(app, view, decision)

    return await _rate(size, [lane(waiting[number :: size.lanes]) for number in range(size.lanes)])


async def _rate(size: Size, lanes: Sequence[Awaitable[None]]) -> float:
    began = time.perf_counter()
    await asyncio.gather(*lanes)
    return size.lanes * size.depth / (time.perf_counter() - began)


def _floor_wave(bare: Floor, size: Size, rates: Rates) -> None:
    """Group commit: one transaction for a step of all lanes."""
    pause = resume = 0.0
    for _ in range(size.depth):
        names = new_names(size.lanes)
        pause += bare.run(names, PAUSE)
        resume += bare.run(names, RESUME)
    rates.floor_pause.append(size.lanes * size.depth / pause)
    rates.floor_resume.append(size.lanes * size.depth / resume)


def _tool_seconds(folder: Path) -> Samples:
    """What the engine itself noted of each executed call; waiting for a worker is not in it."""
    with reading(folder / "data" / "ironclaw.db") as c:
        found = c.execute("SELECT seconds FROM tool_calls WHERE state = 'succeeded'").fetchall()
    return Samples(tuple(row["seconds"] for row in found))


def _result(taken: Taken, rates: Rates, tool: Samples, size: Size) -> Result:
    alone = {name: Samples(tuple(getattr(taken, name))) for name in Taken.__slots__}
    together = {name: sorted(getattr(rates, name))[len(getattr(rates, name)) // 2] for name in _RATES}
    workflows = 2 * size.waves * size.lanes * size.depth
    numbers: dict[str, object] = {
        "alone": {name: each.summary() for name, each in alone.items()},
        "together_per_second": {name: round(each, 1) for name, each in together.items()},
        "tool": tool.summary(),
        "cpu_ms_per_workflow": round(1000 * rates.cpu / workflows, 3),
    }
    return Result(
        name="workflows",
        title=f"Pause and resume (whole engine; concurrency 1 and {size.lanes})",
        head=("", "p50 ms", "p99 ms", "per s at 1", "of floor", f"per s at {size.lanes}", "of floor"),
        rows=tuple(_row(label, alone, together, of, against) for label, of, against in _ROWS),
        numbers=numbers,
        notes=(
            "Approved: with one real call of the cheapest tool in the sandbox"
            f" (p50 {ms(tool.p50)} ms, p99 {ms(tool.p99)} ms of worker time); denied: without any.",
            "Floor: plain sqlite3, WAL, synchronous=FULL; 2 commits to pause, 3 to resume;"
            f" at {size.lanes} one commit for {size.lanes} workflows."
            " The engine commits 2 and 4 times (denied: 2).",
            f"CPU of the engine's process at {size.lanes}: {1000 * rates.cpu / workflows:.1f} ms a workflow.",
        ),
    )


_RATES = ("pause", "approve", "deny", "floor_pause", "floor_resume")
_ROWS = (
    ("pause", "pause", "floor_pause"),
    ("resume, approved and run", "approve", "floor_resume"),
    ("resume, denied", "deny", "floor_resume"),
    ("floor: pause", "floor_pause", "floor_pause"),
    ("floor: resume", "floor_resume", "floor_resume"),
)


def _row(
    label: str, alone: dict[str, Samples], together: dict[str, float], of: str, against: str
) -> tuple[str, ...]:
    one = alone[of]
    return (
        label,
        ms(one.p50),
        ms(one.p99),
        f"{1000 / one.p50:.0f}",
        times(alone[against].p50 / one.p50),
        f"{together[of]:.0f}",
        times(together[of] / together[against]),
    )
