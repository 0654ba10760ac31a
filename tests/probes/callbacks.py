"""Raises every exception of Python in a host function; exits 0 where each one was a clean trap."""

from __future__ import annotations

import asyncio
import builtins
import sys

from wasmtime import Store, WasmtimeError
from wasmtime.component import Component

from ironclaw.sandbox import Profile
from ironclaw.sandbox.engine import make_engine, make_linker

SWAP = """(component
 (import "ironclaw:tool/host@1.0.0" (instance $host (export "swap" (func (result u32)))))
 (core func $swap (canon lower (func $host "swap")))
 (core module $m (import "host" "swap" (func $swap (result i32)))
  (func (export "go") (result i32) (call $swap)))
 (core instance $i (instantiate $m (with "host" (instance (export "swap" (func $swap))))))
 (func (export "go") (result u32) (canon lift (core func $i "go"))))"""
NEED_MORE = {
    "UnicodeDecodeError": ("utf-8", b"x", 0, 1, "x"),
    "UnicodeEncodeError": ("utf-8", "x", 0, 1, "x"),
    "UnicodeTranslateError": ("x", 0, 1, "x"),
    "ExceptionGroup": ("x", [ValueError()]),
    "BaseExceptionGroup": ("x", [ValueError()]),
}
ENGINE = make_engine()
COMPONENT = Component(ENGINE, SWAP)


def every() -> list[BaseException]:
    """One of each kind."""
    kinds = [kind for kind in vars(builtins).values() if isinstance(kind, type)]
    kinds = [kind for kind in kinds if issubclass(kind, BaseException)]
    found = [kind(*NEED_MORE.get(kind.__name__, ("a secret",))) for kind in kinds]
    return [*found, asyncio.CancelledError()]


def trapped(error: BaseException) -> bool:
    """Whether it ended the guest's call as a trap that names its kind, and nothing else."""

    def fail(_store: object) -> int:
        raise error

    store = Store(ENGINE)
    store.set_fuel(1_000_000)
    instance = make_linker(ENGINE, Profile.PURE, {"swap": fail}).instantiate(store, COMPONENT)
    try:
        instance.get_func(store, "go")(store)
    except WasmtimeError as trap:
        return f"host: {type(error).__name__}" in str(trap) and "secret" not in str(trap)
    finally:
        store.close()
    return False


def main() -> int:
    """The exit code."""
    errors = every()
    missed = [type(error).__name__ for error in errors if not trapped(error)]
    print(f"{len(errors) - len(missed)} of {len(errors)} exceptions were traps; not: {missed}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
