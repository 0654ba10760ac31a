"""Moves a whole database from SQLite to PostgreSQL, row by row as it is: all that waits stays valid."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from ironclaw.errors import StoreError
from ironclaw.store import instances
from ironclaw.store.migrations import MOVED, migrate_sqlite
from ironclaw.store.sql import sql

ROWS = 500  #: Sent at a time.
NOT_EMPTY = (
    "The PostgreSQL database is not empty: {table} has rows. Nothing was changed. Name a new one in "
    "database_url; or, if it is the one that this was moved to before, just start the bot."
)
LOST = "Of {table}, {there} of {all} rows arrived. Nothing was changed."
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
IDENTITIES = """SELECT table_name AS name, column_name AS key FROM information_schema.columns
    WHERE table_schema = current_schema() AND is_identity = 'YES' AND table_name = ANY($1)"""


def stand_in(file: Path) -> None:
    """Make what takes the place of a database that was moved: no bot starts on it.

    :raises sqlite3.Error: it cannot be made
    """
    with closing(sqlite3.connect(file, isolation_level=None)) as c:
        c.execute(f"PRAGMA user_version = {MOVED}")


def is_moved(file: Path) -> bool:
    """Whether this is such a one.

    :raises StoreError: it cannot be read
    """
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as c:
            return bool(c.execute("PRAGMA user_version").fetchone()[0] == MOVED)
    except sqlite3.Error as error:
        raise StoreError(f"The database cannot be read: {error}.") from None


def instance_of(c: sqlite3.Connection) -> str:
    """Which database this is; one that was never asked says it now."""
    c.row_factory = sqlite3.Row
    return instances.known(c).id


def check_audit(c: sqlite3.Connection) -> None:
    """
    :raises StoreError: an event cannot be moved as it is, and none may be altered
    """
    if c.execute("SELECT 1 FROM audit WHERE instr(event, char(0)) > 0 LIMIT 1").fetchone():
        raise StoreError("The audit log has an event with U+0000, which PostgreSQL cannot hold as it is.")


def check_empty(c: Any) -> None:
    """
    :param c: of PostgreSQL, with the schema of now
    :raises StoreError: there is something in it
    """
    with closing(sqlite3.connect(":memory:")) as model:
        migrate_sqlite(model)
        for table in _tables(model):
            if c.fetch(f"SELECT 1 AS there FROM {table} LIMIT 1"):  # noqa: S608 - a name of our own schema
                raise StoreError(NOT_EMPTY.format(table=table))


def fill(c: Any, source: sqlite3.Connection) -> int:
    """Copy every row, in the caller's transaction.

    :param c: of PostgreSQL, empty, with the same schema as ``source``
    :return: how many
    :raises StoreError: not all of them arrived
    """
    tables = _tables(source)
    count = sum(_fill_table(c, source, table) for table in tables)
    for row in c.fetch(IDENTITIES, tables):
        name, key = row["name"], row["key"]
        most = f"SELECT max({key}) AS most FROM {name}"  # noqa: S608 - as in check_empty
        if (newest := c.fetch(most)[0]["most"]) is not None:
            c.fetch("SELECT setval(pg_get_serial_sequence($1, $2), $3)", name, key, newest)
    sql.free_notices(c, by="")  # Those that told them are gone.
    return count


def _fill_table(c: Any, source: sqlite3.Connection, table: str) -> int:
    rows = source.execute(f"SELECT * FROM {table}")  # noqa: S608 - as in check_empty
    columns = [each[0] for each in rows.description]
    count = 0
    while batch := rows.fetchmany(ROWS):
        c.copy(table, columns, [tuple(map(_kept, row)) for row in batch])
        count += len(batch)
    there = c.fetch(f"SELECT count(*) AS there FROM {table}")[0]["there"]  # noqa: S608 - as in check_empty
    if there != count:
        raise StoreError(LOST.format(table=table, there=there, all=count))
    return count


def _kept(value: object) -> object:
    """U+0000 is the one character that PostgreSQL does not keep; as new texts are, it is replaced."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value


def _tables(c: sqlite3.Connection) -> list[str]:
    """Every table of ours but the schema's version, each after those that it refers to."""
    names = [row[0] for row in c.execute(TABLES) if row[0] != "schema_version"]
    refers = {name: {row[2] for row in c.execute(f"PRAGMA foreign_key_list({name})")} for name in names}
    return list(_in_order(refers))


def _in_order(refers: dict[str, set[str]]) -> Iterator[str]:
    left = dict(refers)
    while left:
        ready = sorted(name for name, others in left.items() if not (others - {name}) & left.keys())
        yield from ready
        for name in ready:
            del left[name]
