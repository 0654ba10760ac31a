"""Which process has SQLite's database: the one that holds the lock of the file beside it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from ironclaw.errors import StoreError


def is_in_use(path: Path) -> bool:
    """Whether a process has this database open."""
    try:
        os.close(_take_lock(path.with_suffix(".lock")))
    except OSError:
        return False  # There is none yet, or we could not open it either: who opens it says why.
    except StoreError:
        return True
    return False


@contextlib.contextmanager
def owning(path: Path) -> Iterator[None]:
    """No other process opens this database until the block ends.

    :raises StoreError: another process has it, or the folder cannot be made or written to
    """
    lock = own(path)
    try:
        yield
    finally:
        os.close(lock)


def own(path: Path) -> int:
    """Make the database's folder, and the right to write to it ours: as long as this descriptor is open.

    :raises StoreError: another process has it, or the folder cannot be made or written to
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _take_lock(path.with_suffix(".lock"))
    except OSError as error:
        raise StoreError(
            f"data_dir: {path.parent} cannot be used: {error.strerror}. Set another data_dir."
        ) from None


def _take_lock(path: Path) -> int:
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise StoreError(
            "Another ironclaw process uses this data_dir. A bot or a demo is just starting: try again in a "
            "moment. Or one still runs: stop it, or set another data_dir."
        ) from None
    return handle
