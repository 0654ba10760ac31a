"""How SQLite's database is opened by whoever writes to it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import aiosqlite

PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # A decision that vanishes with the power is a security bug.
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 30000",
    "PRAGMA secure_delete = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA recursive_triggers = ON",  # Without it, INSERT OR REPLACE deletes past the audit's triggers.
)


async def connected(path: Path) -> aiosqlite.Connection:
    """The connection that writes, before its schema is up to date and guarded.

    :raises sqlite3.Error: it is no database that could be used
    """
    connection = await aiosqlite.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        for pragma in PRAGMAS:
            await connection.execute(pragma)
    except sqlite3.Error:
        await connection.close()  # Its thread would keep the process from ending.
        raise
    return connection
