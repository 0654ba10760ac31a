"""The host's secret key: one file, outside the data directory, readable by its owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ironclaw.errors import SettingsError

SIZE = 32  #: Bytes.


def load_key(path: Path) -> bytes:
    """The key, made at the first start.

    :raises SettingsError: the file cannot be made, is not ours alone, or holds something else
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make(path)
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            mode = os.fstat(handle).st_mode
            key = os.read(handle, SIZE + 1)
        finally:
            os.close(handle)
    except OSError as error:
        raise SettingsError(f"key_file: cannot be used: {error.strerror}. Set another key_file.") from None
    if mode & 0o077:
        raise SettingsError("key_file: others can read it. Run chmod 600 on it.")
    if len(key) != SIZE:
        raise SettingsError(f"key_file: it does not hold a key of {SIZE} bytes. Restore it from a backup.")
    return key


def _make(path: Path) -> None:
    """A whole key or none: written aside, then linked into place."""
    if path.exists():
        return
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, secrets.token_bytes(SIZE))
        os.fsync(handle)
        os.link(aside, path)
        sync_folder(path.parent)
    except FileExistsError:
        pass
    finally:
        os.close(handle)
        aside.unlink()


def sync_folder(folder: Path) -> None:
    """So that a new name in it outlives the power: a key must outlive what is sealed with it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
