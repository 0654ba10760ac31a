"""SQL by name: one set of statements, in queries.sql, that SQLite and PostgreSQL both run."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import aiosql
from aiosql.adapters.asyncpg import AsyncPGAdapter
from aiosql.types import SQLOperationType


class Row(Protocol):
    """One row, by the names of its columns."""

    def __getitem__(self, name: str, /) -> Any: ...


class PostgresConnection(Protocol):
    """What a statement needs of PostgreSQL: it waits, so that a unit of work reads as on SQLite."""

    def fetch(self, statement: str, *values: Any) -> list[Any]:
        """The rows that it gives."""
        ...

    def run(self, statement: str, *values: Any) -> int:
        """How many rows it changed."""
        ...

    def announce(self, workflow_id: str) -> None:
        """Put a job into the queue that has some process go on with the workflow."""
        ...


Connection: TypeAlias = sqlite3.Connection | PostgresConnection
Named = Callable[..., Any]


class _Waiting(AsyncPGAdapter):
    """aiosql's asyncpg, for connections that wait by themselves."""

    is_aio_driver = False

    def select(
        self, c: PostgresConnection, name: str, text: str, values: Mapping[str, Any], record_class: Any = None
    ) -> list[Any]:
        return c.fetch(text, *self.maybe_order_params(name, values))  # type: ignore[no-untyped-call]

    def select_one(
        self, c: PostgresConnection, name: str, text: str, values: Mapping[str, Any], record_class: Any = None
    ) -> Any:
        return next(iter(self.select(c, name, text, values)), None)

    def insert_update_delete(  # type: ignore[override]
        self, c: PostgresConnection, name: str, text: str, values: Mapping[str, Any]
    ) -> int:
        return c.run(text, *self.maybe_order_params(name, values))  # type: ignore[no-untyped-call]


def _on_sqlite(named: Any) -> Named:
    """The statement without aiosql's layers between: they took longer than SQLite itself.

    All rows at once: a cursor that an exception leaves half read would be closed in some other thread.
    """
    text, kind = named.sql, named.operation

    def rows(c: sqlite3.Connection, **values: Any) -> list[Any]:
        return c.execute(text, values).fetchall()

    def row(c: sqlite3.Connection, **values: Any) -> Any:
        return c.execute(text, values).fetchone()

    def changed(c: sqlite3.Connection, **values: Any) -> int:
        return c.execute(text, values).rowcount

    kinds = {SQLOperationType.SELECT: rows, SQLOperationType.SELECT_ONE: row}
    return kinds.get(kind, changed)


class _Statements:
    """``sql.NAME(connection, **values)``: rows, one row or None (``^``), or how many rows changed (``!``)."""

    def __init__(self, file: Path) -> None:
        self._sqlite = aiosql.from_path(file, "sqlite3", mandatory_parameters=False)
        self._postgres = aiosql.from_path(file, _Waiting, mandatory_parameters=False)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Named:
        on_sqlite = _on_sqlite(getattr(self._sqlite, name))
        on_postgres: Named = getattr(self._postgres, name)

        def run(c: Connection, **values: Any) -> Any:
            return (on_sqlite if isinstance(c, sqlite3.Connection) else on_postgres)(c, **values)

        setattr(self, name, run)
        return run


#: Only this package names one.
sql = _Statements(Path(__file__).with_name("queries.sql"))
