"""How much a tenant's folder holds, counted without ever following a link."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ironclaw.capabilities import Quota

DEEPEST = (
    32  #: Folders in folders; one level deeper counts as full.  Each level costs a count one descriptor.
)

_FOLDER = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_BLOCK = 512


@dataclass(slots=True)
class Used:
    """What a count found.  A count ends at the first entry over the quota: it is then a lower bound."""

    bytes: int = 0
    files: int = 0  #: Folders too.
    largest: int = 0  #: Bytes of the largest file.
    is_too_deep: bool = False
    is_planted: bool = False  #: It holds what no tool can make: a pipe, a socket or a device.
    changed: int = 0  #: When the folder itself last got or lost an entry, in ns, as the count began.

    def is_over(self, quota: Quota) -> bool:
        return self.is_too_deep or self.bytes > quota.bytes or self.files > quota.files

    def is_full(self, quota: Quota) -> bool:
        """Whether there is no room for one more file of one byte."""
        return self.is_too_deep or self.bytes >= quota.bytes or self.files >= quota.files

    def add(self, entry: os.stat_result) -> None:
        # A sparse file takes less than it is long, a young one takes nothing yet: the larger figure counts.
        size = max(entry.st_size, getattr(entry, "st_blocks", 0) * _BLOCK)
        self.bytes += size
        self.files += 1
        if stat.S_ISREG(entry.st_mode):
            self.largest = max(self.largest, size)
        elif not stat.S_ISDIR(entry.st_mode) and not stat.S_ISLNK(entry.st_mode):
            self.is_planted = True


def count(folder: Path, quota: Quota) -> Used:
    """What lies in the folder, while others may be changing it.

    :raises OSError: it, or a folder in it, cannot be read
    """
    used = Used()
    if sys.platform == "win32":
        used.changed = os.lstat(folder).st_mtime_ns
        _add_by_path(folder, quota, used)
        return used
    root = os.open(folder, _FOLDER)
    try:
        used.changed = os.fstat(root).st_mtime_ns
        _add_all(root, 1, quota, used)
    finally:
        os.close(root)
    return used


def _add_all(folder: int, depth: int, quota: Quota, used: Used) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # It was there when the folder was read.
                used.add(entry.stat(follow_symlinks=False))
                if entry.is_dir(follow_symlinks=False):
                    _go_down(folder, entry.name, depth, quota, used)
            if used.is_over(quota):
                return


def _go_down(folder: int, name: str, depth: int, quota: Quota, used: Used) -> None:
    if depth == DEEPEST:
        used.is_too_deep = True
        return
    inner = os.open(name, _FOLDER, dir_fd=folder)
    try:
        _add_all(inner, depth + 1, quota, used)
    finally:
        os.close(inner)


def _add_by_path(folder: Path, quota: Quota, used: Used) -> None:
    """For a system whose folders are no descriptors."""
    for place, folders, files in os.walk(folder, followlinks=False):
        for name in (*folders, *files):
            with suppress(FileNotFoundError):
                used.add(os.lstat(os.path.join(place, name)))
        used.is_too_deep |= len(Path(place).relative_to(folder).parts) >= DEEPEST
        if used.is_over(quota):
            return
