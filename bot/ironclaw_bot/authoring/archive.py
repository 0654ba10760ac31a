"""Takes the files of a toolbox out of a folder or a tar archive: those files, plain ones, and no others."""

from __future__ import annotations

import os
import re
import stat
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from ironclaw.errors import ToolboxError
from ironclaw.registry.manifest import parse_manifest
from ironclaw.registry.reading import MANIFEST, MAX_COMPONENT_BYTES, MAX_MANIFEST_BYTES, chunks, read_file
from ironclaw.registry.signing import MAX_SIGNATURE_BYTES, SIGNATURE

MOST = {MANIFEST: MAX_MANIFEST_BYTES, SIGNATURE: MAX_SIGNATURE_BYTES}  #: Bytes, by file name.
MAX_ARCHIVE_BYTES = MAX_COMPONENT_BYTES + (2 << 20)
MAX_MEMBERS = 4  #: The three files, and "." as tar writes it of a whole folder.
COMPONENT = re.compile(r"[A-Za-z0-9_-]{1,64}\.wasm\Z")
CHUNK = 1 << 20


def take_out(source: Path, target: Path) -> None:
    """Copy a toolbox's manifest, signature and component to an empty folder.

    :param source: a built folder, or a tar archive of one
    :raises ToolboxError: something is missing, too large, no plain file, or in no toolbox's place
    """
    if source.is_dir():
        _copy(source, target)
    else:
        _unpack(source, target)


def _copy(source: Path, target: Path) -> None:
    component = parse_manifest(
        read_file(source / MANIFEST, MAX_MANIFEST_BYTES), str(source / MANIFEST)
    ).component
    for name in (MANIFEST, component, SIGNATURE):
        if name != SIGNATURE or (source / name).exists():
            _write(target / name, chunks(source / name, _most(name)))


def _unpack(source: Path, target: Path) -> None:
    try:
        status = source.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_ARCHIVE_BYTES:
            raise ToolboxError(f"{source}: not a plain file of at most {MAX_ARCHIVE_BYTES >> 20} MiB")
        # "r:" is plain tar: what is not compressed cannot unpack to more than it is.
        with tarfile.open(source, "r:") as archive:
            for number, member in enumerate(archive):
                if number >= MAX_MEMBERS:
                    raise ToolboxError(f"{source}: holds more than a toolbox's files")
                _take_member(archive, member, source, target)
    except (tarfile.TarError, OSError, ValueError, EOFError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is damaged"
        raise ToolboxError(f"{source}: cannot be read as a tar archive: {why}") from None


def _take_member(archive: tarfile.TarFile, member: tarfile.TarInfo, source: Path, target: Path) -> None:
    name = member.name.removeprefix("./")
    if member.isdir() and name in (".", ""):
        return
    shown = "".join(char if char.isprintable() else "?" for char in member.name[:100])
    if name not in MOST and not COMPONENT.match(name):
        raise ToolboxError(f"{source}: {shown!r} is no file of a toolbox; pack it with tar -C FOLDER .")
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.sparse is not None:
        raise ToolboxError(f"{source}: {shown!r} is no plain file")
    if not 0 <= member.size <= _most(name):
        raise ToolboxError(f"{source}: {shown!r} is larger than {_most(name)} bytes")
    if (target / name).exists():
        raise ToolboxError(f"{source}: {shown!r} is there twice")
    content = archive.extractfile(member)
    if content is not None:
        _write(target / name, _parts(content))


def _most(name: str) -> int:
    return MOST.get(name, MAX_COMPONENT_BYTES)


def _parts(content: IO[bytes]) -> Iterable[bytes]:
    return iter(lambda: content.read(CHUNK), b"")


def _write(path: Path, parts: Iterable[bytes]) -> None:
    """Durable when this returns: what is installed must not be half there after a power cut."""
    with path.open("xb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
