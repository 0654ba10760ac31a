"""Worker processes that are no longer ours, code that never was, and what somebody planted in a folder."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Any

from wasmtime import wat2wasm

from ironclaw.capabilities import Limits
from ironclaw.errors import ToolboxError
from ironclaw.sandbox import Component, Profile, Sandbox, preparing
from ironclaw.sandbox.codecache import CodeCache
from ironclaw.sandbox.process import WorkerProcess
from tests.fakes.hostile_worker import ANSWERS
from tests.fakes.sandbox import KEY, Caller, Recorder, nested, saved, toolbox, toolbox_text
from tests.probes.attack import Attack, Run
from tests.probes.world import VICTIM, Stopped, WithoutSpares, World, ended

PROGRAM = Path(__file__).parents[1] / "fakes" / "hostile_worker.py"
SILENT = {"nothing, for ever", "half a frame, then nothing"}
CRASHED, TIMEOUT = frozenset({"crashed"}), frozenset({"timeout"})
REFUSED = frozenset({"ToolboxError"})


async def _taken_over(what: str) -> WorkerProcess:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(PROGRAM), what, str(theirs.fileno())),
        pass_fds=(theirs.fileno(),),
        stderr=asyncio.subprocess.DEVNULL,
    )
    theirs.close()
    worker = WorkerProcess(child, ours)
    try:
        await worker.receive()
    except BaseException:
        await worker.kill()
        raise
    return worker


class TakenOver(WithoutSpares):
    """A pool whose workers do one hostile thing."""

    def __init__(self, what: str) -> None:
        super().__init__(1)
        self._what = what

    async def _start(self, kind: Any) -> WorkerProcess:
        return await _taken_over(self._what)


def _worker_attack(what: str) -> Attack:
    async def run(world: World) -> Stopped:
        cache = CodeCache(world.folder / "code", KEY)
        sandbox = Sandbox(cache, TakenOver(what), None)
        caller = Caller(saved(world.folder, toolbox()), world.folder / "components")
        try:
            return ended(await sandbox.call(caller.call(limits=Limits(seconds=0.5)), Recorder()))
        finally:
            await sandbox.close()

    kinds = TIMEOUT if what in SILENT else CRASHED
    layer = "kill at the wall clock" if what in SILENT else "supervisor believes nothing"
    return Attack("a worker that says", what, layer, kinds, run)


def _refused(phrase: str, name: str, layer: str, wasm: bytes, profile: Profile = Profile.PURE) -> Attack:
    """A component that must not become code."""

    async def run(world: World) -> Stopped:
        return await _prepared(world.sandbox, saved(world.folder, wasm, profile))

    return Attack(phrase, name, layer, REFUSED, run, seconds=20)


async def _prepared(sandbox: Sandbox, component: Component) -> Stopped:
    try:
        await sandbox.prepare(component)
    except ToolboxError as error:
        return Stopped("ToolboxError", str(error))
    return Stopped("")


def _bomb(depth: int) -> Attack:
    """Less than two kilobytes; each level doubles what a compiler makes of it."""
    layer = "limits of the compiler" if depth > 25 else "export check of the compiler"
    wasm = bytes(wat2wasm(nested(depth)))
    return _refused("slow-to-compile component", f"{depth} levels, each doubles", layer, wasm)


async def _huge(world: World) -> Stopped:
    path = world.folder / "huge.wasm"
    path.touch()
    os.truncate(path, preparing.MOST_WASM + 1)
    return await _prepared(world.sandbox, Component(path, "0" * 64, Profile.PURE))


async def _slow(world: World) -> Stopped:
    """A megabyte of small functions, and a compiler that has half a second."""
    functions = '(func (export "f{}") (param i32) (result i32) (i32.add (local.get 0) (i32.const {})))'
    crowd = "".join(functions.format(number, number) for number in range(25_000))
    wasm = await asyncio.to_thread(wat2wasm, f"(component (core module {crowd}))")
    before, preparing.COMPILE_SECONDS = preparing.COMPILE_SECONDS, 0.5
    try:
        return await _prepared(world.sandbox, saved(world.folder, bytes(wasm)))
    finally:
        preparing.COMPILE_SECONDS = before


def _tampered(place: int) -> Run:
    async def run(world: World) -> Stopped:
        component = saved(world.folder, toolbox())
        cache = CodeCache(world.folder / f"tampered{place}", KEY)
        cache.save(component, b"native code")
        (file,) = (world.folder / f"tampered{place}").iterdir()
        content = bytearray(file.read_bytes())
        content[place] ^= 1
        file.write_bytes(content)
        return Stopped("compiled again" if cache.load(component) is None else "")

    return run


def _planted(kind: str, tool: str, name: str) -> Run:
    """Something that a guest cannot make, put there by other means."""

    async def run(world: World) -> Stopped:
        place = world.scratch / VICTIM / name
        if not _plant(kind, place):
            return Stopped("not permitted here")
        world.planted.add(name)
        try:
            return await world.ask(tool, name=name)
        finally:
            world.planted.discard(name)
            place.unlink()

    return run


def _plant(kind: str, path: Path) -> bool:
    """Whether this process may."""
    try:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            _listen_at(path)
        elif kind == "link":
            path.symlink_to("../T2/secret.txt")
        else:
            os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
        return False
    return True


def _listen_at(path: Path) -> None:
    # A socket's path may have 108 bytes.
    folder = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


async def _callbacks(_world: World) -> Stopped:
    """In a process of its own: what is not caught there is a SIGSEGV."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.probes.callbacks", stdout=asyncio.subprocess.PIPE
    )
    said, _ = await child.communicate()
    return Stopped("trapped" if child.returncode == 0 else "", said.decode())


