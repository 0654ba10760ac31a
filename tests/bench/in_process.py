"""A tool's component with wasmtime alone in this process: the floor of the sandbox.

It has the same component, the same compiled code and the same engine settings, but no worker process, no
pipe, no limits of the operating system and no JSON checks: what isolation costs is the ratio.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from wasmtime import Store, WasiConfig
from wasmtime.component import Component as Code

from ironclaw.sandbox import Profile
from ironclaw.sandbox.engine import make_engine, make_linker
from ironclaw.sandbox.guest import WARM_CALLS, WARM_TOOL

FUEL = 2_000_000_000
HOST_FUNCTIONS = ("log", "http", "now", "random")


class InProcess:
    """The component, mapped."""

    def __init__(self, code: int, fuel: int = FUEL) -> None:
        self._fuel = fuel
        self._engine = make_engine()
        self._component = Code.deserialize_file(self._engine, f"/dev/fd/{code}")
        self._linker = make_linker(self._engine, Profile.SCRATCH, dict.fromkeys(HOST_FUNCTIONS, _absent))
        self._run = self._component.get_export_index("run")

    def cold(self, tool: str, text: str) -> float:
        """Seconds to make an instance and call it.  Throwing it away comes after the answer."""
        began = time.perf_counter()
        store, run = self.instance()
        answer = run(store, tool, text)
        took = time.perf_counter() - began
        return _checked(answer, took, store)

    def warm(self, instance: tuple[Store, Any], tool: str, text: str) -> float:
        """Seconds of a call of an instance that :meth:`ready` made."""
        store, run = instance
        began = time.perf_counter()
        answer = run(store, tool, text)
        took = time.perf_counter() - began
        return _checked(answer, took, store)

    def ready(self) -> tuple[Store, Any]:
        """A warm instance."""
        store, run = self.instance()
        for _ in range(WARM_CALLS):
            run(store, WARM_TOOL, "{}")
        return store, run

    def instance(self) -> tuple[Store, Any]:
        store = Store(self._engine)
        store.set_fuel(self._fuel)
        store.set_limits(memory_size=256 << 20, memories=2, instances=64, tables=8, table_elements=20_000)
        store.set_wasi(WasiConfig())
        return store, self._linker.instantiate(store, self._component).get_func(store, self._run)

    def bytes_per_instance(self, count: int = 20) -> float:
        """Private memory that one more warm instance costs."""
        kept = [self.ready()]
        before = _private_bytes()
        kept += [self.ready() for _ in range(count)]
        cost = (_private_bytes() - before) / count
        for store, _run in kept:
            store.close()
        return cost


def _private_bytes() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


def _absent(_store: Any, *_args: Any) -> str:
    return "the measured tools ask the host for nothing"


def _checked(answer: Any, took: float, store: Store) -> float:
    store.close()
    if not isinstance(answer, str) or not json.loads(answer):
        raise RuntimeError(f"the tool answered {answer!r}")
    return took
