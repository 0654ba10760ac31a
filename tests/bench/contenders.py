"""Programs that do the same work, each in a process of its own, and what they use of the machine.

See ``peer_programs/lanes.py`` for the orders.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.sandbox import children

PROGRAMS = Path(__file__).parent / "peer_programs"
PEERS = Path(sys.prefix) / "bench" / "bin" / "python"  #: Made by `make bench`.
PATIENCE = 300.0  #: Seconds for one order.
ATTACHED = 0.5  #: Seconds until strace watches a process.
TICKS = os.sysconf("SC_CLK_TCK")
LONGEST = 1 << 24  #: Bytes of an answer.


@dataclass(frozen=True, slots=True)
class Taken:
    """Of one order."""

    pause: tuple[float, ...]  #: Seconds of each.
    resume: tuple[float, ...]
    seconds: float  #: Of all together.
    cpu: float  #: Seconds, of the program, its children, and its server where it has one.

    @property
    def per_second(self) -> float:
        return len(self.pause) / self.seconds


@dataclass(slots=True)
class Contender:
    """A running program."""

    name: str
    process: asyncio.subprocess.Process
    server: int | None = None  #: The process id of its database server.
    versions: dict[str, str] = field(default_factory=dict)

    async def round(self, lanes: int, count: int) -> Taken:
        """So many workflows, so many at a time.

        :raises RuntimeError: the program failed
        """
        return await self._order({"lanes": lanes, "count": count})

    async def fill(self, count: int) -> Taken:
        """So many that stay paused.

        :raises RuntimeError: the program failed
        """
        return await self._order({"fill": count})

    async def approve(self, workflows: Sequence[str]) -> Taken:
        """Of the engine only: these, one after the other.

        :raises RuntimeError: the program failed
        """
        return await self._order({"approve": list(workflows)})

    async def flushes(self, count: int) -> float | None:
        """How often it has the disk flushed for one workflow, by strace; None where that is missing."""
        if not shutil.which("strace"):
            return None
        of = [word for pid in self._processes() for word in ("-p", str(pid))]
        strace = await asyncio.create_subprocess_exec(
            *("strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", *of),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        await asyncio.sleep(ATTACHED)
        await self.round(1, count)
        with suppress(ProcessLookupError):
            strace.send_signal(signal.SIGINT)
        _, said = await strace.communicate()
        found = re.findall(rb"^.*f(?:data)?sync\(.*$", said, re.M)
        return len(found) / count if found else None

    async def read(self) -> dict[str, object]:
        """Its next answer.

        :raises RuntimeError: the program failed
        """
        assert self.process.stdout
        async with asyncio.timeout(PATIENCE):
            line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended: {await self._complaint()}")
        answer: dict[str, object] = json.loads(line)
        return answer

    async def _order(self, order: dict[str, object]) -> Taken:
        assert self.process.stdin
        before = self._cpu()
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        answer = await self.read()
        cpu = self._cpu() - before
        return Taken(tuple(answer["pause"]), tuple(answer["resume"]), float(answer["seconds"]), cpu)  # type: ignore[arg-type]

    async def _complaint(self) -> str:
        assert self.process.stderr
        lines = (await self.process.stderr.read()).decode(errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else "it did not say why"

    def _processes(self) -> list[int]:
        roots = [self.process.pid, *([self.server] if self.server else [])]
        return [pid for root in roots for pid in _tree(root)]

    def _cpu(self) -> float:
        return sum(map(_cpu_of, self._processes()))


def _tree(pid: int) -> list[int]:
    try:
        below = children(pid)
    except FileNotFoundError:
        return []  # It has ended meanwhile.
    return [pid, *(each for child in below for each in _tree(child))]


def _cpu_of(pid: int) -> float:
    """Seconds, with those of children that have ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0  # It has ended; its parent has its time.
    return sum(map(int, stat[11:15])) / TICKS


@asynccontextmanager
async def running(
    name: str, command: Sequence[str | Path], server: int | None = None
) -> AsyncIterator[Contender]:
    """A program until the block ends.

    :raises RuntimeError: it did not start
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdin=pipe, stdout=pipe, stderr=pipe, limit=LONGEST
    )
    contender = Contender(name, process, server)
    try:
        contender.versions = dict((await contender.read())["versions"])  # type: ignore[call-overload]
        yield contender
    finally:
        await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(10):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()


def own(module: str, *arguments: str | Path) -> list[str | Path]:
    """The command of one of ours."""
    return [sys.executable, "-m", f"tests.bench.{module}", *arguments]


def peer(program: str, *arguments: str | Path) -> list[str | Path]:
    """The command of a peer's program, in the environment of the peers."""
    return [PEERS, PROGRAMS / program, *arguments]


def used(databases: Iterable[Path]) -> int:
    """Bytes that SQLite's rows take, whatever the files have room for."""
    return sum(map(_used, databases))


def _used(database: Path) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as c:
        pages, free, size = (
            c.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)
