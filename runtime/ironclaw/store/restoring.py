"""Makes a backup the database again: what it gave out counts no more, and what may have run is asked about.

Nobody knows what happened between the backup and the restore.  So whatever waited for people ends with a
sentence, whatever may have run in the meantime is a question to people, and whatever only needs work goes on.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ironclaw.errors import Conflict, StoreError
from ironclaw.store import doubts, instances, question_moves, rows
from ironclaw.store.approvals import end_review
from ironclaw.store.chain import Head, note
from ironclaw.store.connecting import PRAGMAS
from ironclaw.store.copying import copy
from ironclaw.store.database import note_backup, note_backup_as_before
from ironclaw.store.guarding import guard
from ironclaw.store.instances import Instance
from ironclaw.store.looking import NONE_YET
from ironclaw.store.migrations import head_version, migrate_sqlite
from ironclaw.store.sql import Connection, sql
from ironclaw.task import ApprovalState, ApprovalView, observation
from ironclaw.timing import Timing

SUPERSEDED = (
    "The database was restored from a backup of {when}; this may have been decided and run since. "
    "Ask again if it is still needed."
)
COMMITMENTS = 8  #: The version since which the audit chain is over the events' commitments.
NO_DATABASE = "{name} is no database of ironclaw's: {why}. Nothing was changed."
ATTEMPTS = 3  #: Of a call that is not tried again: see orchestrator.crashed.MAX_ATTEMPTS.
STEP = 30.0  #: Seconds that a code of a second factor is good for.


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore made of a backup."""

    instance: Instance  #: Which the database is from now on.
    backup_at: float  #: Unix seconds of the newest event in it.
    heads: tuple[Head, ...]  #: Where its audit chains ended.
    superseded: int  #: Reviews that waited.
    in_doubt: int  #: Calls that may have run since.
    grants: int  #: That were in force.


def take(backup: Path, fresh: Path) -> None:
    """Copy a backup to ``fresh`` and bring that to the schema of now, if it is a sound database of ours.

    :raises StoreError: it is not
    """
    name = backup.name
    try:
        with closing(sqlite3.connect(f"{backup.resolve().as_uri()}?mode=ro", uri=True)) as c:
            copy(c, fresh)
        with changing(fresh) as c:
            if fault := _fault(c):
                raise StoreError(NO_DATABASE.format(name=name, why=fault))
            c.set_authorizer(None)  # Our own scripts, which may change what the guard holds.
            migrate_sqlite(c)
            c.set_authorizer(guard)
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise StoreError(NO_DATABASE.format(name=name, why=error)) from None
    except OSError as error:
        raise StoreError(f"{name} cannot be copied: {error.strerror}. Nothing was changed.") from None


def backing_up(path: Path, file: Path, actor: str, now: float) -> None:
    """Copy a database that no bot has open, as it is: its schema is not brought up to date.

    :raises StoreError: there is none, or it cannot be copied
    """
    if not path.exists():
        raise StoreError(NONE_YET)
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as c:
            c.row_factory = sqlite3.Row
            for pragma in PRAGMAS:
                c.execute(pragma)
            c.execute("BEGIN IMMEDIATE")
            is_older = c.execute("SELECT version FROM schema_version").fetchone()[0] < COMMITMENTS
            (note_backup_as_before if is_older else note_backup)(c, actor, now)
            c.execute("COMMIT")
            copy(c, file)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"The database cannot be copied: {error}.") from None


@contextmanager
def changing(file: Path) -> Iterator[sqlite3.Connection]:
    """One transaction on a database that nobody else has; of an exception nothing stays."""
    with closing(sqlite3.connect(file, isolation_level=None)) as c:
        c.row_factory = sqlite3.Row
        for pragma in PRAGMAS:
            c.execute(pragma)
        c.execute("PRAGMA journal_mode = DELETE")
        c.set_authorizer(guard)
        c.execute("BEGIN IMMEDIATE")
        yield c
        c.execute("COMMIT")


