"""``ironclaw migrate``: from SQLite to PostgreSQL, with everything that waits."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ironclaw.app.scratch import claim, scratch_root
from ironclaw.audit import verify
from ironclaw.errors import SettingsError, StoreError
from ironclaw.keys import sync_folder
from ironclaw.settings import Settings
from ironclaw.store import (
    check_audit,
    check_empty,
    fill,
    instance_of,
    is_moved,
    own_folder,
    owning,
    stand_in,
    take,
)
from ironclaw.store.looking import postgres
from ironclaw.store.sql import Connection
from ironclaw.store.units import Writer

BEFORE = "ironclaw.db.before-postgresql"  #: What was moved, as it was: a backup like any other.
NO_TARGET = "database_url: it says where to. Set it to an empty PostgreSQL database, and scratch_dir with it."
NOTHING = "{file}: there is no database to move."
NOT_OURS = "{file}: its audit log does not hold: {fault}. Nothing was changed."
STARTED = "{file} was moved already, and {before} is not beside it."


@dataclass(frozen=True, slots=True)
class Moved:
    """What came of it."""

    rows: int
    before: Path  #: The SQLite database as it was.
    files: Path | None  #: Tenants' folders that are still to be moved to scratch_dir; None for none.


async def move(settings: Settings, path: Path) -> Moved:
    """Move a SQLite database to the PostgreSQL of the settings, in one transaction.

    A crash leaves the one or the other: run it again, and it goes on.

    :param path: of the SQLite file
    :raises SettingsError, StoreError: a bot runs, or the target is not empty; nothing was changed
    """
    if not settings.postgres:
        raise SettingsError(NO_TARGET)
    scratch_root(settings)
    _check_there(path)
    fresh = path.with_name("ironclaw.db.moving")
    writer = await postgres().PostgresWriter.open(settings.postgres)
    try:
        with owning(path):
            await writer.read(check_empty)
            await writer.read(postgres().check_alone)
            source = _source(path)
            _remove(fresh)
            try:
                take(source, fresh)
                _check(fresh, source)
                _put_aside(path)
                return await _moved(writer, settings, path, fresh)
            finally:
                _remove(fresh)
    finally:
        await writer.close()


async def _moved(writer: Writer, settings: Settings, path: Path, fresh: Path) -> Moved:
    with closing(sqlite3.connect(fresh, check_same_thread=False)) as c:
        own_folder(c, claim(settings, instance_of(c)))

        def unit(target: Connection) -> int:
            check_empty(target)
            return fill(target, c)

        try:
            rows = await writer.write(unit)
        except StoreError as error:
            raise StoreError(f"{error} {path.name} stays put aside: run this again.") from None
    return Moved(rows, path.with_name(BEFORE), _left(settings, path))


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise StoreError(NOTHING.format(file=path))


def _source(path: Path) -> Path:
    """What is to be moved: the file, or what an attempt of before has put aside.

    :raises StoreError: it is nowhere
    """
    if not is_moved(path):
        return path
    before = path.with_name(BEFORE)
    if not before.is_file():
        raise StoreError(STARTED.format(file=path.name, before=BEFORE))
    return before


def _check(fresh: Path, source: Path) -> None:
    if fault := next((chain.fault for chain in verify(fresh) if chain.fault), ""):
        raise StoreError(NOT_OURS.format(file=source.name, fault=fault))
    with closing(sqlite3.connect(fresh)) as c:
        check_audit(c)


def _put_aside(path: Path) -> None:
    """Before anything stands in PostgreSQL: no bot goes on here with what goes on there.

    :raises StoreError: it cannot be done; the database is where it was
    """
    if is_moved(path):
        return
    before, other = path.with_name(BEFORE), path.with_name("ironclaw.db.stand-in")
    if before.exists():
        raise StoreError(f"{before} is there already. Keep it somewhere else first.")
    try:
        with closing(sqlite3.connect(path)) as c:
            c.execute("PRAGMA journal_mode = DELETE").fetchone()  # One file.
        other.unlink(missing_ok=True)
        stand_in(other)
        os.link(path, before)
        os.replace(other, path)
        sync_folder(path.parent)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"The database cannot be put aside: {error}. Nothing was changed.") from None


def _left(settings: Settings, path: Path) -> Path | None:
    old = path.parent / "mnt" / "scratch"
    new = settings.scratch_dir
    is_same = new is not None and old.exists() and new.exists() and old.samefile(new)
    has_any = old.is_dir() and any(each.is_dir() and not each.name.startswith(".") for each in old.iterdir())
    return old if has_any and not is_same else None


def _remove(fresh: Path) -> None:
    for tail in ("", "-wal", "-shm", "-journal"):
        Path(f"{fresh}{tail}").unlink(missing_ok=True)
