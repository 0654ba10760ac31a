"""Whose the tenants' folders are: a folder that is shared says which database it belongs to."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ironclaw.errors import SettingsError
from ironclaw.settings import Settings
from ironclaw.store import FOLDER, Store

#: In the shared folder: its id, and which database it was marked for.  No tenant's id begins with a dot.
MARKER = ".ironclaw-database"
NOT_SHARED = (
    "scratch_dir: with database_url it names the folder of the tenants' files, one and the same for all "
    "processes. Set it: a workflow goes on wherever there is room, and finds its files there."
)
OTHERS = (
    "scratch_dir: {folder} holds the files of another database. Set the scratch_dir of this one; or, if its "
    "files are to be this database's from now on, remove {marker} in it."
)
NOT_THERE = (
    "scratch_dir: {folder} is not the folder of this database's files: there is no {marker} in it. Mount the "
    "right one, or correct scratch_dir. Whoever moves the files on purpose moves {marker} with them. If they "
    "are lost, and it is to go on without: write {known} into {folder}/{marker}."
)
NOT_IT = (
    "scratch_dir: {folder} is not the folder of this database's files, but another one's: its {marker} says "
    "so. Mount the right one, or correct scratch_dir. If its files are to be this database's from now on: "
    "write {known} into {folder}/{marker}."
)
UNUSABLE = "scratch_dir: {folder} cannot be used: {why}. Mount it or set another one."


def scratch_root(settings: Settings) -> Path:
    """The folder above the tenants' folders.

    :raises SettingsError: many processes share the database, and no folder
    """
    if settings.database_url and not settings.scratch_dir:
        raise SettingsError(NOT_SHARED)
    return settings.scratch_dir or settings.data_dir / "mnt" / "scratch"


async def bind(settings: Settings, store: Store) -> None:
    """Have the shared folder belong to this database, and to it alone; the database knows it from then on.

    :raises SettingsError: it is another one than before, or another database's, or cannot be written to
    """
    known = await store.belongings.kept(FOLDER)
    found = claim(settings, store.instance.id, known)
    if found and (kept := await store.belongings.keep(FOLDER, found)) != found:
        raise _refusal(NOT_IT, settings, kept)


def claim(settings: Settings, instance: str, known: str = "") -> str:
    """Find the mark of the shared folder, or make it.

    :param instance: which database it is
    :param known: the id of its folder, "" as long as it has none: only then one is marked
    :return: the folder's id; "" where there is no shared folder, and data_dir says whose the files are
    :raises SettingsError: it is another one's, or cannot be written to
    """
    if settings.scratch_dir is None and not known:
        return ""
    folder = scratch_root(settings)
    try:
        if not known:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _mark(folder, instance)
        found, owner = _marked(folder)
    except FileNotFoundError:
        raise _refusal(NOT_THERE, settings, known) from None
    except OSError as error:
        raise _refusal(UNUSABLE, settings, why=error.strerror) from None
    if known and found != known:
        raise _refusal(NOT_IT, settings, known)
    if not known and owner != instance:
        raise _refusal(OTHERS, settings)
    return found


def check_folder(settings: Settings, known: str) -> None:
    """Hold the folder against what the database says of it; nothing is made.

    :param known: the id of its folder, "" for none yet
    :raises SettingsError: it is another one, or missing
    """
    if known:
        claim(settings, "", known)


def _refusal(sentence: str, settings: Settings, known: str = "", why: str | None = "") -> SettingsError:
    folder = scratch_root(settings)
    return SettingsError(sentence.format(folder=folder, marker=MARKER, known=known, why=why))


def hand_over(settings: Settings, before: str, after: str) -> None:
    """The same database under another id, after a restore: its folder is still its own.

    :raises SettingsError: the folder cannot be written to
    """
    folder = settings.scratch_dir
    try:
        if folder is None:
            return
        found, owner = _marked(folder)
        if owner != before:
            return
        aside = _written(folder, f"{found} {after}")
        os.replace(aside, folder / MARKER)
    except FileNotFoundError:
        return  # Nobody's yet.
    except OSError as error:
        raise SettingsError(UNUSABLE.format(folder=folder, why=error.strerror)) from None


def _marked(folder: Path) -> tuple[str, str]:
    """The folder's id, and which database it was marked for."""
    words = (folder / MARKER).read_bytes()[:128].decode("ascii", "replace").split() or [""]
    return words[0], words[-1]


def _mark(folder: Path, instance: str) -> None:
    """Whole or not at all, and only where nobody was first."""
    if (folder / MARKER).exists():
        return
    aside = _written(folder, f"{secrets.token_hex(16)} {instance}")
    try:
        os.link(aside, folder / MARKER)
    except FileExistsError:
        pass  # Another process has just done it.
    finally:
        aside.unlink()


def _written(folder: Path, words: str) -> Path:
    aside = folder / f"{MARKER}.{secrets.token_hex(4)}"
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as out:
        out.write(words + "\n")
        out.flush()
        os.fsync(out.fileno())
    return aside
