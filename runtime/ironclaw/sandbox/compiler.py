"""The one-shot compiler process: ``python -m ironclaw.sandbox.compiler <profile> <parent>``.

A component on standard input; on standard output one line of JSON, ``{"fault": ...}``, then the compiled code
where the fault is null.  Compiling is where a hostile component costs most (1 KB of it took 639 MB,
measured), so this process has limits of its own, sees no file, has no socket, and may be killed any time.
"""

from __future__ import annotations

import json
import os
import sys

from wasmtime import WasmtimeError
from wasmtime.component import Component

from ironclaw.sandbox import hardening, landlock, seccomp
from ironclaw.sandbox.engine import make_engine
from ironclaw.sandbox.imports import MAGIC, component_fault
from ironclaw.sandbox.model import Profile


def compiled(wasm: bytes, profile: Profile) -> tuple[str | None, bytes]:
    """What is wrong with the component, or its compiled code."""
    if not wasm.startswith(MAGIC):
        return "it is not a binary WebAssembly component", b""
    engine = make_engine(threads=True)
    try:
        component = Component(engine, wasm)
    except (WasmtimeError, MemoryError):
        return "it is damaged, or uses what the sandbox does not have", b""
    fault = component_fault(engine, component, profile)
    return (fault, b"") if fault else (None, bytes(component.serialize()))


def main(profile: str, parent: str) -> None:
    hardening.belong_to(int(parent))
    hardening.limit(hardening.COMPILER_LIMITS)
    landlock.restrict(None)
    seccomp.restrict()
    fault, code = compiled(sys.stdin.buffer.read(), Profile(profile))
    sys.stdout.buffer.write(json.dumps({"fault": fault}).encode() + b"\n")
    sys.stdout.buffer.write(code)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    status = 1
    try:
        main(*sys.argv[1:])
        status = 0
    finally:
        os._exit(status)
