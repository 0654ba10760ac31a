"""Whose the tenants' folders are: a folder that is shared says which database it belongs to."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ironclaw.errors import SettingsError
from ironclaw.settings import Settings

MARKER = ".ironclaw-database"  #: In the shared folder; no tenant's id begins with a dot.
NOT_SHARED = (
    "scratch_dir: with database_url it names the folder of the tenants' files, one and the same for all "
    "processes. Set it: a workflow goes on wherever there is room, and finds its files there."
)
OTHERS = (
    "scratch_dir: {folder} holds the files of another database. Set the scratch_dir of this one; or, if its "
    "files are to be this database's from now on, remove {marker} in it."
)
UNUSABLE = "scratch_dir: {folder} cannot be used: {why}. Mount it or set another one."


def scratch_root(settings: Settings) -> Path:
    """The folder above the tenants' folders.

    :raises SettingsError: many processes share the database, and no folder
    """
    if settings.database_url and not settings.scratch_dir:
        raise SettingsError(NOT_SHARED)
    return settings.scratch_dir or settings.data_dir / "mnt" / "scratch"


def claim(settings: Settings, instance: str) -> None:
    """Have the shared folder belong to this database; where there is none, data_dir says it.

    :param instance: which database it is
    :raises SettingsError: it belongs to another one, or cannot be written to
    """
    folder = settings.scratch_dir
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _mark(folder, instance)
        owner = _owner(folder)
    except OSError as error:
        raise SettingsError(UNUSABLE.format(folder=folder, why=error.strerror)) from None
    if owner != instance:
        raise SettingsError(OTHERS.format(folder=folder, marker=MARKER))


def hand_over(settings: Settings, before: str, after: str) -> None:
    """The same database under another id, after a restore: its folder is still its own.

    :raises SettingsError: the folder cannot be written to
    """
    folder = settings.scratch_dir
    try:
        if folder is None or _owner(folder) != before:
            return
        aside = _written(folder, after)
        os.replace(aside, folder / MARKER)
    except FileNotFoundError:
        return  # Nobody's yet.
    except OSError as error:
        raise SettingsError(UNUSABLE.format(folder=folder, why=error.strerror)) from None


def _owner(folder: Path) -> str:
    return (folder / MARKER).read_bytes()[:64].decode("ascii", "replace").strip()


def _mark(folder: Path, instance: str) -> None:
    """Whole or not at all, and only where nobody was first."""
    if (folder / MARKER).exists():
        return
    aside = _written(folder, instance)
    try:
        os.link(aside, folder / MARKER)
    except FileExistsError:
        pass  # Another process has just done it.
    finally:
        aside.unlink()


def _written(folder: Path, instance: str) -> Path:
    aside = folder / f"{MARKER}.{secrets.token_hex(4)}"
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as out:
        out.write(instance + "\n")
        out.flush()
        os.fsync(out.fileno())
    return aside
