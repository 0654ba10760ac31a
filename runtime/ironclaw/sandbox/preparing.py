"""From a component's file to compiled code that workers may map: digest, compiler process, cache."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable

from ironclaw.errors import ToolboxError
from ironclaw.sandbox.codecache import MOST, CodeCache, sealed_memory
from ironclaw.sandbox.model import Component

COMPILE_SECONDS = 300
EVERY = 10.0  #: Seconds between two words of how long it takes.
MOST_WASM = 128 << 20  #: Bytes of a component.

Progress = Callable[[str], None]


async def prepared_code(component: Component, cache: CodeCache, progress: Progress) -> int:
    """A sealed descriptor of the component's compiled code; the caller closes it.

    :raises ToolboxError: the file is not the component that was pinned, or cannot be a toolbox
    """
    wasm, code = await asyncio.gather(
        asyncio.to_thread(_pinned_bytes, component), asyncio.to_thread(cache.load, component)
    )
    if code is None:
        async with _told(_shown(component), progress):
            code = await _compile(wasm, component)
            await asyncio.to_thread(cache.save, component, code)
    return await asyncio.to_thread(sealed_memory, code)


@contextlib.asynccontextmanager
async def _told(name: str, progress: Progress) -> AsyncIterator[None]:
    """Say what takes so long, and every EVERY seconds that it still does."""
    started = time.monotonic()
    progress(f"compiling {name} (10 s to a minute, once for each key_file and cache_dir)")
    ticking = asyncio.create_task(_tick(name, started, progress))
    try:
        yield
    finally:
        ticking.cancel()
    progress(f"compiled {name} in {time.monotonic() - started:.0f} s")


async def _tick(name: str, started: float, progress: Progress) -> None:
    while True:
        await asyncio.sleep(EVERY)
        progress(f"compiling {name} ... {time.monotonic() - started:.0f} s")


def _shown(component: Component) -> str:
    """Its name with its toolbox's folder, for messages."""
    return f"{component.path.parent.name}/{component.path.name}"


def _pinned_bytes(component: Component) -> bytes:
    try:
        with component.path.open("rb") as file:
            wasm = file.read(MOST_WASM + 1)
    except OSError:
        raise ToolboxError(f"The component {_shown(component)} cannot be read.") from None
    if len(wasm) > MOST_WASM:
        raise ToolboxError(f"The component {_shown(component)} is larger than {MOST_WASM >> 20} MiB.")
    if hashlib.sha256(wasm).hexdigest() != component.sha256:
        raise ToolboxError(f"{_shown(component)} is not the file that its manifest pins: build it again.")
    return wasm


async def _compile(wasm: bytes, component: Component) -> bytes:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", "ironclaw.sandbox.compiler", component.profile.value, str(os.getpid())),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(COMPILE_SECONDS):
            answer = await _talk(child, wasm)
            if len(answer) <= MOST:
                await child.wait()  # Its pipe ends with it.
    except TimeoutError:
        raise ToolboxError(f"{_shown(component)} takes longer than {COMPILE_SECONDS} s to compile.") from None
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            # asyncio knows that a process has ended when its pipes have: a full one when it is read.
            while child.stdout and await child.stdout.read(1 << 20):
                pass
            await child.wait()
    return _code(answer, component)


async def _talk(child: asyncio.subprocess.Process, wasm: bytes) -> bytes:
    """Send the component while reading what comes back, up to the cap."""
    assert child.stdin is not None  # noqa: S101 - both pipes were asked for.
    assert child.stdout is not None  # noqa: S101
    answer = bytearray()
    async with asyncio.TaskGroup() as group:
        group.create_task(_send(child.stdin, wasm))
        while len(answer) <= MOST and (part := await child.stdout.read(1 << 20)):
            answer += part
    return bytes(answer)


async def _send(pipe: asyncio.StreamWriter, wasm: bytes) -> None:
    # A compiler that died early says so by its answer, not by its pipe.
    with contextlib.suppress(ConnectionError):
        pipe.write(wasm)
        await pipe.drain()
    with contextlib.suppress(ConnectionError):
        pipe.close()
        await pipe.wait_closed()


def _code(answer: bytes, component: Component) -> bytes:
    head, _, code = answer.partition(b"\n")
    try:
        fault = json.loads(head)["fault"]
    except (ValueError, KeyError, TypeError):
        raise ToolboxError(f"{_shown(component)} cannot be compiled within the compiler's limits.") from None
    if fault is not None:
        raise ToolboxError(f"{_shown(component)} cannot be a toolbox: {fault}.")
    return code