def _fault(c: sqlite3.Connection) -> str:
    """Why this is none of our databases as we made it, or ""."""
    if not c.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").fetchone():
        return "it has no schema of ours"
    version = c.execute("SELECT version FROM schema_version").fetchone()
    if version is None or version[0] < 1:
        return "it has no schema version"
    if version[0] > head_version():
        return "a newer ironclaw made it; use that version"
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        migrate_sqlite(model, version[0])
        if _shape(c) != _shape(model):
            return "its tables are not those of any version"
    found = c.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok" or c.execute("PRAGMA foreign_key_check").fetchone():
        return "it is damaged"
    return ""


def _shape(c: sqlite3.Connection) -> set[tuple[object, ...]]:
    """Every table with its columns; every index, trigger and view with the words that make it."""
    found: set[tuple[object, ...]] = set()
    for row in c.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall():
        kind, name, table, words = tuple(row)
        if kind == "table":
            columns = c.execute("SELECT * FROM pragma_table_xinfo(?)", (name,)).fetchall()
            found.add((kind, name, *map(tuple, columns)))
        else:
            found.add((kind, name, table, " ".join((words or "").split())))
    return found


def renew(c: Connection, actor: str, now: float) -> Restored:
    """Begin another life of this database, in the caller's transaction.

    :param c: of a backup with the schema of now
    """
    heads = tuple(Head(row["tenant"], row["n"], row["hash"]) for row in sql.audit_heads(c))
    backup_at = max((json.loads(row["event"])["at"] for row in sql.last_events(c)), default=0.0)
    restored = Restored(
        instance=instances.renew(c, now),
        backup_at=backup_at,
        heads=heads,
        in_doubt=_doubt(c, now),
        superseded=_supersede(c, SUPERSEDED.format(when=moment(backup_at)), now),
        grants=sql.void_grants(c, now=now),
    )
    sql.free_leases(c)
    sql.forget_belonging(c, what="key")  # Whoever lost it goes on with another: what it sealed is void.
    sql.spend_steps(c, step=int(now / STEP) + 1)
    sql.notices_uncertain(c, since=max(1, int(backup_at)))
    doubts.draw_anew(c, now)
    question_moves.draw_anew(c, now)
    _skip_slots(c, now)
    for tenant in [row["id"] for row in sql.tenants(c)]:
        note(c, tenant, now, "restored", actor, backup_at=backup_at, epoch=restored.instance.epoch)
    return restored


def _doubt(c: Connection, now: float) -> int:
    """Whatever was about to run, or ran."""
    found = list(sql.unsettled_calls(c))
    for row in found:
        where = {"workflow_id": row["workflow_id"], "seq": row["seq"]}
        sql.interrupt_call(c, least=ATTEMPTS, now=now, **where)
        sql.wake_workflow(c, id=row["workflow_id"], now=now)
    return len(found)


def _supersede(c: Connection, sentence: str, now: float) -> int:
    """Whatever waited for people: they may have decided it since."""
    found = list(sql.every_pending_approval(c))
    for row in found:
        where = {"workflow_id": row["workflow_id"], "seq": row["seq"]}
        sql.call_restored(c, kind=rows.RESTORED, why=sentence, **where)
        approval = rows.load_approval(c, row["id"])
        if approval:  # Its call has ended by the chain too, whatever a row says later.
            _note_end(c, approval, now)
        try:
            if approval:
                end_review(c, approval, ApprovalState.SUPERSEDED, observation("superseded", sentence), now)
        except Conflict:  # A call that does not wait any more: only the review was left, and is closed now.
            continue
    return len(found)


def _note_end(c: Connection, approval: ApprovalView, now: float) -> None:
    of_call = {"workflow": approval.workflow_id, "seq": approval.seq, "action": approval.action_sha256}
    note(c, approval.tenant, now, "call_superseded", "host", **of_call)


def _skip_slots(c: Connection, now: float) -> None:
    """What was due meanwhile has begun, or nobody can say that it has not."""
    for row in list(sql.active_schedules(c, now=now)):
        sql.skip_slots(c, id=row["id"], next_at=Timing(row["cron"], row["zone"]).after(now))


def moment(at: float) -> str:
    """Such as 2026-11-22 20:15 UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
