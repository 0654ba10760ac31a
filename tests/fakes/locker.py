"""A database that cannot be used: by another process that has it locked, or by a pragma."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from ironclaw.store.guarding import guard

_LOCK = """
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextlib.asynccontextmanager
async def locked(database: Path) -> AsyncIterator[None]:
    """Nobody else can write until the block ends."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _LOCK, str(database), stdin=pipe, stdout=pipe
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert b"locked\n" == await child.stdout.readline()
        yield
    finally:
        child.stdin.close()
        await child.wait()


def spoil(c: sqlite3.Connection, pragma: str) -> None:
    """Run a pragma on the engine's own connection, which its guard lets no unit do."""
    c.set_authorizer(None)
    c.execute(pragma).fetchall()
    c.set_authorizer(guard)
