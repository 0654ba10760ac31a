"""One component in a worker: an instance is warmed, bound to a call, used once and thrown away."""

from __future__ import annotations

import contextlib
import json
from collections import deque
from dataclasses import dataclass
from typing import Any

from wasmtime import Engine, Store, WasiConfig, WasmtimeError
from wasmtime.component import Component, ExportIndex, Func, Linker, _enter

from ironclaw.errors import ToolboxError
from ironclaw.failure import FailureKind, ToolFailure
from ironclaw.sandbox.entry import Entry
from ironclaw.sandbox.failures import declared_failure, trap_failure
from ironclaw.sandbox.hardening import Memory

#: Called with {} before a tenant is known.  The SDK answers {}, others as they like: what counts is that
#: their code is paged in, which halves the time of the real call (0.33 to 0.17 ms, measured).
WARM_TOOL = "ironclaw.warm"
#: The second saves the real call 25 µs more, a third 10 (measured).  A constant, for the fuel depends on it.
WARM_CALLS = 2
WARM_FUEL = 2_000_000_000
WARM_MEMORY = 256 << 20
STOCK = 2  #: Instances that wait for calls: a call that follows at once finds one too.  0.9 MB each.
GUEST_FOLDER = "/mnt/scratch"


@dataclass(frozen=True, slots=True)
class View:
    """What an instance sees of the tenant's folder."""

    folder: str | None
    is_writable: bool = False


NOTHING = View(None)


@dataclass(frozen=True, slots=True)
class Order:
    """One call, as the worker sees it."""

    tool: str
    input: str
    fuel: int
    memory: int  #: Bytes, for each linear memory.
    output: int  #: Bytes.
    view: View


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    output: str | None
    failure: ToolFailure | None
    fuel: int  #: Used.
    memory: int  #: Bytes of private memory that the instance cost the worker: an upper bound of its own.


@dataclass(slots=True)
class _Instance:
    store: Store
    run: Func
    memory: int = 0  #: Bytes of private memory that it cost to make.
    view: View = NOTHING  #: What it was shown.


class Guest:
    """The component with its linker.  One thread, one call at a time."""

    def __init__(self, engine: Engine, linker: Linker, component: Component, *, wasi: bool) -> None:
        self._engine, self._linker, self._component = engine, linker, component
        self._wasi = wasi
        self._run = _run_of(component)
        self._entry = Entry()
        self._memory = Memory()
        self._can_warm = True
        self._ready: deque[_Instance] = deque()
        self._spent: _Instance | None = None
        self._in_use = 0  #: Bytes of private memory before the next call.
        self._view = NOTHING  #: Of the last call, and most likely of the next.

    @property
    def has_one(self) -> bool:
        """Whether a call can be served."""
        return bool(self._ready)

    @property
    def is_stocked(self) -> bool:
        return len(self._ready) >= STOCK

    def renew(self) -> None:
        """Have one more instance ready.

        :raises ToolboxError: the component cannot be instantiated
        """
        before = self._memory.bytes()
        instance = self._warmed() if self._can_warm else self._instantiate()
        # What cannot be shown ahead fails the call that needs it, if one comes.
        with contextlib.suppress(WasmtimeError):
            self._show(instance, self._view)
        self._in_use = self._memory.bytes()
        instance.memory = self._in_use - before
        self._ready.append(instance)

    def serve(self, order: Order) -> Outcome:
        """Run one call in the instance that is ready longest.  :meth:`discard` follows."""
        instance = self._spent = self._ready.popleft()
        self._bind(instance, order)
        return self._finish(instance, order, *self._ask(instance, order))

    def discard(self) -> None:
        """Throw the used instance away."""
        if self._spent is not None:
            self._spent.store.close()
        self._spent = None
        # wasmtime-py keeps a callback's exception in a global, where the next call would find it.
        _enter.LAST_EXCEPTION = None
        self._in_use = self._memory.bytes()

    def _warmed(self) -> _Instance:
        instance = self._instantiate()
        try:
            for _ in range(WARM_CALLS):
                self._entry.call(instance.run, instance.store, WARM_TOOL, "{}")
        except Exception:  # noqa: BLE001 - whatever a guest makes of the warm call, its instance is spent.
            _enter.LAST_EXCEPTION = None
            instance.store.close()
            self._can_warm = False
            return self._instantiate()
        return instance

    def _instantiate(self) -> _Instance:
        store = Store(self._engine)
        store.set_fuel(WARM_FUEL)
        _limit_memory(store, WARM_MEMORY)
        if self._wasi:
            store.set_wasi(WasiConfig())  # Forgotten, the process aborts.
        try:
            run: Any = self._linker.instantiate(store, self._component).get_func(store, self._run)
        except WasmtimeError as error:
            store.close()
            failure = trap_failure(str(error), 0, WARM_MEMORY)
            raise ToolboxError(f"The toolbox cannot be started: {failure.message}") from None
        return _Instance(store, run)

    def _bind(self, instance: _Instance, order: Order) -> None:
        """From here on the instance is this call's: its fuel, its memory, its folder."""
        instance.store.set_fuel(order.fuel)
        if order.memory != WARM_MEMORY:
            _limit_memory(instance.store, order.memory)
        self._view = order.view
        self._show(instance, order.view)

    def _show(self, instance: _Instance, view: View) -> None:
        """Let the instance see this and nothing else."""
        if not self._wasi or instance.view == view:
            return
        wasi = WasiConfig()
        if view.folder is not None:
            wasi.preopen_dir(view.folder, GUEST_FOLDER, view.is_writable)
        instance.store.set_wasi(wasi)
        instance.view = view

    def _ask(self, instance: _Instance, order: Order) -> tuple[Any, str | None]:
        """The guest's answer, or wasmtime's text of why there is none."""
        try:
            return self._entry.call(instance.run, instance.store, order.tool, order.input), None
        except WasmtimeError as error:
            return None, str(error)
        except MemoryError:
            return None, "out of memory"
        except Exception:  # noqa: BLE001 - a value that the bindings cannot carry; its text may name host objects.
            return None, "host: values"

    def _finish(self, instance: _Instance, order: Order, answer: Any, trap: str | None) -> Outcome:
        memory = max(0, instance.memory + self._memory.bytes() - self._in_use)
        fuel = order.fuel - instance.store.get_fuel()
        if trap is not None:
            return Outcome(None, trap_failure(trap, memory, order.memory, order.fuel), fuel, memory)
        if not isinstance(answer, str):
            return Outcome(None, declared_failure(answer), fuel, memory)
        fault = _output_fault(answer, order.output)
        return Outcome(None if fault else answer, fault, fuel, memory)


def _run_of(component: Component) -> ExportIndex:
    index = component.get_export_index("run")
    if index is None:
        raise ToolboxError("The toolbox cannot be started: it exports no run.")
    return index


def _limit_memory(store: Store, most: int) -> None:
    # The numbers hold for every toolchain of the guests: JavaScript has three memories, Python 38 instances.
    store.set_limits(memory_size=most, memories=3, instances=64, tables=8, table_elements=20_000)


def _output_fault(output: str, most: int) -> ToolFailure | None:
    if len(output.encode()) > most:
        return ToolFailure(FailureKind.OUTPUT_TOO_LARGE, f"The result is longer than {most} bytes.")
    try:
        json.loads(output)
    except (ValueError, RecursionError):
        return ToolFailure(FailureKind.INTERNAL, "The result is not JSON.")
    return None
