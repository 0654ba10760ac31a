"""The same workflow through the engine, its peers and the database alone, in one run, in turns.

The work: a new workflow with 4 KB of history; plan one tool call; pause durably; approve; run the tool,
which does nothing; final step; done.  No model.  Before and after each contender comes the floor: a ratio is
against the geometric mean of the two.
"""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.contenders import Contender, Taken, own, peer, running, used
from tests.bench.measure import Result, Samples, ms, say, times
from tests.fakes.postgres import Cluster, cluster, programs

FLOOR, OURS = "floor", "IronClaw"
BARS = {1: 0.6, 64: 0.4}  #: Of the floor, from the issue.
BAR_OF_PEERS = 10.0  #: Times the better peer at 64, from the issue.


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int = 3
    counts: tuple[tuple[int, int], ...] = ((1, 60), (64, 384))  #: At once, and how many workflows a round.
    warmup: int = 64  #: Workflows of each, before anything counts.
    fill: int = 400  #: Paused ones, to see what one takes on disk.
    flushes: int = 20  #: Workflows whose flushes are counted.
    peers: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """How a contender is started."""

    name: str
    command: list[str | Path]
    bytes: Callable[[], int]  #: That its rows take now.
    note: str = ""


@dataclass(slots=True)
class Measured:
    """One contender at one concurrency."""

    taken: list[Taken] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return sorted(self.ratios)[len(self.ratios) // 2]

    @property
    def per_second(self) -> float:
        return sum(len(each.pause) for each in self.taken) / sum(each.seconds for each in self.taken)

    @property
    def cpu_ms(self) -> float:
        return 1000 * sum(each.cpu for each in self.taken) / sum(len(each.pause) for each in self.taken)

    def samples(self, which: str) -> Samples:
        return Samples(tuple(value for each in self.taken for value in getattr(each, which)))

    def summary(self) -> dict[str, object]:
        """For the JSON file."""
        return {
            "per_second": round(self.per_second, 1),
            "of_floor": round(self.ratio, 5),
            "cpu_ms": round(self.cpu_ms, 3),
            **{which: self.samples(which).summary() for which in ("pause", "resume")},
        }


@dataclass(slots=True)
class Table:
    """Everything about every contender."""

    measured: dict[tuple[str, int], Measured] = field(default_factory=dict)
    bytes: dict[str, float] = field(default_factory=dict)
    flushes: dict[str, float | None] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def of(self, name: str, lanes: int) -> Measured:
        return self.measured.setdefault((name, lanes), Measured())


async def measure_sqlite(size: Size = Size()) -> Result:
    """The table of the contenders on SQLite."""
    with tempfile.TemporaryDirectory() as name:
        return await _measure("durable_sqlite", "SQLite", _on_sqlite(Path(name), size), None, size)


async def measure_postgres(size: Size = Size()) -> Result:
    """The table of the contenders on PostgreSQL, on a cluster of its own."""
    if programs() is None:
        return _nothing("durable_postgres", "PostgreSQL", ("PostgreSQL is not installed here.",))
    with tempfile.TemporaryDirectory() as name, cluster(lasting=True) as server:
        entries = _on_postgres(Path(name), server, size)
        return await _measure("durable_postgres", "PostgreSQL", entries, server.server.pid, size)


def _on_sqlite(folder: Path, size: Size) -> list[Entry]:
    def entry(name: str, command: Callable[[Path], list[str | Path]], database: str, note: str = "") -> Entry:
        home = folder / str(len(list(folder.iterdir())))
        home.mkdir()
        return Entry(name, command(home), lambda: used([home / database]), note)

    def of_peer(name: str, program: str, *arguments: str) -> Entry:
        return entry(
            name, lambda home: peer(program, *(each.format(home) for each in arguments)), "contender.db"
        )

    entries = [
        entry(FLOOR, lambda home: own("floor", home), "contender.db"),
        entry(OURS, lambda home: own("ours", home), "data/ironclaw.db"),
    ]
    if size.peers:
        entries += [
            of_peer("LangGraph, sync", "langgraph_peer.py", "{}", "sync"),
            of_peer("LangGraph, exit", "langgraph_peer.py", "{}", "exit"),
            of_peer("DBOS, recv", "dbos_peer.py", "sqlite:///{}/contender.db", "recv"),
            of_peer("DBOS, segments", "dbos_peer.py", "sqlite:///{}/contender.db", "segments"),
        ]
    return entries


def _on_postgres(folder: Path, server: Cluster, size: Size) -> list[Entry]:
    def entry(name: str, command: Callable[[str], list[str | Path]]) -> Entry:
        url = server.new_database()
        database = url.rpartition("/")[2]
        return Entry(name, command(url), lambda: _size_of(server, database))

    entries = [
        entry(FLOOR, lambda url: own("postgres_floor", url)),
        entry(OURS, lambda url: own("ours", folder, url)),
    ]
    if size.peers:
        entries += [
            entry("DBOS, recv", lambda url: peer("dbos_peer.py", url, "recv")),
            entry("DBOS, segments", lambda url: peer("dbos_peer.py", url, "segments")),
        ]
    return entries


def _size_of(server: Cluster, database: str) -> int:
    """Bytes of its tables and indexes."""
    server.run(database, "CHECKPOINT")
    return int(server.run(database, f"SELECT pg_database_size('{database}')"))


async def _measure(name: str, database: str, entries: list[Entry], server: int | None, size: Size) -> Result:
    say(f"{name}: {size.rounds} rounds of {', '.join(each.name for each in entries)}")
    table = Table()
    async with _all_running(entries, server, table) as contenders:
        for _, contender in contenders:
            await contender.round(min(size.warmup, 16), size.warmup)
        for _ in range(size.rounds):
            for lanes, count in size.counts:
                await _in_turns([each for _, each in contenders], lanes, count, table)
        for entry, contender in contenders:
            table.flushes[entry.name] = await contender.flushes(size.flushes) if size.flushes else None
            before = entry.bytes()
            await contender.fill(size.fill)
            table.bytes[entry.name] = (entry.bytes() - before) / size.fill
    return _result(name, database, table, size)


@asynccontextmanager
async def _all_running(
    entries: list[Entry], server: int | None, table: Table
) -> AsyncIterator[list[tuple[Entry, Contender]]]:
    """Those that can be started; the others are noted."""
    async with AsyncExitStack() as stack:
        found = []
        for entry in entries:
            try:
                contender = await stack.enter_async_context(running(entry.name, entry.command, server))
            except (OSError, RuntimeError) as error:
                table.missing.append(f"{entry.name} is missing: {_why(error)}")
                continue
            table.versions |= contender.versions
            found.append((entry, contender))
        yield found


def _why(error: Exception) -> str:
    return "make bench installs the peers" if isinstance(error, OSError) else str(error)


async def _in_turns(contenders: list[Contender], lanes: int, count: int, table: Table) -> None:
    """Floor, one, floor, another, floor: in random order."""
    floor, *others = contenders
    random.shuffle(others)
    before = await _one(floor, lanes, count, table)
    for other in others:
        taken = await _one(other, lanes, count, table)
        after = await _one(floor, lanes, count, table)
        bare = math.sqrt(before.per_second * after.per_second)
        table.of(other.name, lanes).ratios.append(taken.per_second / bare)
        before = after


async def _one(contender: Contender, lanes: int, count: int, table: Table) -> Taken:
    taken = await contender.round(lanes, count)
    measured = table.of(contender.name, lanes)
    measured.taken.append(taken)
    if contender.name == FLOOR:
        measured.ratios.append(1.0)
    return taken


# The table


def _result(name: str, database: str, table: Table, size: Size) -> Result:
    names = sorted(table.bytes, key=lambda each: -table.of(each, size.counts[-1][0]).ratio)
    return Result(
        name=name,
        title=f"The same workflow, paused and resumed, on {database}",
        head=_HEAD,
        rows=tuple(_row(each, lanes, table) for lanes, _ in size.counts for each in names),
        numbers={
            "contenders": {
                each: {
                    "at": {str(lanes): table.of(each, lanes).summary() for lanes, _ in size.counts},
                    "bytes": round(table.bytes[each]),
                    "flushes": table.flushes[each],
                }
                for each in names
            },
            "versions": table.versions,
        },
        notes=(*_bars(names, table, size), *table.missing, *_NOTES[database]),
    )


_HEAD = (
    "",
    "at once",
    "per s",
    "of floor",
    "pause p50 ms",
    "p99",
    "resume p50 ms",
    "p99",
    "CPU ms",
    "bytes paused",
    "flushes",
)


def _row(name: str, lanes: int, table: Table) -> tuple[str, ...]:
    one = table.of(name, lanes)
    pause, resume, flushes = one.samples("pause"), one.samples("resume"), table.flushes[name]
    times_of = [ms(value) for each in (pause, resume) for value in (each.p50, each.p99)]
    per_flush = "-" if flushes is None else f"{flushes:.1f}"
    return (
        name,
        str(lanes),
        f"{one.per_second:.0f}",
        f"{one.ratio:.3f}x",
        *times_of,
        ms(one.cpu_ms),
        f"{table.bytes[name]:.0f}",
        per_flush,
    )


def _bars(names: list[str], table: Table, size: Size) -> list[str]:
    said = [
        f"at {lanes}: {table.of(OURS, lanes).ratio:.3f}x of the floor (at least {bar}x): "
        + ("met" if table.of(OURS, lanes).ratio >= bar else "MISSED")
        for lanes, bar in BARS.items()
        if OURS in names and lanes in dict(size.counts)
    ]
    others = [each for each in names if each not in (FLOOR, OURS)]
    most = size.counts[-1][0]
    if OURS in names and others:
        better = max(others, key=lambda each: table.of(each, most).ratio)
        ratio = table.of(OURS, most).ratio / table.of(better, most).ratio
        said.append(
            f"at {most}: {times(ratio)} of the better peer, {better} (at least {BAR_OF_PEERS:.0f}x): "
            + ("met" if ratio >= BAR_OF_PEERS else "MISSED")
        )
    return said


_NOTES = {
    "SQLite": (
        "All: WAL, synchronous=FULL; set by us for DBOS, which does not set WAL (as shipped it also looks"
        " for messages once a second: here every 10 ms)."
        " DBOS runs on the SQLite of pysqlite3-binary, which it needs.",
        "LangGraph sync writes each step before the next begins; exit only at the interrupt and at the end:"
        " a crash loses the plan. DBOS recv keeps a coroutine for each paused workflow, segments does not.",
        "IronClaw with everything on: policy, schema, audit, outbox, seals, and a real call in the sandbox,"
        " whose processes' CPU is counted. The peers call a Python function.",
        "Flushes: fsync and fdatasync a workflow at concurrency 1, by strace.",
    ),
    "PostgreSQL": (
        "PostgreSQL of Debian on loopback with its own defaults of durability; CPU with the server's.",
        "IronClaw with everything on, as on SQLite. DBOS with LISTEN/NOTIFY, as shipped.",
        "Flushes: fsync and fdatasync a workflow at concurrency 1, by strace, the server's included.",
    ),
}


def _nothing(name: str, database: str, notes: tuple[str, ...]) -> Result:
    return Result(name, f"The same workflow, paused and resumed, on {database}", _HEAD, (), {}, notes)
