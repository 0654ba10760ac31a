"""The very statements that the engine runs, noted from the real store and run again by plain sqlite3.

A floor of them has what the engine's database does and nothing else: the same rows, settings and commits, no
event loop, no thread, no policy, nothing read out of rows.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironclaw.app import Ironclaw
from ironclaw.store import reading
from ironclaw.store.connecting import PRAGMAS
from ironclaw.store.sqlite import SqliteWriter

Parameters = Sequence[object] | Mapping[str, object]


@dataclass(slots=True)
class Noted:
    """What one piece of work ran, in order, and how many rows it changed."""

    statements: list[tuple[str, Parameters]] = field(default_factory=list)
    changes: int = 0
    hops: int = 0

    def summary(self) -> dict[str, int]:
        """How much of what: a hop is a visit of the engine to the thread of its database."""
        return {
            "hops": self.hops,
            "reads": self._count("SELECT"),
            "changed rows": self.changes,
            "commits": self._count("COMMIT"),
        }

    def _count(self, word: str) -> int:
        return sum(sql.lstrip().upper().startswith(word) for sql, _ in self.statements)


class _Listening:
    """A connection that notes what it runs."""

    def __init__(self, raw: sqlite3.Connection, into: Noted) -> None:
        class Cursor(sqlite3.Cursor):
            def execute(self, sql: str, parameters: Any = ()) -> Any:
                into.statements.append((sql, parameters))
                return super().execute(sql, parameters)

        self._raw = raw
        self._cursor = Cursor

    @property
    def __class__(self) -> type:
        return sqlite3.Connection  # So that the named queries take it for one.

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def cursor(self) -> sqlite3.Cursor:
        return self._raw.cursor(self._cursor)

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return self.cursor().execute(sql, parameters)


@contextmanager
def noting(app: Ironclaw) -> Iterator[Noted]:
    """Everything that the engine's connection runs until the block ends."""
    writer: Any = app._store._writer
    noted = Noted()

    async def hop(unit: Callable[[Any], Any]) -> Any:
        def listened(raw: sqlite3.Connection) -> Any:
            noted.hops += 1
            before = raw.total_changes
            try:
                return unit(_Listening(raw, noted))
            finally:
                noted.changes += raw.total_changes - before

        return await SqliteWriter._hop(writer, listened)

    writer._hop = hop
    try:
        yield noted
    finally:
        del writer._hop


class Replay:
    """A copy of the engine's database from before the work that was noted."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._c = connection

    def run(self, noted: Noted) -> float:
        """The same statements on the same rows.

        :return: seconds
        """
        before = self._c.total_changes
        began = time.perf_counter()
        for sql, parameters in noted.statements:
            self._c.execute(sql, parameters).fetchall()
        took = time.perf_counter() - began
        if (changed := self._c.total_changes - before) != noted.changes:
            raise RuntimeError(f"the floor changed {changed} rows, the engine {noted.changes}")
        return took


@contextmanager
def copy_of(database: Path, into: Path) -> Iterator[Replay]:
    """As the database is now, open until the block ends."""
    with closing(sqlite3.connect(into, isolation_level=None)) as connection:
        with reading(database) as c:
            c.backup(connection)
        for pragma in PRAGMAS:
            connection.execute(pragma)
        yield Replay(connection)
