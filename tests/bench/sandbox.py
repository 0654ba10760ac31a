"""One call of a Python tool: through the sandbox, with wasmtime alone, and by its peers; and what must hold.

The request: Sandbox.call in this process, a hardened worker process, a pre-warmed instance used once, limits
on, the tenant's folder granted for writing.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from ironclaw.canonical import subkey
from ironclaw.capabilities import Capabilities, Limits, Scratch
from ironclaw.keys import load_key
from ironclaw.registry import Registry
from ironclaw.sandbox import Call, Component, Profile, Sandbox
from ironclaw.sandbox.codecache import CodeCache
from ironclaw.sandbox.preparing import prepared_code
from ironclaw_bot.build import built_folder
from tests.bench import peers
from tests.bench.in_process import FUEL, InProcess
from tests.bench.measure import Result, Samples, ms, say, times
from tests.fakes.sandbox import Recorder, children, resident
from tests.integration.engine import shared_code

INPUTS = {
    "echo": ("probe.echo", json.dumps({"text": "hello"})),
    "work": ("probe.work", json.dumps({"text": json.dumps({"text": "hello"})})),
}
REST = 0.005  #: Seconds before a call: the worker makes its next instance ready in 3 ms.
BLOCK = 50  #: Calls of one way before the next way's: after a change all find cold caches for a while.
SETTLED = 0.5  #: Seconds until a new pool has its spare worker too.
REQUEST, WARM, COLD = "IronClaw, a request", "in process, pre-warmed", "in process, cold"
PYTHON = "python -I -S, a process a call"


Way = Callable[[str], Awaitable[float]]  #: Seconds of one of the INPUTS, by name.


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int = (
        300  #: Calls of each input each way: through the sandbox, and in this process cold and warm.
    )
    burst: int = 200  #: Calls at once.
    bursts: int = 5  #: With one and with two workers, in turns; the median of each counts.
    warmup: int = 20
    peers: int = 100  #: Calls of each quick peer; 0 leaves the peers out.


@dataclass(slots=True)
class Taken:
    """The samples, in seconds, by row and call."""

    seconds: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, row: str, which: str, took: float) -> None:
        self.seconds.setdefault((row, which), []).append(took)

    def samples(self, row: str, which: str) -> Samples:
        return Samples(tuple(self.seconds[row, which]))


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that must hold."""

    what: str
    value: float
    limit: float
    is_most: bool = True
    unit: str = "x"

    @property
    def line(self) -> str:
        held = self.value <= self.limit if self.is_most else self.value >= self.limit
        bound = "at most" if self.is_most else "at least"
        mark = "met" if held else "MISSED"
        return f"{self.what}: {self.value:.3g}{self.unit} ({bound} {self.limit:g}{self.unit}): {mark}"


