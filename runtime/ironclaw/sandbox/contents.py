"""What lies in the files that a call names: an approval is for that, and not for a path."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import stat
from pathlib import Path

from ironclaw.errors import BadRequest

SCRATCH = "/mnt/scratch/"  #: Where a guest sees its tenant's folder.
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  #: A FIFO must not hold us up.


class Contents:
    """Digests of the files in the tenants' folders that arguments name.

    Between the last look and the tool's own, another call of the same tenant may still write: a moment, where
    it was the whole wait.
    """

    def __init__(self, scratch_root: Path) -> None:
        self._root = scratch_root

    async def of(self, tenant: str, names: tuple[str, ...], args: str) -> tuple[tuple[str, str], ...]:
        """(JSON pointer, SHA-256 as hex) of each file that the arguments name, as it is now.

        :param names: of the arguments that name files
        :param args: canonical JSON text
        :raises BadRequest: it names what is no file of the workspace
        """
        if not names:
            return ()
        return await asyncio.to_thread(_found, self._root / tenant, names, args)


def _found(folder: Path, names: tuple[str, ...], args: str) -> tuple[tuple[str, str], ...]:
    values = json.loads(args)
    named = [(f"/{name}", values[name]) for name in names if isinstance(values.get(name), str)]
    return tuple((pointer, digest_beneath(folder, path, pointer)) for pointer, path in named)


def digest_beneath(folder: Path, path: str, pointer: str = "") -> str:
    """SHA-256 of a file in a folder, read without following a link anywhere on the way.

    :raises BadRequest: it is no plain path, or there is no ordinary file
    """
    parts = path.removeprefix(SCRATCH).split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise BadRequest("Name the file by its plain path in the workspace, such as notes/a.txt.", pointer)
    try:
        return _digest(folder, parts)
    except OSError:
        raise BadRequest("There is no such file in the workspace.", pointer) from None


def _digest(folder: Path, parts: list[str]) -> str:
    where = os.open(folder, _FOLDER)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER, dir_fd=where)
            os.close(where)
            where = inner
        with os.fdopen(os.open(parts[-1], _FILE, dir_fd=where), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError("not an ordinary file")
            return hashlib.file_digest(file, "sha256").hexdigest()
    finally:
        os.close(where)
