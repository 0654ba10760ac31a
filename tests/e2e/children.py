"""Processes of ``ironclaw`` that the nursery starts, used like asyncio's."""

from __future__ import annotations

import asyncio
import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

from tests.e2e import nursery

SCRIPT = Path(sysconfig.get_path("scripts")) / "ironclaw"
LINE = 2**20  #: Bytes of a line that is read at most.
#: Beginnings of what Python reads in the environment before a first line runs: too late for a fork.
OF_PYTHON = ("PYTHON", "LC_", "LANG", "LD_", "TZ")


class Child:
    """One process, made by :func:`start`.

    :ivar stdout: what it prints; with ``stderr`` in it where that was asked for
    :ivar returncode: None while it runs, negative where a signal ended it
    """

    def __init__(self, pid: int, end: asyncio.StreamReader, outputs: list[asyncio.StreamReader]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout, *more = outputs
        self.stderr = more[0] if more else None
        self._end = asyncio.create_task(self._watch(end))

    async def _watch(self, end: asyncio.StreamReader) -> int:
        self.returncode = int(await end.read())
        return self.returncode

    async def wait(self) -> int:
        return await asyncio.shield(self._end)

    def send_signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def communicate(self) -> tuple[bytes, bytes]:
        """:return: what it printed to each, once it has ended"""
        outputs = [each for each in (self.stdout, self.stderr) if each]
        out, *err = await asyncio.gather(*(each.read() for each in outputs))
        await self.wait()
        return out, b"".join(err)


async def start(
    *words: str, folder: Path, environ: Mapping[str, str], typed: bytes = b"", is_one: bool = False
) -> Child:
    """
    :param words: of the command line, without the script's own name
    :param environ: the whole of it
    :param typed: what it finds on standard input, at most what a pipe holds
    :param is_one: whether what it prints to either output comes in one
    """
    odd = {name for name in environ if name.startswith(OF_PYTHON)} - {"PYTHONPATH"}
    assert not odd, f"a fork cannot obey {odd}"
    theirs = [_typed(typed)]
    ours = [_pipe(theirs) for _ in range(1 if is_one else 2)]
    theirs += [theirs[1]] if is_one else []
    end, told = socket.socketpair()
    order = {"words": [str(SCRIPT), *words], "folder": str(folder), "environ": dict(environ)}
    with told:
        socket.send_fds(_orders(), [json.dumps(order).encode() + b"\n"], [*theirs, told.fileno()])
    for file in set(theirs):
        os.close(file)
    tale = await _reader(cast(BinaryIO, end))
    outputs = [await _reader(os.fdopen(file, "rb", 0)) for file in ours]
    return Child(int(await tale.readline()), tale, outputs)


def _typed(text: bytes) -> int:
    ours, mine = os.pipe()
    with os.fdopen(mine, "wb") as file:
        file.write(text)
    return ours


def _pipe(theirs: list[int]) -> int:
    ours, other = os.pipe()
    theirs.append(other)
    return ours


async def _reader(file: BinaryIO) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(LINE)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, file)
    return reader


@functools.cache
def _orders() -> socket.socket:
    """Where the nursery of this process takes orders; it ends with this process."""
    ours, theirs = socket.socketpair()
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    command = [sys.executable, nursery.__file__]
    with theirs:
        subprocess.run(command, stdin=theirs, stdout=subprocess.DEVNULL, env=environ, check=True)
    atexit.register(ours.close)
    return ours