class Bench:
    """One folder, one component, sandboxes with one and with two workers."""

    def __init__(self, folder: Path, size: Size) -> None:
        self._root, self._size = folder / "scratch", size
        self._key = subkey(load_key(shared_code()["key_file"]), "code cache")
        self._cache = shared_code()["cache_dir"]
        box = Registry.load([built_folder() / "probe"]).toolboxes[0]
        self.component = Component(box.component, box.component_sha256, Profile(box.profile))

    async def open(self, workers: int) -> Sandbox:
        return await Sandbox.open(
            cache_dir=self._cache, cache_key=self._key, workers=workers, scratch_root=self._root
        )

    async def floor(self) -> InProcess:
        code = await prepared_code(self.component, CodeCache(self._cache, self._key), say)
        floor = InProcess(code)
        os.close(code)
        return floor

    async def request(self, sandbox: Sandbox, which: str) -> float:
        """Seconds of one call.

        :raises RuntimeError: it failed
        """
        tool, text = INPUTS[which]
        limits = Limits(fuel=FUEL, seconds=30)
        capabilities = Capabilities(scratch=Scratch.WRITE, limits=limits)
        call = Call(self.component, tool, text, "acme", self._root / "acme", capabilities)
        began = time.perf_counter()
        result = await sandbox.call(call, Recorder())
        took = time.perf_counter() - began
        if result.output is None:
            raise RuntimeError(f"the call failed: {result.failure}")
        return took

    async def alternate(self, sandbox: Sandbox, floor: InProcess, taken: Taken) -> None:
        """Some calls of each way in turn, so that a noisy minute is a noisy minute for all.

        Before each call the same rest: without one the floor would find everything in the processor's caches.
        Some, and not one: the worker would have rested three times as long as the floor's process.
        """
        ways: dict[str, Way] = {
            REQUEST: lambda which: self._rested_request(sandbox, which),
            COLD: lambda which: _rested_cold(floor, which),
            WARM: lambda which: _rested_warm(floor, which),
        }
        await self._blocks(ways, self._size.warmup, Taken())
        await self._blocks(ways, self._size.rounds, taken)

    async def _blocks(self, ways: dict[str, Way], rounds: int, taken: Taken) -> None:
        for done in range(0, rounds, BLOCK):
            for which, (row, way) in itertools.product(INPUTS, ways.items()):
                for _ in range(min(BLOCK, rounds - done)):
                    taken.add(row, which, await way(which))

    async def _rested_request(self, sandbox: Sandbox, which: str) -> float:
        await asyncio.sleep(REST)
        return await self.request(sandbox, which)

    async def bursts(self) -> dict[int, tuple[float, float]]:
        """By the number of workers, what the median burst took."""
        taken: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
        for _ in range(self._size.bursts):
            for workers, seen in taken.items():
                seen.append(await self.burst(workers))
        return {workers: sorted(seen)[len(seen) // 2] for workers, seen in taken.items()}

    async def burst(self, workers: int) -> tuple[float, float]:
        """Seconds for all the calls at once, and resident bytes of a worker."""
        sandbox = await self.open(workers)
        try:
            await sandbox.prepare(self.component)
            for _ in range(4):
                await asyncio.gather(*(self.request(sandbox, "echo") for _ in range(workers)))
            await asyncio.sleep(SETTLED)
            began = time.perf_counter()
            await asyncio.gather(*(self.request(sandbox, "echo") for _ in range(self._size.burst)))
            took = time.perf_counter() - began
            return took, max(map(resident, children()))
        finally:
            await sandbox.close()

    async def until_ready(self) -> tuple[float, float]:
        """Milliseconds: to open the sandbox, and from there to a cached toolbox's first answer."""
        began = time.perf_counter()
        sandbox = await self.open(1)
        opened = time.perf_counter()
        try:
            await sandbox.prepare(self.component)
            await self.request(sandbox, "echo")
            return 1000 * (opened - began), 1000 * (time.perf_counter() - opened)
        finally:
            await sandbox.close()


async def _rested_cold(floor: InProcess, which: str) -> float:
    await asyncio.sleep(REST)
    return floor.cold(*INPUTS[which])


async def _rested_warm(floor: InProcess, which: str) -> float:
    instance = floor.ready()
    await asyncio.sleep(REST)
    return floor.warm(instance, *INPUTS[which])


async def measure(size: Size = Size()) -> Result:
    """The table of the sandbox."""
    say(f"sandbox: {size.rounds} rounds, bursts of {size.burst}, peers")
    with tempfile.TemporaryDirectory() as name:
        bench, taken = Bench(Path(name), size), Taken()
        floor = await bench.floor()
        sandbox = await bench.open(1)
        try:
            await sandbox.prepare(bench.component, say)
            await bench.alternate(sandbox, floor, taken)
        finally:
            await sandbox.close()
        bursts = await bench.bursts()
        ready = await bench.until_ready()
        others = [peer async for peer in peers.measured(size.peers)] if size.peers else []
        return _result(taken, bursts, ready, floor.bytes_per_instance(), others, size)


def _result(
    taken: Taken,
    bursts: dict[int, tuple[float, float]],
    ready: tuple[float, float],
    instance_bytes: float,
    others: list[peers.Peer],
    size: Size,
) -> Result:
    own = [peers.Peer(n, taken.samples(n, "echo"), taken.samples(n, "work")) for n in (REQUEST, WARM, COLD)]
    every = [*own, *others]
    measured = [peer for peer in every if peer.echo]
    notes = [bar.line for bar in _bars(every, bursts, ready, size)]
    notes.append(f"a burst of {size.burst} at once: no call failed")
    notes.append(
        f"resident: {bursts[1][1] / 1e6:.0f} MB a worker, {instance_bytes / 1e6:.2f} MB a warm instance"
    )
    notes.append(f"opening the sandbox, with the trial of its layers: {ready[0]:.0f} ms, once a start")
    notes += [peer.note for peer in others if peer.note]
    return Result(
        name="sandbox",
        title="A call of a Python tool: echo, and a small script (JSON and a sum of 10,000)",
        head=("", "echo p50 ms", "p99", "script p50 ms", "p99", "echo / request"),
        rows=tuple(_row(peer, own[0]) for peer in measured),
        numbers=_numbers(measured, bursts, ready, instance_bytes),
        notes=tuple(notes),
    )


def _row(peer: peers.Peer, request: peers.Peer) -> tuple[str, ...]:
    assert peer.echo
    assert request.echo
    script = (ms(peer.work.p50), ms(peer.work.p99)) if peer.work else ("-", "-")
    return (peer.name, ms(peer.echo.p50), ms(peer.echo.p99), *script, times(peer.echo.p50 / request.echo.p50))


def _bars(
    every: list[peers.Peer], bursts: dict[int, tuple[float, float]], ready: tuple[float, float], size: Size
) -> list[Bar]:
    echo = {peer.name: peer.echo for peer in every if peer.echo}
    request, warm, cold = echo[REQUEST], echo[WARM], echo[COLD]
    one, two = bursts[1][0], bursts[2][0]
    bars = [
        Bar("request p50 / in process, pre-warmed", request.p50 / warm.p50, 3),
        Bar("request p50 / in process, cold", request.p50 / cold.p50, 0.5),
        Bar("request p99 / p50, the pool keeping up", request.p99 / request.p50, 10),
        Bar(
            f"a call in a burst of {size.burst}, one worker / in process, cold",
            1000 * one / size.burst / cold.p50,
            2,
        ),
        Bar("calls a second, two workers / one", one / two, 1.7, is_most=False),
        Bar("cached toolbox: until its first answer", ready[1], 300, unit=" ms"),
    ]
    if PYTHON in echo:
        bars.insert(2, Bar("python -I -S / request", echo[PYTHON].p50 / request.p50, 40, is_most=False))
    return bars


def _numbers(
    measured: list[peers.Peer],
    bursts: dict[int, tuple[float, float]],
    ready: tuple[float, float],
    instance_bytes: float,
) -> dict[str, object]:
    return {
        "calls": {
            peer.name: {
                "echo": peer.echo.summary() if peer.echo else None,
                "script": peer.work.summary() if peer.work else None,
            }
            for peer in measured
        },
        "burst_seconds": {str(workers): round(took, 4) for workers, (took, _bytes) in bursts.items()},
        "open_ms": round(ready[0], 1),
        "cached_ready_ms": round(ready[1], 1),
        "worker_bytes": bursts[1][1],
        "instance_bytes": round(instance_bytes),
    }
