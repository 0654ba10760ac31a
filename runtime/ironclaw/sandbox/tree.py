"""A tenant's folder as the host itself reads and changes it: by descriptors, and never through a link."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ironclaw.envelope import FOLDER, GONE
from ironclaw.sandbox.caps import MAX_FILE
from ironclaw.sandbox.quota import DEEPEST

OTHER = "other"  #: A link, a pipe, a device: nothing that a tool can have made.
IS_POSSIBLE = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
CHUNK = 1 << 20

_SAFE = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _SAFE
#: Non-blocking, so that a FIFO in the file's place cannot hold us up.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _SAFE
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE

States = dict[str, str]  #: By path: the digest of a file's bytes, FOLDER or OTHER.


class Tree:
    """One folder.  Its methods block: they are for a thread."""

    def __init__(self, descriptor: int) -> None:
        self._root = descriptor

    @classmethod
    @contextmanager
    def at(cls, folder: Path) -> Iterator[Tree]:
        """
        :raises OSError: it is no folder, or a link
        """
        descriptor = os.open(folder, _FOLDER)
        try:
            yield cls(descriptor)
        finally:
            os.close(descriptor)

    def state(self, path: str) -> str:
        """What a path is.

        :raises OSError: it cannot be read, or leads through a link
        """
        try:
            with self._parent(path) as (folder, name):
                return _state(folder, name)
        except (FileNotFoundError, NotADirectoryError):
            return GONE

    def read(self, path: str, most: int = MAX_FILE) -> bytes:
        """The bytes of a file, or its first ``most + 1`` where it is longer.

        :raises OSError: it is no file
        """
        with self._parent(path) as (folder, name):
            descriptor = os.open(name, _READ, dir_fd=folder)
        with open(descriptor, "rb") as file:
            return file.read(most + 1)

    def states(self) -> States:
        """Everything in it.

        :raises OSError: something cannot be read, or lies too deep
        """
        return dict(_walk(self._root, "", 1, None))

    def copy_to(self, other: Tree) -> States:
        """Copy files and folders; what is neither stays behind.

        :return: everything that was copied, as it was copied
        :raises OSError: something cannot be read or written, or lies too deep
        """
        return dict(_walk(self._root, "", 1, other._root))

    def clear(self) -> None:
        """Remove everything in it."""
        _clear(self._root)

    def put(self, path: str, content: bytes, *, is_new: bool, spool: Path) -> None:
        """Have these bytes at a path, whole or not at all.

        :param is_new: nothing may be there
        :param spool: where the bytes are gathered first, on the same disk
        :raises OSError: they cannot be written; FileExistsError: something is there
        """
        with suppress(FileNotFoundError):
            spool.unlink()  # Of a host that stopped.
        with open(os.open(spool, _NEW, 0o666), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            with self._parent(path, make=True) as (folder, name):
                # A link fails where something is; a rename takes its place.
                (os.link if is_new else os.replace)(spool, name, dst_dir_fd=folder)
        finally:
            with suppress(FileNotFoundError):
                spool.unlink()

    def remove(self, path: str, before: str) -> None:
        """Remove a file or an empty folder, whichever ``before`` says that it is.

        :raises OSError: it is the other one, has something in it, or is not there
        """
        with self._parent(path) as (folder, name):
            (os.rmdir if before == FOLDER else os.unlink)(name, dir_fd=folder)

    def remove_all(self, path: str) -> None:
        """Remove a folder with everything in it.

        :raises OSError: it is no folder, or is not there
        """
        with self._parent(path) as (folder, name):
            inner = os.open(name, _FOLDER, dir_fd=folder)
            try:
                _clear(inner)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=folder)

    @contextmanager
    def _parent(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The folder that a path lies in, open, and the path's last part."""
        *above, name = path.split("/")
        folder = os.dup(self._root)
        try:
            for part in above:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=folder)
                inner = os.open(part, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder, name
        finally:
            os.close(folder)


def _state(folder: int, name: str) -> str:
    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    if stat.S_ISDIR(mode):
        return FOLDER
    return _digest(folder, name, None) if stat.S_ISREG(mode) else OTHER


def _walk(folder: int, above: str, depth: int, target: int | None) -> Iterator[tuple[str, str]]:
    """Each path with its state; copied on the way where a target is given."""
    if depth > DEEPEST:
        raise OSError("folders in folders, deeper than is read")
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        with suppress(FileNotFoundError):  # It was there when the folder was read.
            yield from _entry(folder, name, above, depth, target)


def _entry(folder: int, name: str, above: str, depth: int, target: int | None) -> Iterator[tuple[str, str]]:
    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    if stat.S_ISDIR(mode):
        yield above + name, FOLDER
        yield from _into(folder, name, f"{above}{name}/", depth + 1, target)
    elif stat.S_ISREG(mode):
        yield above + name, _digest(folder, name, target)
    elif target is None:
        yield above + name, OTHER


def _into(folder: int, name: str, path: str, depth: int, target: int | None) -> Iterator[tuple[str, str]]:
    inner = os.open(name, _FOLDER, dir_fd=folder)
    copied = None
    try:
        if target is not None:
            os.mkdir(name, dir_fd=target)
            copied = os.open(name, _FOLDER, dir_fd=target)
        yield from _walk(inner, path, depth, copied)
    finally:
        os.close(inner)
        if copied is not None:
            os.close(copied)


def _digest(folder: int, name: str, target: int | None) -> str:
    """Of a file's bytes, which are copied on the way where a target is given."""
    digest = hashlib.sha256()
    with ExitStack() as stack:
        source = stack.enter_context(open(os.open(name, _READ, dir_fd=folder), "rb"))
        made = None if target is None else os.open(name, _NEW, 0o666, dir_fd=target)
        copy = None if made is None else stack.enter_context(open(made, "wb"))
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            if copy:
                copy.write(chunk)
        if copy:
            copy.flush()
            times = os.fstat(source.fileno())
            os.utime(copy.fileno(), ns=(times.st_atime_ns, times.st_mtime_ns))
    return digest.hexdigest()


def _clear(folder: int) -> None:
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if is_folder:
            inner = os.open(name, _FOLDER, dir_fd=folder)
            try:
                _clear(inner)
            finally:
                os.close(inner)
        (os.rmdir if is_folder else os.unlink)(name, dir_fd=folder)
