"""Puts a folder in another one's place in one step, so that no reader finds half of one or none."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

AT_FDCWD = -100
RENAME_EXCHANGE = 2


def put_in_place(fresh: Path, target: Path) -> None:
    """Rename a folder to a name; what had the name is afterwards under the old one of ``fresh``.

    :raises OSError: nothing was changed
    """
    if not target.exists():
        fresh.rename(target)
    elif not _exchange(fresh, target):
        aside = fresh.with_name(f"{fresh.name}.old")
        target.rename(aside)
        fresh.rename(target)
        aside.rename(fresh)
    _sync(target.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Linux has a call for it, on most file systems.

    :return: False where there is none
    """
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS):
        return False
    raise OSError(code, os.strerror(code), str(other))


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
