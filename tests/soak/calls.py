"""Many calls of every kind by one tenant, and what the processes hold before and after."""

from __future__ import annotations

import asyncio
import gc
import os
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.sandbox import children, resident
from tests.integration.test_sandbox_escapes import Probe

#: One round: what works, what fails in its own words, what traps.
ROUND: tuple[tuple[str, dict[str, object]], ...] = (
    ("echo", {"text": "hello"}),
    ("write", {"name": "note.txt", "text": "hello"}),
    ("read", {"name": "note.txt"}),
    ("http", {"url": "https://example.com/"}),
    ("clock", {}),
    ("message", {}),
    ("no_http", {"url": "https://example.com/"}),
    ("passwd", {}),
    ("sleep", {}),
    ("abort", {}),
)


@dataclass(frozen=True, slots=True)
class Held:
    """What is held at one moment.

    :ivar files: open descriptors of this process and of its workers
    :ivar bytes: resident memory of this process and of its workers
    """

    processes: int
    files: tuple[int, ...]
    entries: int  #: In the tenant's folder.
    bytes: tuple[int, ...]


async def held(probe: Probe) -> Held:
    """What is held now, with the spare ready and the dead gone."""
    pool = probe.sandbox._pool
    await asyncio.gather(*pool._spares.values(), *pool._errands)
    gc.collect()
    pids = [os.getpid(), *sorted(children())]
    return Held(
        processes=len(pids),
        files=tuple(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids),
        entries=len(os.listdir(Path(probe.root / "acme"))),
        bytes=tuple(resident(pid) for pid in pids),
    )


async def rounds(probe: Probe, calls: int) -> None:
    """So many calls."""
    for number in range(calls):
        name, arguments = ROUND[number % len(ROUND)]
        await probe.run(name, **arguments)


def grown(before: Held, after: Held) -> int:
    """Bytes that the process that grew most has more."""
    return max(late - early for early, late in zip(before.bytes, after.bytes, strict=True))
