"""The databases of the matrix, each seen from outside: what a bot is told of it, and what its rows say."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from tests.fakes.postgres import Cluster, cluster

SQLITE, POSTGRES = "sqlite", "postgresql"
LEASE = 3  #: Seconds for which what a killed process had stays its own.


class Database(Protocol):
    """One empty database for one bot."""

    @property
    def settings(self) -> dict[str, Any]:
        """For ironclaw.toml."""
        ...

    async def column(self, query: str) -> list[str]:
        """The first column of what a query finds."""
        ...


class Sqlite:
    """The bot's own file."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / ".ironclaw" / "data" / "ironclaw.db"
        self.settings: dict[str, Any] = {}

    async def column(self, query: str) -> list[str]:
        with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)) as c:
            return [str(row[0]) for row in c.execute(query)]


class Postgres:
    """A database of a cluster."""

    def __init__(self, server: Cluster, folder: Path) -> None:
        self._server = server
        url = server.new_database()
        self._name = url.rpartition("/")[2]
        scratch = folder / "scratch"
        scratch.mkdir()
        more = {"scratch_dir": scratch, "lease_seconds": LEASE}
        self.settings: dict[str, Any] = {"database_url": url, **more}

    async def column(self, query: str) -> list[str]:
        return (await asyncio.to_thread(self._server.run, self._name, query)).split()


class Databases:
    """Gives each cell an empty database of its kind."""

    def __init__(self, server: Cluster | None = None) -> None:
        self._server = server

    def new(self, kind: str, folder: Path) -> Database:
        """
        :param folder: the bot's
        """
        if kind == SQLITE:
            return Sqlite(folder)
        assert self._server is not None
        return Postgres(self._server, folder)


@contextlib.contextmanager
def databases(kinds: set[str], folder: Path) -> Iterator[Databases]:
    """Where cells get their databases: with a PostgreSQL of its own, where one is asked for."""
    if POSTGRES not in kinds:
        yield Databases()
        return
    with cluster() as server:
        yield Databases(server)
