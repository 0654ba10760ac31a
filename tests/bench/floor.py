"""The least that pausing and resuming durably can cost: plain sqlite3, the same settings, no engine.

Five commits for each workflow, as many as the product needs at least: accepted, with 4 KB of history;
planned, asked and paused; decided; ticket spent; result and done.  Each writes rows of the size that the
engine writes, with one hash-chained audit row.

``python -m tests.bench.floor FOLDER`` takes orders, as every contender does: see ``peer_programs/lanes.py``.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.peer_programs.lanes import HISTORY, obey

PAUSE_COMMITS, RESUME_COMMITS = 2, 3

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE workflows (id TEXT PRIMARY KEY, state TEXT NOT NULL, version INTEGER NOT NULL, text TEXT) STRICT;
CREATE TABLE messages (workflow_id TEXT, seq INTEGER, text TEXT, PRIMARY KEY (workflow_id, seq)) STRICT;
CREATE TABLE approvals (id TEXT PRIMARY KEY, workflow_id TEXT, state TEXT, body TEXT) STRICT;
CREATE TABLE audit (n INTEGER PRIMARY KEY, event TEXT, hash TEXT) STRICT;
"""
TEXT = "x" * 300

Step = Callable[[sqlite3.Connection, str], None]


def _accept(c: sqlite3.Connection, workflow: str) -> None:
    c.execute("INSERT INTO workflows VALUES (?, 'running', 1, ?)", (workflow, TEXT))
    _message(c, workflow, 1, HISTORY)


def _plan(c: sqlite3.Connection, workflow: str) -> None:
    _message(c, workflow, 2)
    c.execute("INSERT INTO approvals VALUES (?, ?, 'pending', ?)", (workflow, workflow, TEXT))
    _move(c, workflow, "running", "paused")


def _decide(c: sqlite3.Connection, workflow: str) -> None:
    c.execute("UPDATE approvals SET state = 'approved' WHERE id = ? AND state = 'pending'", (workflow,))
    _move(c, workflow, "paused", "running")


def _begin(c: sqlite3.Connection, workflow: str) -> None:
    _move(c, workflow, "running", "running")


def _finish(c: sqlite3.Connection, workflow: str) -> None:
    _message(c, workflow, 3)
    _move(c, workflow, "running", "done")


PAUSE: tuple[Step, ...] = (_accept, _plan)
RESUME: tuple[Step, ...] = (_decide, _begin, _finish)


def _message(c: sqlite3.Connection, workflow: str, seq: int, text: str = TEXT) -> None:
    c.execute("INSERT INTO messages VALUES (?, ?, ?)", (workflow, seq, text))


def _move(c: sqlite3.Connection, workflow: str, was: str, state: str) -> None:
    sql = "UPDATE workflows SET state = ?, version = version + 1 WHERE id = ? AND state = ?"
    if c.execute(sql, (state, workflow, was)).rowcount != 1:
        raise RuntimeError("the floor lost a workflow")


class Floor:
    """A database in a file of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._c = connection
        self._head = "0" * 64

    def run(self, workflows: Sequence[str], steps: Sequence[Step]) -> float:
        """Every step for all of these workflows, one commit a step.

        :return: seconds
        """
        began = time.perf_counter()
        for step in steps:
            self._c.execute("BEGIN IMMEDIATE")
            for workflow in workflows:
                step(self._c, workflow)
                self._note(workflow)
            self._c.execute("COMMIT")
        return time.perf_counter() - began

    def _note(self, workflow: str) -> None:
        event = f'{{"workflow":"{workflow}","text":"{TEXT}"}}'
        self._head = hashlib.sha256((self._head + event).encode()).hexdigest()
        self._c.execute("INSERT INTO audit (event, hash) VALUES (?, ?)", (event, self._head))


@contextmanager
def floor(folder: Path, name: str = "floor.db") -> Iterator[Floor]:
    """Open until the block ends."""
    connection = sqlite3.connect(folder / name, isolation_level=None)
    try:
        connection.executescript(SCHEMA)
        yield Floor(connection)
    finally:
        connection.close()


def new_names(count: int) -> list[str]:
    return [secrets.token_hex(16) for _ in range(count)]


async def main(folder: Path) -> None:
    """Serve as a contender: what comes together shares a transaction."""
    with floor(folder, "contender.db") as bare:

        async def answer(lanes: int = 64, count: int = 0, fill: int = 0) -> dict[str, object]:
            return _batches(bare, lanes, count or fill, () if fill else RESUME)

        await obey(answer)


def _batches(bare: Floor, lanes: int, count: int, resume: Sequence[Step]) -> dict[str, object]:
    taken: dict[str, list[float]] = {"pause": [], "resume": []}
    began = time.perf_counter()
    for done in range(0, count, lanes):
        names = new_names(min(lanes, count - done))
        taken["pause"] += [bare.run(names, PAUSE)] * len(names)
        taken["resume"] += [bare.run(names, resume)] * len(names) if resume else []
    return {**taken, "seconds": time.perf_counter() - began}


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