WASI_HTTP = '(import "wasi:http/outgoing-handler@0.2.0" (instance))'
BACKDOOR = '(import "ironclaw:tool/host@1.0.0" (instance (export "exec" (func))))'
WHOLE = toolbox()
ATTACKS = (
    *map(_worker_attack, ANSWERS),
    _refused("bad component", "truncated", "compiler process", WHOLE[:-20]),
    _refused("bad component", "a bit flipped", "compiler process", WHOLE[:60] + b"\xff" + WHOLE[61:]),
    _refused("bad component", "random bytes", "compiler process", WHOLE[:8] + bytes(range(200))),
    _refused("bad component", "the text form", "magic number", toolbox_text().encode()),
    _refused("bad component", "a core module", "magic number", b"\0asm\x01\0\0\0"),
    _refused("undeclared import", "wasi:http", "imports of the binary", toolbox(imports=WASI_HTTP)),
    _refused("undeclared import", "host.exec", "imports of the binary", toolbox(imports=BACKDOOR)),
    Attack("huge component", "128 MiB and a byte", "size cap", REFUSED, _huge),
    *(_bomb(depth) for depth in (16, 22, 30)),
    Attack("slow-to-compile component", "25,000 functions", "kill of the compiler", REFUSED, _slow, 20),
    *(
        Attack("tampered cache", f"byte {place}", "MAC", frozenset({"compiled again"}), _tampered(place))
        for place in (0, 20, -1)
    ),
    Attack("pipe planted in scratch", "read it", "look at the folder", CRASHED,
           _planted("pipe", "read", "pipe")),
    Attack("device planted in scratch", "read all of /dev/zero", "look at the folder",
           CRASHED | {"not permitted here"}, _planted("device", "devour", "zero")),
    Attack("socket planted in scratch", "open it", "look at the folder", CRASHED,
           _planted("socket", "read", "socket")),
    Attack("link planted in scratch", "read through it", "WASI paths, Landlock", frozenset({"denied"}),
           _planted("link", "read", "link")),
    Attack("host callbacks and every BaseException", "all of Python's", "guard", frozenset({"trapped"}),
           _callbacks),
)  # fmt: skip
