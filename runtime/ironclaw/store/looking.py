"""Reads a database beside the bots that have it open, whichever database it is."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sqlite3
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

from ironclaw.errors import StoreError
from ironclaw.store.sql import sql
from ironclaw.store.units import T, Unit

NONE_YET = "There is no database yet: start the bot once."

DAMAGED = "It is damaged. Go on from a backup: `ironclaw restore FILE` keeps this one beside it."


def is_damaged(error: sqlite3.Error | OSError) -> bool:
    """Whether no other look at SQLite's file can go better."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection of its own, for commands beside a running bot.

    :raises StoreError: there is no database yet
    """
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    except sqlite3.Error:
        raise StoreError(NONE_YET) from None
    connection.row_factory = sqlite3.Row
    try:
        yield connection
    finally:
        connection.close()


def look(path: Path, url: str, unit: Unit[T]) -> T:
    """Run a unit that only reads, and change nothing, the schema neither.  It blocks: for commands.

    :param path: of SQLite's file
    :param url: of the PostgreSQL in its place, or ""
    :raises StoreError: there is no database of ours, or it cannot be read
    """
    if url:
        found: T = _run(postgres("beside").look(url, unit))
        return found
    try:
        with reading(path) as c:
            result: T = unit(c)
            return result
    except sqlite3.Error as error:
        remedy = DAMAGED if is_damaged(error) else "Start the bot once."
        raise StoreError(f"The database cannot be read: {error}. {remedy}") from None


def is_there(path: Path, url: str) -> bool:
    """Whether somebody has started a bot on it before.

    :raises StoreError: a PostgreSQL that does not answer
    """
    return bool(_run(postgres("beside").has_schema(url))) if url else path.exists()


def answers(path: Path, url: str) -> str:
    """Which database it is, in a few words.

    :raises StoreError: it does not answer
    """
    if url:
        return str(_run(postgres("beside").described(url)))
    if path.exists():
        look(path, url, lambda c: sql.answers(c))
    return f"SQLite {sqlite3.sqlite_version}, in data_dir"


def postgres(part: str = "postgres") -> ModuleType:
    """What speaks with PostgreSQL: not everybody has it installed.

    :raises StoreError: it is not
    """
    try:
        return importlib.import_module(f"ironclaw.store.{part}")
    except ImportError as error:
        raise StoreError(
            f"database_url: PostgreSQL needs {error.name}. In the clone: "
            ".venv/bin/pip install -e '.[postgres]'."
        ) from None


def _run(work: Coroutine[Any, Any, T]) -> T:
    """In a thread of its own: who asks may have an event loop that runs."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
