"""What a server that is a program may touch, and its process: started, spoken to, killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ironclaw.errors import SettingsError
from ironclaw.mcp.flow import Flood, Meter
from ironclaw.mcp.texts import plain
from ironclaw.sandbox import landlock
from ironclaw.settings import McpServer, Settings

MAX_MESSAGE = 4 << 20  #: Bytes of one message of a server.
MAX_WORDS = 2000  #: Characters of what it writes to its standard error that are looked at.
SHOWN = 280  #: Of them, those at the end: less than a link keeps of any reason.
LONGEST_SECRET = 8192  #: Bytes; a vault's are shorter.
#: What any program needs of the system.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/System", "/Library")
SYSTEM_FILES = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/group",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/pki",
    "/etc/resolv.conf",
    "/etc/ssl",
    "/dev/random",
    "/dev/urandom",
)


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a program is started with, for its keeper."""

    command: str
    args: Sequence[str]
    env: Mapping[str, str]
    folder: str  #: Its own, and where it begins.
    given: Sequence[tuple[str, int]]  #: Paths without links in them, and Landlock's rights there.
    network: bool
    memory_mb: int
    require: bool  #: Whether it must not run where a layer is missing.


class Guarded:
    """Paths of IronClaw's own that no program may be given."""

    def __init__(self, settings: Settings, scratch: Path) -> None:
        own = (
            settings.data_dir,
            settings.key_file,
            settings.checkpoint_file,
            settings.cache_dir or settings.data_dir,
            scratch,
            Path(".env"),
            Path("ironclaw.toml"),
        )
        self._own = [Path(os.path.realpath(each)) for each in own]

    def check(self, name: str, given: Sequence[Path]) -> None:
        """
        :raises SettingsError: one of them holds, or lies within, what is IronClaw's own
        """
        for path in given:
            if any(path == own or path in own.parents or own in path.parents for own in self._own):
                raise SettingsError(
                    f"mcp_servers.{name}: the program could read {path}, where IronClaw keeps its database, "
                    "its keys or its settings. Give it another folder, or move data_dir and key_file."
                )


def confinement(
    name: str, server: McpServer, env: Mapping[str, str], folder: Path, guarded: Guarded, *, require: bool
) -> Confinement:
    """
    :param env: beside HOME and TMPDIR
    :param require: whether it must not run where a layer is missing
    :raises SettingsError: a path of it is not there, or must not be given to it
    """
    command = str(server.command)
    theirs = dict.fromkeys(_existing((*SYSTEM, *SYSTEM_FILES)), landlock.RUN)
    theirs |= {_resolved(name, path): landlock.RUN for path in (command, *server.read)}
    theirs |= {_resolved(name, path): landlock.USE for path in server.write}
    guarded.check(name, list(theirs))
    given = {**theirs, folder.resolve(): landlock.USE, Path("/dev/null"): landlock.READ_WRITE}
    home = {"HOME": str(folder), "TMPDIR": str(folder)}
    return Confinement(
        command,
        server.args,
        {**home, **env},
        str(folder),
        [(str(path), rights) for path, rights in given.items()],
        server.network,
        server.memory_mb,
        require,
    )


def _existing(paths: Sequence[str]) -> Iterator[Path]:
    return (Path(os.path.realpath(path)) for path in paths if os.path.exists(path))


def _resolved(name: str, path: str) -> Path:
    if not os.path.exists(path):
        raise SettingsError(f"mcp_servers.{name}: {path} is not there.")
    return Path(os.path.realpath(path))


class Program:
    """A program that runs under its keeper.  Made by :func:`started`."""

    def __init__(self, keeper: asyncio.subprocess.Process, control: int) -> None:
        self._keeper = keeper
        self._control: int | None = control
        self._words, self._is_cut = b"", False
        self._listening = asyncio.create_task(self._listen())

    @property
    def pid(self) -> int:
        """Of its keeper: the number of its process group."""
        return self._keeper.pid

    def words(self, hide: Callable[[str], str]) -> str:
        """The last of what it wrote to its standard error, for people; in one line, nothing that steers.

        :param hide: takes secrets out of a text
        """
        whole = hide(self._words.decode("utf-8", "replace"))
        # Where the beginning was cut off there may be half a secret, which nobody knows for one.
        sure = whole[LONGEST_SECRET:] if self._is_cut else whole
        line = plain(sure[-MAX_WORDS:], MAX_WORDS)
        return line if len(line) <= SHOWN else f"…{line[-SHOWN:]}"  # Why it ended it says last.

    async def send(self, message: bytes) -> None:
        """
        :raises OSError: nobody reads
        """
        pipe = self._keeper.stdin
        if pipe is None or pipe.is_closing():
            raise BrokenPipeError
        pipe.write(message)
        await pipe.drain()

    async def receive(self) -> bytes:
        """The next line, or b"" at the end.

        :raises ValueError: a line is longer than MAX_MESSAGE
        """
        pipe = self._keeper.stdout
        return b"" if pipe is None else await pipe.readline()

    async def _listen(self) -> None:
        """Keep the last of what it says; one that says too much is not listened to, and waits for it."""
        meter = Meter()
        with contextlib.suppress(Flood):
            while self._keeper.stderr and (part := await self._keeper.stderr.read(4096)):
                meter.take(len(part))
                self._keep(part)

    def _keep(self, part: bytes) -> None:
        most, words = MAX_WORDS + LONGEST_SECRET, self._words + part
        self._is_cut |= len(words) > most
        self._words = words[-most:]

    async def kill(self) -> None:
        """End it and all that it started; returns when it is gone."""
        if self._keeper.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._keeper.pid, signal.SIGKILL)
        if self._control is not None:
            os.close(self._control)
            self._control = None
        if self._keeper.stdin:
            self._keeper.stdin.close()
        await self._listening
        # asyncio knows that a process has ended when its pipes have; one that is full ends when it is read.
        await asyncio.gather(*(_drained(pipe) for pipe in (self._keeper.stdout, self._keeper.stderr) if pipe))
        await self._keeper.wait()


async def _drained(pipe: asyncio.StreamReader) -> None:
    while await pipe.read(1 << 16):
        pass


@contextlib.asynccontextmanager
async def started(confined: Confinement) -> AsyncIterator[Program]:
    """A program that runs until the block ends, and its children with it."""
    program = await _start(confined)
    try:
        yield program
    finally:
        await asyncio.shield(program.kill())


async def _start(confined: Confinement) -> Program:
    reading, control = os.pipe()
    try:
        keeper = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "ironclaw.mcp.keeper", str(reading)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(reading,),
            env={},
            start_new_session=True,
            cwd="/",
            limit=MAX_MESSAGE,
        )
        os.write(control, json.dumps(asdict(confined)).encode() + b"\n")
    except BaseException:
        os.close(control)
        raise
    finally:
        os.close(reading)
    return Program(keeper, control)
