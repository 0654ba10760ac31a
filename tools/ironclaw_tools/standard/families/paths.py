"""Paths of the tenant's folder: relative, inside it, and never through a link."""

import os
import stat
from collections.abc import Iterator

import ironclaw_guest
from ironclaw_guest import InvalidInput

MAX_PATH_BYTES = 1024
MAX_NAME_BYTES = 240  #: Of one part; leaves room for the suffix of a file that is being written.


def resolve(path: str) -> str:
    """The real path of a path inside the scratch folder; "" and "." are the folder itself.

    :raises InvalidInput: absolute, outside, too long, or through a link
    """
    if not isinstance(path, str):
        raise InvalidInput("path must be text")
    parts = _parts(path)
    here = ironclaw_guest.SCRATCH
    for part in parts:
        here = f"{here}/{part}"
        if is_link(here):
            raise InvalidInput(f"{path} is a link or goes through one; links are not followed")
    return here


def shown(path: str) -> str:
    """The path as the model should write it."""
    return "/".join(_parts(path)) or "."


def _parts(path: str) -> list[str]:
    if path.startswith("/") or "\\" in path or "\0" in path:
        raise InvalidInput("path must be relative, with / between its parts, such as notes/today.md")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise InvalidInput("path must stay inside the folder: no ..")
    if any(len(_bytes(part)) > MAX_NAME_BYTES for part in parts) or len(_bytes(path)) > MAX_PATH_BYTES:
        raise InvalidInput(f"path is too long: {MAX_NAME_BYTES} bytes a part, {MAX_PATH_BYTES} in all")
    return parts


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidInput("path is no valid text") from None


def mode(real: str) -> int:
    """st_mode without following a link; 0 if nothing is there."""
    try:
        return os.lstat(real).st_mode or stat.S_IFIFO  # WASI has no word for pipes and devices.
    except (FileNotFoundError, NotADirectoryError):
        return 0


def is_link(real: str) -> bool:
    return stat.S_ISLNK(mode(real))


def existing_file(path: str) -> str:
    """The real path of a regular file.

    :raises InvalidInput: nothing there, a folder, or something that is no file
    """
    real = resolve(path)
    found = mode(real)
    if not found:
        raise InvalidInput(f"no such file: {shown(path)}; files.list shows what is there")
    if stat.S_ISDIR(found):
        raise InvalidInput(f"{shown(path)} is a folder; files.list shows what is in it")
    if not stat.S_ISREG(found):
        raise InvalidInput(f"{shown(path)} is no ordinary file")
    return real


def walk(path: str) -> Iterator[str]:
    """The paths of the ordinary files at or under a path, in order; links and devices are passed over.

    :raises InvalidInput: nothing is there
    """
    found = mode(resolve(path))
    if not found:
        raise InvalidInput(f"no such file or folder: {shown(path)}; files.list shows what is there")
    pending = [shown(path)]
    while pending:
        here = pending.pop()
        found = mode(resolve(here))
        if stat.S_ISREG(found):
            yield here
        elif stat.S_ISDIR(found):
            pending += reversed(children(here))


def children(path: str) -> list[str]:
    """The paths of what is in a folder, in order, without links."""
    prefix = "" if shown(path) == "." else f"{shown(path)}/"
    names = sorted(os.listdir(resolve(path)))
    return [f"{prefix}{name}" for name in names if not is_link(f"{ironclaw_guest.SCRATCH}/{prefix}{name}")]
