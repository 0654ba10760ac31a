"""What others take for the same two calls.  Only `make bench` installs them (requirements-bench.lock).

A peer that cannot be installed or run here is left out, with the reason as a note.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wasmtime import wat2wasm

from tests.bench.contenders import PEERS, PROGRAMS
from tests.bench.measure import Samples, say

HOME = Path(__file__).parents[2] / ".ironclaw" / "bench"
INPUT = json.dumps({"text": "hello"})
ECHO = "import json, sys; print(json.dumps(json.load(sys.stdin)))"
WORK = "import json, sys; print(sum(range(10_000)) + len(json.load(sys.stdin)))"
SECONDS = 180

#: An extism plug-in: its input is its output.
ECHO_PLUGIN = """(module
 (import "extism:host/env" "input_offset" (func $at (result i64)))
 (import "extism:host/env" "input_length" (func $size (result i64)))
 (import "extism:host/env" "output_set" (func $out (param i64 i64)))
 (memory (export "memory") 1)
 (func (export "echo") (result i32) (call $out (call $at) (call $size)) (i32.const 0)))"""


@dataclass(frozen=True, slots=True)
class Peer:
    """One way of running the two calls, measured."""

    name: str
    echo: Samples | None = None
    work: Samples | None = None
    note: str = ""  #: Why it is missing, or what its numbers do not include.


async def measured(calls: int) -> AsyncIterator[Peer]:
    """Every peer in turn.

    :param calls: of each quick one; slow ones get fewer
    """
    python = (sys.executable, "-I", "-S", "-c")
    yield await _processes("python -I -S, a process a call", python, max(3, calls // 20))
    yield await _bubblewrap(python, max(3, calls // 20))
    yield await _program("extism (bare WebAssembly), a plug-in a call", "extism_peer.py", calls)
    yield await _program("pydantic-monty, a session a call", "monty_peer.py", calls)
    async for peer in _pyodide(calls):
        yield peer


async def _bubblewrap(python: Sequence[str], calls: int) -> Peer:
    name = "bubblewrap + python, a process a call"
    if not shutil.which("bwrap"):
        return Peer(name, note=f"{name}: bwrap is not installed here")
    jail = ("bwrap", "--ro-bind", "/", "/", "--unshare-all", "--die-with-parent", "--proc", "/proc")
    return await _processes(name, (*jail, *python), calls)


async def _processes(name: str, command: Sequence[str], calls: int) -> Peer:
    """A new process for each call."""
    try:
        echo = [await _process(command, ECHO) for _ in range(calls)]
        work = [await _process(command, WORK) for _ in range(calls)]
    except OSError as error:
        return Peer(name, note=f"{name}: {error.strerror}")
    return Peer(name, Samples(tuple(echo)), Samples(tuple(work)))


async def _process(command: Sequence[str], code: str) -> float:
    began = time.perf_counter()
    await _output((*command, code), INPUT.encode())
    return time.perf_counter() - began


async def _output(command: Sequence[str], sent: bytes = b"") -> bytes:
    """
    :raises OSError: it cannot be run, took too long, or failed
    """
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(SECONDS):
            said, complaint = await child.communicate(sent)
    except TimeoutError:
        child.kill()
        await child.wait()
        raise
    if child.returncode:
        raise OSError(0, complaint.decode(errors="replace").strip().splitlines()[-1][:200])
    return said


async def _program(name: str, program: str, calls: int) -> Peer:
    if not PEERS.exists():
        return Peer(name, note=f"{name}: make bench installs it")
    sent = base64.b64encode(bytes(wat2wasm(ECHO_PLUGIN)))
    try:
        said = json.loads(await _output((str(PEERS), str(PROGRAMS / program), str(calls)), sent))
    except OSError as error:
        return Peer(name, note=f"{name}: {error.strerror}")
    return Peer(name, *(Samples(tuple(said[which])) if said[which] else None for which in ("echo", "work")))


async def _pyodide(calls: int) -> AsyncIterator[Peer]:
    """As a process a call, and as one warm interpreter that all calls share."""
    process, warm = "Pyodide in Node, a process a call", "Pyodide in Node, one interpreter for all"
    node, npm = shutil.which("node"), shutil.which("npm")
    package = HOME / "node_modules" / "pyodide"
    try:
        if not node or not npm:
            raise OSError(0, "Node is not installed here")
        if not package.exists():
            say("installing pyodide for the bench only")
            await _output((npm, "install", "--silent", "--no-audit", "--prefix", str(HOME), "pyodide"))
        program = (node, str(PROGRAMS / "pyodide_peer.mjs"), str(package))
        times = [await _whole((*program, "0")) for _ in range(3)]
        yield Peer(process, Samples(tuple(times)), Samples(tuple(times)))
        said = json.loads(await _output((*program, str(calls))))
        yield Peer(warm, Samples(tuple(said["echo"])), Samples(tuple(said["work"])), f"{warm}: no isolation")
    except OSError as error:
        yield Peer(process, note=f"{process}: {error.strerror or os.strerror(error.errno or 0)}")


async def _whole(command: Sequence[str]) -> float:
    began = time.perf_counter()
    await _output(command)
    return time.perf_counter() - began
