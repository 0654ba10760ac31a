"""Backups: a copy of the database while it is in use, and the way back.

What a restore must never do is let something run twice, or let what was given out before it count after it:
:mod:`ironclaw.store.restoring` sees to that.  Here are the files.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ironclaw.app.scratch import hand_over
from ironclaw.audit import Checkpoints, read, verify
from ironclaw.errors import Conflict, StoreError
from ironclaw.keys import sync_folder
from ironclaw.settings import Settings
from ironclaw.store import Head, Restored, Store, backing_up, changing, owning, renew, take
from ironclaw.store.instances import known
from ironclaw.store.looking import postgres
from ironclaw.store.sql import Connection

BEFORE = "ironclaw.db.replaced-"  #: What the names of databases begin with that a restore replaced.
NOT_OURS = "{name}: its audit log does not hold: {fault}. Nothing was changed."
NOT_ONE_OF_US = (
    "{name}: its audit log is none that the checkpoints know: {fault}. Nothing was changed. To restore it "
    "all the same, move {checkpoints} away and keep it."
)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a restore."""

    restored: Restored
    replaced: Path | None  #: Where the database of before is now; None where there was none.


async def back_up(store: Store, file: Path, actor: str, now: float) -> None:
    """Write a whole copy of an open database, while others go on writing to it.

    :param actor: who asks, for the audit log
    :raises Conflict: there is such a file
    :raises StoreError: no copy could be made; there is no file
    """
    with _whole(file) as part:
        await store.note_backup(actor, now)
        await store.copy_to(part)


def back_up_here(settings: Settings, file: Path, actor: str, now: float) -> None:
    """The same, where no bot runs.

    :raises Conflict, StoreError: as :func:`back_up`; or a bot runs
    """
    path = settings.data_dir / "ironclaw.db"
    with owning(path), _whole(file) as part:
        backing_up(path, part, actor, now)


@contextmanager
def _whole(file: Path) -> Iterator[Path]:
    """A name to write to, which becomes ``file`` when that went well."""
    if file.is_symlink() or file.exists():
        raise Conflict(f"{file.name} is there already. Name another file.")
    if not file.parent.is_dir():
        raise StoreError(f"{file.parent}: there is no such folder. Make it, or name another one.")
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise StoreError(f"{file.parent}: you may not write there. Name another folder.")
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        yield part
        os.replace(part, file)
        sync_folder(file.parent)
    except OSError as error:
        raise StoreError(f"{file}: cannot be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)


def restore(settings: Settings, backup: Path, actor: str, now: float) -> Done:
    """Make a backup the database.  A crash leaves the database of before, or the restored one.

    :raises StoreError: a bot runs, or it is no sound backup of ours; nothing was changed
    """
    path = settings.data_dir / "ironclaw.db"
    fresh = path.with_name("ironclaw.db.restoring")
    checkpoints = Checkpoints(settings.checkpoint_file, settings.key_file)
    with owning(path):
        _check_apart(backup, path)
        replaced_id = _instance(path)
        checkpoints.settle(replaced_id)
        _remove(fresh)
        try:
            take(backup, fresh)
            life = _check_history(fresh, backup.name, settings.checkpoint_file, checkpoints)
            with changing(fresh) as c:
                restored = renew(c, actor, now)
            checkpoints.intend(_line(restored, life), now)
            replaced = _put(fresh, path, _name_of_before(path, restored))
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"The backup cannot be put in place: {error}. Nothing was changed.") from None
        finally:
            _remove(fresh)
        checkpoints.settle(restored.instance.id)
        hand_over(settings, replaced_id, restored.instance.id)
    return Done(restored, replaced)


async def renew_postgres(settings: Settings, actor: str, now: float) -> Restored:
    """Say of a PostgreSQL that it was put back to a backup, by its own tools: it begins another life.

    :raises StoreError: a bot runs, or its audit log does not hold; nothing was changed
    """
    checkpoints = Checkpoints(settings.checkpoint_file, settings.key_file)
    writer = await postgres().PostgresWriter.open(settings.postgres)
    try:
        before = (await writer.write(known)).id
        checkpoints.settle(before)
        life = _check_history(
            Path(), "The database", settings.checkpoint_file, checkpoints, settings.postgres
        )

        def unit(c: Connection) -> Restored:
            postgres().check_alone(c)
            restored = renew(c, actor, now)
            checkpoints.intend(_line(restored, life), now)
            return restored

        done: Restored = await writer.write(unit)
    finally:
        await writer.close()
    checkpoints.settle(done.instance.id)
    hand_over(settings, before, done.instance.id)
    return done


