"""The schema, script by script: ``migrations/DIALECT/NNNN_name.sql`` brings to version NNNN."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib import resources

from ironclaw.errors import StoreError


def scripts(dialect: str) -> dict[int, str]:
    """Each script by the version that it leads to, in order; PostgreSQL's first does all."""
    folder = resources.files(__package__).joinpath("migrations", dialect)
    found = sorted(
        (each for each in folder.iterdir() if each.name.endswith(".sql")), key=lambda each: each.name
    )
    return {int(each.name[:4]): each.read_text("utf-8") for each in found}


def due(dialect: str, version: int) -> Iterator[tuple[int, str]]:
    """What is still to be run on a database of this version.

    :raises StoreError: a newer version made it
    """
    known = scripts(dialect)
    if version > max(known):
        raise StoreError("A newer ironclaw made this database. Use that version, or another data_dir.")
    return ((number, script) for number, script in known.items() if number > version)


def migrate_sqlite(c: sqlite3.Connection) -> None:
    """Bring the schema up to date, in the caller's transaction."""
    for number, script in due("sqlite", _version(c)):
        for statement in _statements(script):
            c.execute(statement)
        c.execute("DELETE FROM schema_version")
        c.execute("INSERT INTO schema_version (version) VALUES (?)", (number,))


def _version(c: sqlite3.Connection) -> int:
    known = c.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").fetchone()
    return int(c.execute("SELECT version FROM schema_version").fetchone()[0]) if known else 0


def _statements(script: str) -> list[str]:
    """One by one, because executescript would commit what the batch holds."""
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return statements
