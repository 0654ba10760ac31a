"""Whose turn it is to change a tenant's folder, and which processes still live.  All of it blocks."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ironclaw.errors import SandboxError
from ironclaw.orchestrator.holding.files import emptied

LIFE = ".life-"  #: Before the name of a process's life: the file that it locks as long as it lives.
PATIENCE = 20.0  #: Seconds for which another process may have the turn.
POLL = 0.02  #: Seconds.


@contextmanager
def turn(file: Path) -> Iterator[None]:
    """Nobody else puts anything into the folder until the block ends, on any machine.

    :raises SandboxError: somebody else has the right for too long
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            handle = locked(file)
            break
        except BlockingIOError:
            if time.monotonic() > until:
                raise SandboxError("Another process is changing this workspace for too long.") from None
        time.sleep(POLL)
    try:
        yield
    finally:
        os.close(handle)


def locked(file: Path) -> int:
    """The file locked, as long as this descriptor is open.

    :raises BlockingIOError: another one has it
    """
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def remove_of_dead(copy: Path) -> None:
    """Remove a copy, unless the process whose it is may still work in it."""
    life = copy.with_name(f"{LIFE}{copy.name.rpartition('.')[2]}")
    with suppress(OSError):
        handle = locked(life)
        try:
            emptied(copy)
            copy.rmdir()
            life.unlink()
        finally:
            os.close(handle)