def _check_apart(backup: Path, path: Path) -> None:
    if not backup.is_file():
        raise StoreError(f"{backup}: there is no such file.")
    if path.exists() and backup.samefile(path):
        raise StoreError(f"{backup.name} is the database itself. Name a backup.")


def _instance(path: Path) -> str:
    """Which database is in place; "" where there is none, or none that can be read."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)) as c:
            return str(c.execute("SELECT id FROM instance").fetchone()[0])
    except (sqlite3.Error, TypeError):
        return ""


def _check_history(fresh: Path, name: str, file: Path, checkpoints: Checkpoints, url: str = "") -> int:
    """Hold a backup's audit log against itself and against what was signed while it was written.

    :return: which of the lives of the database it is from
    :raises StoreError: it does not hold
    """
    chains = verify(fresh, (), url)
    if fault := next((chain.fault for chain in chains if chain.fault), ""):
        raise StoreError(NOT_OURS.format(name=name, fault=fault))
    ends = {chain.tenant: chain.events for chain in chains}
    checkpoints.newest()  # The file is there, and whole.
    kept = read(file, file.with_suffix(".pub").read_text().strip())
    for life in reversed(range(len(kept.lives))):
        known = [each for each in kept.lives[life] if each.head.n <= ends.get(each.head.tenant, 0)]
        fault = next((chain.fault for chain in verify(fresh, known, url) if chain.fault), "")
        if not fault:
            return life
    raise StoreError(NOT_ONE_OF_US.format(name=name, fault=fault, checkpoints=file.name))


def _line(restored: Restored, life: int) -> Mapping[str, Any]:
    """What the checkpoints say of it."""
    return {
        "backup_at": restored.backup_at,
        "instance": restored.instance.id,
        "life": life,
        "heads": {head.tenant: _pair(head) for head in restored.heads},
    }


def _pair(head: Head) -> list[object]:
    return [head.n, head.hash]


def _name_of_before(path: Path, restored: Restored) -> Path:
    when = datetime.fromtimestamp(restored.instance.restored_at, UTC)
    return path.with_name(f"{BEFORE}{when:%Y%m%dT%H%M%SZ}-{restored.instance.id[:8]}")


def _put(fresh: Path, path: Path, before: Path) -> Path | None:
    """Have ``fresh`` take the database's place, and keep that one as ``before``.

    :return: ``before``, or None where there was no database
    """
    _sync(fresh)
    is_there = path.exists()
    if is_there:
        _close_log(path, before)
        _keep(path, before)
    os.replace(fresh, path)  # Before it, the one of before is in place; after it, the restored one.
    sync_folder(path.parent)
    return before if is_there else None


def _keep(path: Path, before: Path) -> None:
    """Give the database a second name, or copy it where a file has only one."""
    for other in path.parent.glob(f"{BEFORE}*"):
        if other.samefile(path):
            other.unlink()  # Of a restore that was cut off right after this.
    try:
        os.link(path, before)
    except OSError:
        shutil.copyfile(path, before)
        before.chmod(0o600)
        _sync(before)


def _close_log(path: Path, before: Path) -> None:
    """Have the old database be one file: what SQLite finds beside another one it would write into that."""
    try:
        with closing(sqlite3.connect(path)) as c:
            c.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.Error:
        pass  # It is damaged, which may be why it is replaced: its pieces are kept as they are.
    for tail in ("-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            os.replace(f"{path}{tail}", f"{before}{tail}")


def _remove(fresh: Path) -> None:
    """What a restore that was cut off has left."""
    for tail in ("", "-wal", "-shm", "-journal"):
        Path(f"{fresh}{tail}").unlink(missing_ok=True)


def _sync(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
