"""What runs inside a worker, looked at without one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.fakes.sandbox import ECHO, TRAP, toolbox_text
from wasmtime import Store, WasiConfig, WasmtimeError
from wasmtime.component import Component, Linker, ListType, Variant

from ironclaw.errors import SandboxError
from ironclaw.sandbox import Profile, fastbytes
from ironclaw.sandbox.engine import guard, make_engine, make_linker, self_test
from ironclaw.sandbox.entry import Entry
from ironclaw.sandbox.failures import declared_failure, trap_failure
from ironclaw.task import FailureKind

ENGINE = make_engine()

# go hands its bytes to the host and gives back what the host returns.
MIRROR = """(component
 (import "ironclaw:tool/host@1.0.0" (instance $host
  (export "swap" (func (param "bytes" (list u8)) (result (list u8))))))
 (core module $memory
  (memory (export "memory") 20) (global $top (mut i32) (i32.const 1024))
  (func (export "realloc") (param i32 i32 i32 i32) (result i32)
   (global.get $top) (global.set $top (i32.add (global.get $top) (local.get 3)))))
 (core instance $base (instantiate $memory))
 (core func $swap (canon lower (func $host "swap")
  (memory (core memory $base "memory")) (realloc (core func $base "realloc"))))
 (core module $m (import "host" "swap" (func $swap (param i32 i32 i32)))
  (func (export "go") (param i32 i32) (result i32)
   (call $swap (local.get 0) (local.get 1) (i32.const 16)) (i32.const 16)))
 (core instance $i (instantiate $m (with "host" (instance (export "swap" (func $swap))))))
 (func (export "go") (param "bytes" (list u8)) (result (list u8)) (canon lift (core func $i "go")
  (memory (core memory $base "memory")) (realloc (core func $base "realloc")))))"""


@pytest.fixture
def fast() -> Iterator[None]:
    slow = ListType.convert_to_c, ListType.convert_from_c
    fastbytes.install()
    yield
    ListType.convert_to_c, ListType.convert_from_c = slow


def mirrored(content: bytes, host: object) -> bytes:
    linker = make_linker(ENGINE, Profile.PURE, {"swap": host})
    store = Store(ENGINE)
    store.set_fuel(10**9)
    go = linker.instantiate(store, Component(ENGINE, MIRROR)).get_func(store, "go")
    try:
        return go(store, content)
    finally:
        store.close()


@pytest.mark.parametrize("content", [b"", b"\0", bytes(range(256)), b"\xff" * 100_000])
@pytest.mark.usefixtures("fast")
def test_fast_bytes(content: bytes) -> None:
    """
    Bytes cross the boundary unchanged, in both directions and both ways.
    """
    seen: list[bytes] = []
    back = mirrored(content, lambda _store, got: (seen.append(got), got[::-1])[1])

    assert ([content], content[::-1]) == (seen, back)


def entered(run: str, text: str) -> Any:
    """What the entry makes of a component's answer to a text."""
    store = Store(ENGINE)
    store.set_fuel(10**9)
    component = Component(ENGINE, toolbox_text(run))
    function = Linker(ENGINE).instantiate(store, component).get_func(store, "run")
    try:
        return Entry().call(function, store, "any", text)
    finally:
        store.close()


@pytest.mark.parametrize("text", ["", "{}", "a\0b", "\u00fc\u2603\U0001f600", "x" * 50_000])
def test_entry(text: str) -> None:
    """
    Text passes through a component unchanged.
    """
    assert text == entered(ECHO, text)


DENY = """(i32.store (i32.const 32) (i32.const 1)) (i32.store (i32.const 36) (i32.const 1))
  (i32.store (i32.const 40) (local.get $input)) (i32.store (i32.const 44) (local.get $size)) (i32.const 32)"""


def test_entry_with_a_failure() -> None:
    """
    A tool's own failure comes back as a case of the WIT with its text.
    """
    failure = entered(DENY, "no")

    assert ("denied", "no") == (failure.tag, failure.payload)


def test_entry_of_a_trap() -> None:
    """
    A trap is an error of the engine.
    """
    with pytest.raises(WasmtimeError, match="unreachable"):
        entered(TRAP, "{}")


def test_self_test_passes() -> None:
    """
    With the shadows in place nothing can sleep.
    """
    self_test(ENGINE, lambda: make_linker(ENGINE, Profile.SCRATCH, {}))


