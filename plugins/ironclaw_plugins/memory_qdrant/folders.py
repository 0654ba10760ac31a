"""Folders of shards: one process owns them, nobody else reads them, and what is replaced is gone.

::

    memory/.lock                        held by the process that has any of them open
    memory/TENANT/VERSION/00000001/     the shard: the highest number counts, the rest is removed
    memory/.gone-...                    a tenant's folder on its way out
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import stat
from pathlib import Path

LOCK, GONE, FRESH = ".lock", ".gone-", "fresh"
_NUMBER = re.compile(r"[0-9]{8}")


def claim(root: Path) -> int:
    """Take the folder for this process, and finish what a crash left half removed.

    Before any shard is opened: the second opening of a shard breaks the first one's flush.

    :return: the file descriptor that holds it
    :raises BlockingIOError: another process has it
    :raises OSError: it cannot be used
    """
    private(root)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    lock = os.open(root / LOCK, flags, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in root.glob(f"{GONE}*"):
            shutil.rmtree(left)
    except BaseException:
        os.close(lock)
        raise
    return lock


def private(folder: Path) -> Path:
    """The folder, made for this user alone where it is not there.

    :raises OSError: something else has its name, such as a link to elsewhere
    """
    try:
        folder.mkdir(mode=0o700, parents=True)
        sync(folder.parent)
    except FileExistsError:
        if not _is_folder(folder):
            raise NotADirectoryError(f"{folder.name} is no folder") from None
    return folder


def current(home: Path) -> Path | None:
    """Where the shard is, after everything else is removed: other versions, and what a crash left.

    :param home: of one tenant and one version
    :return: None where there is none
    :raises OSError: something else has the name of a folder
    """
    if not os.path.lexists(home.parent):
        return None
    for folder in (home.parent, home):
        if os.path.lexists(folder):
            private(folder)
    for other in home.parent.iterdir():
        if other != home:
            _erase(other)
    numbered = sorted(each for each in _inside(home) if _NUMBER.fullmatch(each.name))
    for other in _inside(home):
        if other not in numbered[-1:]:
            _erase(other)
    return numbered[-1] if numbered else None


def make(home: Path) -> Path:
    """Where a fresh shard may be built; it does not count before :func:`install`."""
    private(home.parent)
    fresh = private(home) / FRESH
    if os.path.lexists(fresh):
        _erase(fresh)
    return fresh


def install(home: Path) -> Path:
    """Have the fresh shard count, and remove the one before it with all that was written in it.

    :return: where it is now
    """
    before = sorted(each for each in _inside(home) if _NUMBER.fullmatch(each.name))
    number = int(before[-1].name) + 1 if before else 1
    target = home / f"{number:08d}"
    sync(home / FRESH)
    (home / FRESH).rename(target)
    sync(home)
    for each in before:
        _erase(each)
    sync(home)
    return target


def remove(root: Path, tenant: str) -> None:
    """Remove all that a tenant has here."""
    folder = root / tenant
    if not os.path.lexists(folder):
        return
    # At once, so that no crash leaves half a shard; the rest of it the next claim() removes.
    gone = root / f"{GONE}{secrets.token_hex(8)}"
    folder.rename(gone)
    sync(root)
    _erase(gone)
    sync(root)


def sync(folder: Path) -> None:
    """Have the folder's list of names survive a power cut."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _erase(path: Path) -> None:
    """A link is removed, and never what it leads to."""
    if _is_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink()


def _inside(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.exists() else []


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)
