"""The wasm engine of this project: its switches, and the functions of WASI that it takes away.

Only worker and compiler processes import this.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from wasmtime import Config, Engine, Store, WasiConfig, WasmtimeError
from wasmtime.component import Component, Linker

from ironclaw.errors import SandboxError
from ironclaw.sandbox.imports import HOST
from ironclaw.sandbox.model import Profile

HostFunction = Callable[..., Any]

WASI = "0.2.12"  #: The version that wasmtime 50.0.1 registers; shadows at another version are silently void.


def make_engine(*, threads: bool = False) -> Engine:
    """An engine that meters by fuel and has no proposal on that the guests' toolchains do not need.

    :param threads: compile on all cores; a worker must not, for a thread escapes its later restrictions
    """
    config = Config()
    config.parallel_compilation = threads
    config.wasm_component_model = True
    config.consume_fuel = True
    for proposal in ("threads", "memory64", "gc", "tail_call", "exceptions", "function_references"):
        setattr(config, f"wasm_{proposal}", False)
    for proposal in ("relaxed_simd", "stack_switching", "custom_page_sizes"):
        setattr(config, f"wasm_{proposal}", False)
    return Engine(config)


def guard(function: HostFunction) -> HostFunction:
    """A host function that lets out nothing but WasmtimeError.

    A BaseException in a callback of wasmtime 50.0.1 is a SIGSEGV, and any other exception lands in a global.
    """

    @functools.wraps(function)
    def safe(store: Any, *args: Any) -> Any:
        try:
            return function(store, *args)
        except WasmtimeError:
            raise
        except BaseException as error:  # noqa: BLE001 - the reason is above.
            raise WasmtimeError(f"host: {type(error).__name__}") from None

    return safe


def make_linker(engine: Engine, profile: Profile, host: dict[str, HostFunction]) -> Linker:
    """What a component of the profile is linked with; never wasi:http."""
    linker = Linker(engine)
    if profile is Profile.SCRATCH:
        linker.add_wasip2()
        linker.allow_shadowing = True
        _shadow(linker)
    with linker.root() as root, root.add_instance(HOST) as instance:
        for name, function in host.items():
            instance.add_func(name, guard(function))
    return linker


def _shadow(linker: Linker) -> None:
    with linker.root() as root:
        with root.add_instance(f"wasi:clocks/monotonic-clock@{WASI}") as clock:
            for name in ("subscribe-duration", "subscribe-instant"):
                clock.add_func(name, guard(_no_sleep))
        with root.add_instance(f"wasi:filesystem/types@{WASI}") as files:
            for name in ("symlink-at", "link-at", "set-size"):
                files.add_func(f"[method]descriptor.{name}", guard(_refuse))


def _no_sleep(_store: Any, *_args: Any) -> None:
    raise WasmtimeError("denied: sleep")


def _refuse(store: Any, *args: Any) -> str:
    for resource in args:
        if hasattr(resource, "drop"):  # A borrow that is not dropped traps.
            resource.drop(store)
    return "not-permitted"


def self_test(engine: Engine, make: Callable[[], Linker]) -> None:
    """Show that sleeping traps for the oldest and a newer WASI version than the registered one.

    :raises SandboxError: a guest could sleep; nothing may start
    """
    for wasi in ("0.2.0", "0.2.13"):
        if "denied: sleep" not in _try_to_sleep(engine, make(), _SLEEPER.replace("@0.2.0", f"@{wasi}")):
            raise SandboxError(f"WASI {wasi} is not shadowed: a tool could sleep. Nothing was started.")


def _try_to_sleep(engine: Engine, linker: Linker, text: str) -> str:
    component = Component(engine, text)
    store = Store(engine)
    store.set_fuel(1_000_000)
    store.set_wasi(WasiConfig())
    try:
        go: Any = linker.instantiate(store, component).get_func(store, "go")
        go(store)
    except WasmtimeError as error:
        return str(error)
    finally:
        store.close()
    return "slept"


_SLEEPER = """(component
 (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
 (alias export $poll "pollable" (type $p))
 (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock (alias outer 1 $p (type $q))
   (export "subscribe-duration" (func (param "when" u64) (result (own $q))))))
 (core func $f (canon lower (func $clock "subscribe-duration")))
 (core module $m (import "c" "f" (func $f (param i64) (result i32)))
   (func (export "go") (drop (call $f (i64.const 1)))))
 (core instance $i (instantiate $m (with "c" (instance (export "f" (func $f))))))
 (func (export "go") (canon lift (core func $i "go"))))"""