def test_missing_shadow() -> None:
    """
    Without a shadow the self-test lets nothing start.
    """

    def bare() -> Linker:
        linker = Linker(ENGINE)
        linker.add_wasip2()
        return linker

    with pytest.raises(SandboxError, match=r"0\.2\.0 is not shadowed"):
        self_test(ENGINE, bare)


def test_shadow_at_another_version() -> None:
    """
    A shadow at a version that wasmtime does not register is void, and the self-test sees it.
    """

    def refuse(_store: object, *_args: object) -> None:
        raise WasmtimeError("denied: sleep")

    def outdated() -> Linker:
        linker = Linker(ENGINE)
        linker.add_wasip2()
        linker.allow_shadowing = True
        with linker.root() as root, root.add_instance("wasi:clocks/monotonic-clock@0.2.0") as clock:
            clock.add_func("subscribe-duration", refuse)
        return linker

    with pytest.raises(SandboxError, match=r"0\.2\.13 is not shadowed"):
        self_test(ENGINE, outdated)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, ZeroDivisionError])
def test_guard(error: type[BaseException]) -> None:
    """
    Whatever a host function raises is a clean trap that names its kind and no more.
    """

    def fail(_store: object, _bytes: bytes) -> bytes:
        raise error("with a secret")

    with pytest.raises(WasmtimeError) as caught:
        mirrored(b"", fail)

    assert f"host: {error.__name__}" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_guard_keeps_traps() -> None:
    """
    A trap that a host function means is not renamed.
    """

    def refuse(_store: object) -> None:
        raise WasmtimeError("denied: sleep")

    with pytest.raises(WasmtimeError, match="denied: sleep"):
        guard(refuse)(None)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("error at 0x12: all fuel consumed by WebAssembly", FailureKind.OUT_OF_FUEL),
        ("wasm trap: call stack exhausted", FailureKind.TRAPPED),
        ("memory minimum size of 9 pages exceeds memory limits", FailureKind.OUT_OF_MEMORY),
        ("wasm trap: unreachable", FailureKind.TRAPPED),
        ("Exited with i32 exit status 3", FailureKind.TRAPPED),
        ("/home/somebody/file: never seen before", FailureKind.TRAPPED),
    ],
)
def test_traps(text: str, kind: FailureKind) -> None:
    """
    A trap becomes a kind and a sentence of ours, without wasmtime's text.
    """
    failure = trap_failure(text, 0, 1000)

    assert kind == failure.kind
    assert text not in failure.message
    assert "/" not in failure.message


def test_out_of_fuel_says_how_much() -> None:
    """
    A tool that used up its fuel is told how much it had.
    """
    said = trap_failure("all fuel consumed", 0, 1000, 20_000_000_000).message

    assert "The tool used up its 20,000,000,000 fuel, which is about 2.9 s of computing." == said


def test_trap_with_full_memory() -> None:
    """
    A trap with nearly all memory taken was most likely a failed allocation.
    """
    assert FailureKind.OUT_OF_MEMORY == trap_failure("wasm trap: unreachable", 950, 1000).kind


@pytest.mark.parametrize(
    ("tag", "text", "kind"),
    [
        ("invalid-input", "no such file", FailureKind.INVALID_INPUT),
        ("denied", "no", FailureKind.DENIED),
        ("unavailable", "later", FailureKind.UNAVAILABLE),
        ("internal", "bug", FailureKind.INTERNAL),
        ("internal", "MemoryError in files.read", FailureKind.OUT_OF_MEMORY),
    ],
)
def test_declared_failures(tag: str, text: str, kind: FailureKind) -> None:
    """
    Each case of the WIT's failure has its kind.
    """
    assert kind == declared_failure(Variant(tag, text)).kind


def importing(instance: str, function: str) -> Component:
    return Component(ENGINE, f'(component (import "{instance}" (instance (export "{function}" (func)))))')


@pytest.mark.parametrize(
    ("profile", "instance"),
    [(Profile.PURE, "wasi:cli/environment@0.2.0"), (Profile.SCRATCH, "wasi:http/types@0.2.0")],
)
def test_not_linked(profile: Profile, instance: str) -> None:
    """
    For a pure component there is nothing of WASI to find, and wasi:http for none.
    """
    store = Store(ENGINE)
    store.set_wasi(WasiConfig())
    with pytest.raises(WasmtimeError, match=instance):
        make_linker(ENGINE, profile, {}).instantiate(store, importing(instance, "any"))
