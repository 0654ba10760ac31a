"""What no statement of this process may do to SQLite, whatever SQL it is led to run."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from contextvars import ContextVar

#: To the audit log, which only grows.
FORBIDDEN = frozenset({sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
#: Nor to any schema, once it is up to date: a trigger or a temporary table would stand before ours.
OF_SCHEMAS = frozenset(
    value
    for name, value in vars(sqlite3).items()
    if name.startswith(("SQLITE_CREATE_", "SQLITE_DROP_", "SQLITE_ALTER_", "SQLITE_ATTACH", "SQLITE_DETACH"))
)
#: Pragmas that may be given a word and change nothing by it.
HARMLESS = frozenset({"foreign_key_check", "integrity_check", "table_xinfo", "wal_checkpoint"})
_forgetting: ContextVar[bool] = ContextVar("forgetting", default=False)


@contextlib.contextmanager
def forgetting(c: object) -> Iterator[None]:
    """Within it, and nowhere else, a statement that forgets events of the audit log may be run.

    :param c: the unit's connection
    """
    before = _forgetting.set(True)
    try:
        yield
    finally:
        _forgetting.reset(before)
        if isinstance(c, sqlite3.Connection):
            # The guard is asked when a statement is prepared, and those are kept: setting it voids them.
            c.set_authorizer(guard)


def guard(action: int, first: str | None, second: str | None, *_where: str | None) -> int:
    """SQLite's authorizer of the connection that writes: asked of each statement as it is prepared."""
    # That an event is emptied then, and nothing else, a trigger sees to.
    is_forgetting = action == sqlite3.SQLITE_UPDATE and second == "event" and _forgetting.get()
    is_wrong = action in FORBIDDEN and first == "audit" and not is_forgetting
    is_wrong |= action in OF_SCHEMAS
    is_wrong |= action == sqlite3.SQLITE_PRAGMA and second is not None and str(first).lower() not in HARMLESS
    return sqlite3.SQLITE_DENY if is_wrong else sqlite3.SQLITE_OK
