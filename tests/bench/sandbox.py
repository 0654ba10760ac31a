"""One call of the Python echo tool: through the sandbox, and with wasmtime alone in this process.

The floor has the same component, the same compiled code and the same engine settings, but no worker
process, no pipe, no limits of the operating system and no JSON checks: what isolation costs is the ratio.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wasmtime import Store, WasiConfig
from wasmtime.component import Component as Code

from ironclaw.canonical import subkey
from ironclaw.capabilities import Capabilities, Limits
from ironclaw.keys import load_key
from ironclaw.registry import Registry
from ironclaw.sandbox import Call, Component, Profile, Sandbox
from ironclaw.sandbox.codecache import CodeCache
from ironclaw.sandbox.engine import make_engine, make_linker
from ironclaw.sandbox.preparing import prepared_code
from ironclaw_bot.build import built_folder
from tests.bench.measure import Result, Samples, ms, say, times
from tests.fakes.sandbox import Recorder
from tests.integration.engine import shared_code

TOOL = "probe.echo"
INPUT = json.dumps({"text": "hello"})
FUEL = 2_000_000_000
REST = 0.006  #: Seconds between calls: the worker makes its next instance ready in 2 to 3 ms.
HOST_FUNCTIONS = ("log", "http", "now", "random")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int = 600  #: Each: one call through the sandbox, one cold and one warm call of the floor.
    burst: int = 500  #: Calls one after the other without a rest.
    warmup: int = 20


@dataclass(slots=True)
class Taken:
    """The samples, in seconds."""

    sandbox: list[float] = field(default_factory=list)
    burst: list[float] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)


class Floor:
    """The component with wasmtime alone."""

    def __init__(self, code: int) -> None:
        self._engine = make_engine()
        self._component = Code.deserialize_file(self._engine, f"/dev/fd/{code}")
        self._linker = make_linker(self._engine, Profile.SCRATCH, dict.fromkeys(HOST_FUNCTIONS, _absent))
        self._run = self._component.get_export_index("run")

    def cold(self) -> None:
        """Make an instance, call it, throw it away."""
        store, run = self._instance()
        _checked(run(store, TOOL, INPUT))
        store.close()

    def ready(self) -> Callable[[], None]:
        """An instance that has had its constant first call, for one call more."""
        store, run = self._instance()
        run(store, "ironclaw.warm", "{}")

        def call() -> None:
            _checked(run(store, TOOL, INPUT))
            store.close()

        return call

    def _instance(self) -> tuple[Store, Any]:
        store = Store(self._engine)
        store.set_fuel(FUEL)
        store.set_limits(memory_size=256 << 20, memories=2, instances=64, tables=8, table_elements=20_000)
        store.set_wasi(WasiConfig())
        return store, self._linker.instantiate(store, self._component).get_func(store, self._run)


def _absent(_store: Any, *_args: Any) -> str:
    return "the echo tool asks the host for nothing"


def _checked(answer: Any) -> None:
    if not isinstance(answer, str) or json.loads(answer) != json.loads(INPUT):
        raise RuntimeError(f"the echo tool answered {answer!r}")


async def measure(size: Size = Size()) -> Result:
    """The table of the sandbox."""
    say(f"sandbox: {size.rounds} rounds, {size.burst} calls without a rest")
    component = _probe()
    key = subkey(load_key(shared_code()["key_file"]), "code cache")
    cache_dir = shared_code()["cache_dir"]
    sandbox = await Sandbox.open(cache_dir=cache_dir, cache_key=key, workers=1)
    try:
        await sandbox.prepare(component, say)
        code = await prepared_code(component, CodeCache(cache_dir, key), say)
        floor = Floor(code)
        os.close(code)
        with tempfile.TemporaryDirectory() as folder:
            return _result(await _take(sandbox, _call(component, Path(folder)), floor, size))
    finally:
        await sandbox.close()


def _probe() -> Component:
    box = Registry.load([built_folder() / "probe"]).toolboxes[0]
    return Component(box.component, box.component_sha256, Profile(box.profile))


def _call(component: Component, root: Path) -> Call:
    capabilities = Capabilities(limits=Limits(fuel=FUEL, seconds=10))
    return Call(component, TOOL, INPUT, "acme", root / "acme", capabilities)


async def _take(sandbox: Sandbox, call: Call, floor: Floor, size: Size) -> Taken:
    taken = Taken()
    for number in range(size.warmup + size.rounds):
        into = taken if number >= size.warmup else Taken()
        into.sandbox.append(await _through(sandbox, call))
        ready = floor.ready()
        await asyncio.sleep(REST)
        into.warm.append(_timed(ready))
        await asyncio.sleep(REST)
        into.cold.append(_timed(floor.cold))
    for _ in range(size.burst):
        taken.burst.append(await _through(sandbox, call))
    return taken


async def _through(sandbox: Sandbox, call: Call) -> float:
    began = time.perf_counter()
    result = await sandbox.call(call, Recorder())
    took = time.perf_counter() - began
    _checked(result.output)
    return took


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _result(taken: Taken) -> Result:
    sandbox, burst = Samples(tuple(taken.sandbox)), Samples(tuple(taken.burst))
    cold, warm = Samples(tuple(taken.cold)), Samples(tuple(taken.warm))
    named = {
        "sandbox, worker rested": sandbox,
        "sandbox, without a rest": burst,
        "floor: in process, pre-warmed": warm,
        "floor: in process, cold": cold,
    }
    rows = tuple(
        (name, ms(each.p50), ms(each.p99), times(each.p50 / warm.p50), times(each.p50 / cold.p50))
        for name, each in named.items()
    )
    return Result(
        name="sandbox",
        title="Sandbox call (Python echo, one fresh instance per call)",
        head=("", "p50 ms", "p99 ms", "p50 / pre-warmed floor", "p50 / cold floor"),
        rows=rows,
        numbers={name: each.summary() for name, each in named.items()},
        notes=(
            "The sandbox: Sandbox.call in this process, one hardened worker process, a pre-warmed instance.",
            "Rested: the worker had 6 ms to get the next instance ready; without a rest a call waits for it.",
            "The floor makes its instance ready outside the timed part, and has the same rest before a call.",
        ),
    )
