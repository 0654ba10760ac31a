"""Copies a database that is being written to, without holding its writers up.

Through the connection that writes, by SQLite's backup API: a second one that checkpoints while the first
writes can damage the database in every SQLite before 3.51.3.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from ironclaw.store.units import T

PAGES = 256  #: Copied between two looks at who waits: 1 MiB.

Work = Callable[[sqlite3.Connection], Any]


def copy(source: sqlite3.Connection, file: Path, between: Callable[[], None] = lambda: None) -> None:
    """Make ``file``, ours alone and durable, with all that is committed when the last page is copied.

    :param between: called between two pieces; what it commits is in the copy
    :raises sqlite3.Error, OSError: it could not be made, or is there already
    """
    handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        with closing(sqlite3.connect(file)) as target:
            source.backup(target, pages=PAGES, progress=lambda *_: between())
            target.execute("PRAGMA journal_mode = DELETE")  # One file, which a reader need not write beside.
        os.fsync(handle)
    finally:
        os.close(handle)


class Between:
    """Brings what must not wait to the thread that copies."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[tuple[Work, asyncio.Future[Any]]] = queue.SimpleQueue()

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Have it done between two pieces; it must not raise."""
        done: asyncio.Future[T] = self._loop.create_future()
        self._waiting.put((work, done))
        return await done

    def serve(self, connection: sqlite3.Connection) -> None:
        """On the thread that copies: do what waits."""
        for work, done in self._left():
            self._loop.call_soon_threadsafe(done.set_result, work(connection))

    async def finish(self, hop: Callable[[Work], Awaitable[Any]]) -> None:
        """After the copy: do what came too late for it.

        :param hop: brings work to the thread
        """
        for work, done in self._left():
            done.set_result(await hop(work))

    def _left(self) -> list[tuple[Work, asyncio.Future[Any]]]:
        found = []
        while True:
            try:
                found.append(self._waiting.get_nowait())
            except queue.Empty:
                return found
