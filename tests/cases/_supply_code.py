"""Attacks by way of compiled code, and of components that cost too much."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from unittest import mock

from ironclaw.errors import ToolboxError
from ironclaw.sandbox import Sandbox, codecache, preparing
from ironclaw.sandbox.codecache import CodeCache
from ironclaw.sandbox.imports import MAGIC
from tests.fakes.sandbox import KEY, LOOP, Caller, Recorder, children, saved, toolbox

FUNCTIONS = 1_000_000
SECONDS = 1


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Sandbox]:
    sandbox = await Sandbox.open(
        cache_dir=folder / "code", cache_key=KEY, workers=1, scratch_root=folder / "scratch", layers="warn"
    )
    try:
        yield sandbox
    finally:
        await sandbox.close()


async def tampered_code() -> str | None:
    """One bit of the code, of the MAC, and the genuine code of another component."""
    with tempfile.TemporaryDirectory() as folder:
        cache, one = CodeCache(Path(folder) / "code", KEY), saved(Path(folder), toolbox())
        for place in (0, 20, -1):
            cache.save(one, b"native code")
            (file,) = (Path(folder) / "code").iterdir()
            content = bytearray(file.read_bytes())
            content[place] ^= 1
            file.write_bytes(content)
            if cache.load(one) is not None:
                return f"code with a changed byte at {place} was taken"
    return None


async def other_engine() -> str | None:
    """What another version compiled is not found; under this one's name it is not genuine."""
    with tempfile.TemporaryDirectory() as folder:
        cache, one = CodeCache(Path(folder) / "code", KEY), saved(Path(folder), toolbox())
        with mock.patch.object(codecache, "version", return_value="1.0.0"):
            cache.save(one, b"old code")
        (old,) = (Path(folder) / "code").iterdir()
        if cache.load(one) is not None:
            return "another version's code was taken"
        cache.save(one, b"new code")
        (new,) = set((Path(folder) / "code").iterdir()) - {old}
        old.replace(new)
        return "another version's code was taken by its name" if cache.load(one) else None


async def compile_bomb() -> str | None:
    """A million functions take a minute: the compiler's process is ended at its wall clock.

    The clock is set to less than the bot's, so that the test need not wait; what ends is the same.
    """
    with tempfile.TemporaryDirectory() as folder:
        cache, bomb = CodeCache(Path(folder) / "code", KEY), saved(Path(folder), million_functions())
        before, began = children(), time.monotonic()
        try:
            with mock.patch.object(preparing, "COMPILE_SECONDS", SECONDS):
                os.close(await preparing.prepared_code(bomb, cache, lambda _: None))
        except ToolboxError as error:
            if "takes longer than" not in str(error):
                return f"it was refused for another reason: {error}"
        else:
            return "it was compiled"
    if children() - before:
        return "the compiler's process is still there"
    took = time.monotonic() - began
    return f"it took {took:.0f} s to refuse" if took > 10 * SECONDS else None


def million_functions() -> bytes:
    """A component whose one module has a million empty functions."""
    count = leb(FUNCTIONS)
    functions = section(3, count + bytes(FUNCTIONS))
    bodies = section(10, count + b"\x02\0\x0b" * FUNCTIONS)
    module = b"\0asm\x01\0\0\0" + section(1, b"\x01\x60\0\0") + functions + bodies
    return MAGIC + section(1, module)


def section(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + leb(len(content)) + content


def leb(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + leb(rest) if rest else bytes([low])


async def endless_start() -> str | None:
    """It ends without an answer, whatever the component does before its first call."""
    with tempfile.TemporaryDirectory() as folder:
        component = saved(Path(folder), toolbox(start=LOOP))
        async with opened(Path(folder)) as sandbox:
            result = await sandbox.call(Caller(component, Path(folder) / "scratch").call(), Recorder())
    said = result.failure.message if result.failure else f"the output {result.output}"
    return None if "used up its computing budget" in said else f"it ended with {said}"


CASES: Mapping[str, Callable[[], Awaitable[str | None]]] = {
    "sc-23": tampered_code,
    "sc-24": other_engine,
    "sc-37": compile_bomb,
    "sc-38": endless_start,
}
