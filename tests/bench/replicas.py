"""Two replicas against one: the same tasks of several tenants, each computing for a while in the sandbox.

A replica is a process with everything of the engine, one worker, and a core to itself with it: a machine with
one core.  One database for all; it runs wherever there is room, as a machine of its own would.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.contenders import own, running
from tests.bench.measure import Result, Samples, ms, say, times
from tests.bench.replica import TENANTS
from tests.fakes.postgres import Cluster, cluster, programs

BAR = 1.7  #: Times one replica, from the issue.
FLOOR, OURS = "the computing alone", "IronClaw"
NAME, TITLE = "replicas", "Two replicas against one (PostgreSQL; tasks that compute in the sandbox)"
HEAD = ("", "replicas", "tasks per s", "of one", "CPU ms a task")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int = 3
    tasks: int = 96  #: In all, whoever does them.
    lanes: int = 32  #: At once, in all.
    bare: int = 24  #: Of the computing alone.
    warmup: int = 8  #: Of each replica.


@dataclass(frozen=True, slots=True)
class Crew:
    """How so many processes did their tasks together."""

    per_second: float
    seconds: tuple[float, ...]  #: Of each task.
    cpu: float  #: Seconds of all processes and what they started.


@dataclass(slots=True)
class Table:
    """By who, and how many of them, one for each round."""

    crews: dict[tuple[str, int], list[Crew]] = field(default_factory=dict)

    def of(self, name: str, count: int) -> list[Crew]:
        return self.crews.setdefault((name, count), [])

    def per_second(self, name: str, count: int) -> float:
        return statistics.median(each.per_second for each in self.of(name, count))

    def samples(self, name: str, count: int) -> Samples:
        return Samples(tuple(value for each in self.of(name, count) for value in each.seconds))

    def cpu_ms(self, name: str, count: int) -> float:
        crews = self.of(name, count)
        return 1000 * sum(each.cpu for each in crews) / sum(len(each.seconds) for each in crews)

    def ratio(self, name: str) -> float:
        """Two against one of the same round."""
        pairs = zip(self.of(name, 2), self.of(name, 1), strict=True)
        return statistics.median(two.per_second / one.per_second for two, one in pairs)


async def measure(size: Size = Size()) -> Result:
    """The table of two replicas against one."""
    missing = _missing()
    if missing:
        return Result(NAME, TITLE, HEAD, (), {}, (missing,))
    say(f"replicas: {size.rounds} rounds of {size.tasks} tasks by one and by two")
    table, cores = Table(), sorted(os.sched_getaffinity(0))[:2]
    with cluster(lasting=True) as server:
        for number in range(size.rounds):
            one = [cores[number % 2]]
            ways = [(name, crew) for name in (FLOOR, OURS) for crew in (one, cores)]
            random.shuffle(ways)
            for name, crew in ways:
                table.of(name, len(crew)).append(await _crew(name, crew, server, size))
    return _result(table, size)


def _missing() -> str:
    if programs() is None:
        return "PostgreSQL is not installed here."
    return "" if len(os.sched_getaffinity(0)) > 1 else "This machine has one core."


async def _crew(name: str, cores: list[int], server: Cluster, size: Size) -> Crew:
    """New processes, one on each core, on a new database."""
    tasks, lanes = (size.tasks, size.lanes) if name == OURS else (size.bare, len(cores))
    share, mine = tasks // len(cores), lanes // len(cores)
    with tempfile.TemporaryDirectory() as folder:
        url = [server.new_database()] if name == OURS else []
        async with AsyncExitStack() as stack:
            crew = []
            for core in cores:
                home = Path(folder) / str(core)
                home.mkdir()
                command = own("replica", home, str(core), *url)
                crew.append(await stack.enter_async_context(running(f"{name} on {core}", command)))
            await asyncio.gather(*(each.round(mine, size.warmup) for each in crew))
            began = time.perf_counter()
            taken = await asyncio.gather(*(each.round(mine, share) for each in crew))
            took = time.perf_counter() - began
    seconds = tuple(value for each in taken for value in each.pause)
    return Crew(len(seconds) / took, seconds, sum(each.cpu for each in taken))


def _result(table: Table, size: Size) -> Result:
    ratio = table.ratio(OURS)
    return Result(
        name=NAME,
        title=TITLE,
        head=HEAD,
        rows=tuple(_row(table, name, count) for name in (FLOOR, OURS) for count in (1, 2)),
        numbers={"crews": {f"{name}, {count}": _numbers(table, name, count) for name, count in table.crews}},
        notes=(
            f"two replicas: {times(ratio)} of one (at least {BAR}x): {'met' if ratio >= BAR else 'MISSED'}",
            f"{size.tasks} tasks of {len(TENANTS)} tenants, {size.lanes} at once in all, asked at either"
            " replica and done by whichever takes them; each is a workflow with one call that computes in"
            " the sandbox for as long as the first line's CPU says, and that nobody is asked for.",
            "A replica has one worker and is bound to one core with it, as a machine with one core is;"
            " PostgreSQL is bound to none: beside one replica it has the other core to itself, beside two it"
            " takes from both, so that a server elsewhere would make the ratio larger.",
            "The computing alone: the same component by wasmtime in one and in two processes that share"
            " nothing, bound likewise: what the machine itself has to give. Median of the rounds' ratios;"
            " new processes and a new database each; CPU without PostgreSQL's.",
        ),
    )


def _row(table: Table, name: str, count: int) -> tuple[str, ...]:
    return (
        name,
        str(count),
        f"{table.per_second(name, count):.2f}",
        times(table.ratio(name) if count > 1 else 1.0),
        ms(table.cpu_ms(name, count)),
    )


def _numbers(table: Table, name: str, count: int) -> dict[str, object]:
    return {
        "per_second": [round(each.per_second, 3) for each in table.of(name, count)],
        "task": table.samples(name, count).summary(),
        "cpu_ms": round(table.cpu_ms(name, count), 1),
        "of_one": round(table.ratio(name), 3) if count > 1 else 1.0,
    }
