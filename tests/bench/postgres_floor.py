"""The least that the same workflow costs on PostgreSQL: plain asyncpg, a transaction a step, no engine.

The five commits of ``floor.py``, with its rows.  What comes together shares nothing: PostgreSQL itself lets
transactions that arrive together share a flush.  ``python -m tests.bench.postgres_floor URL`` takes orders.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from tests.bench.floor import TEXT
from tests.bench.peer_programs.lanes import HISTORY, serve

CONNECTIONS = 16  #: As many as the engine has.
SCHEMA = """
CREATE TABLE workflows (id text PRIMARY KEY, state text NOT NULL, version integer NOT NULL, text text);
CREATE TABLE messages (workflow_id text, seq integer, text text, PRIMARY KEY (workflow_id, seq));
CREATE TABLE approvals (id text PRIMARY KEY, workflow_id text, state text, body text);
CREATE TABLE audit (n bigserial PRIMARY KEY, event text, hash text);
"""
MOVE = "UPDATE workflows SET state = $3, version = version + 1 WHERE id = $1 AND state = $2"

Step = Callable[[Any, str], Awaitable[None]]


async def _accept(c: Any, workflow: str) -> None:
    await c.execute("INSERT INTO workflows VALUES ($1, 'running', 1, $2)", workflow, TEXT)
    await _message(c, workflow, 1, HISTORY)


async def _plan(c: Any, workflow: str) -> None:
    await _message(c, workflow, 2)
    await c.execute("INSERT INTO approvals VALUES ($1, $1, 'pending', $2)", workflow, TEXT)
    await _move(c, workflow, "running", "paused")


async def _decide(c: Any, workflow: str) -> None:
    await c.execute("UPDATE approvals SET state = 'approved' WHERE id = $1 AND state = 'pending'", workflow)
    await _move(c, workflow, "paused", "running")


async def _begin(c: Any, workflow: str) -> None:
    await _move(c, workflow, "running", "running")


async def _finish(c: Any, workflow: str) -> None:
    await _message(c, workflow, 3)
    await _move(c, workflow, "running", "done")


async def _message(c: Any, workflow: str, seq: int, text: str = TEXT) -> None:
    await c.execute("INSERT INTO messages VALUES ($1, $2, $3)", workflow, seq, text)


async def _move(c: Any, workflow: str, was: str, state: str) -> None:
    if await c.execute(MOVE, workflow, was, state) != "UPDATE 1":
        raise RuntimeError("the floor lost a workflow")


class PostgresFloor:
    """One pool."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._head = "0" * 64

    async def pause(self) -> str:
        """:return: a new workflow's name"""
        workflow = secrets.token_hex(16)
        for step in (_accept, _plan):
            await self._run(step, workflow)
        return workflow

    async def resume(self, workflow: str) -> None:
        for step in (_decide, _begin, _finish):
            await self._run(step, workflow)

    async def _run(self, step: Step, workflow: str) -> None:
        async with self._pool.acquire() as c, c.transaction():
            await step(c, workflow)
            event = f'{{"workflow":"{workflow}","text":"{TEXT}"}}'
            self._head = hashlib.sha256((self._head + event).encode()).hexdigest()
            await c.execute("INSERT INTO audit (event, hash) VALUES ($1, $2)", event, self._head)


async def main(url: str) -> None:
    """Serve as a contender."""
    async with asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        await pool.execute(SCHEMA)
        bare = PostgresFloor(pool)
        await serve(bare.pause, bare.resume, ["asyncpg"])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
