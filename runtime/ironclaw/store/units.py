"""Units of work: what a part of the store hands to the database, whichever it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, TypeVar

from ironclaw.store.instances import Instance
from ironclaw.store.sql import Connection

T = TypeVar("T")
Unit: TypeAlias = Callable[[Connection], T]  #: SQL only: it holds up other commits, and may run twice.


def announce(c: Connection, workflow_id: str) -> None:
    """Have some process go on with a workflow, in the very transaction that makes it possible.

    Where only one process can be, it is told after the transaction: by ``Dispatcher.wake``.
    """
    if not isinstance(c, sqlite3.Connection):
        c.announce(workflow_id)


class Writer(Protocol):
    """Runs units of work, each of them whole or not at all, as if one came after the other."""

    async def write(self, unit: Unit[T], tenant: str | None = None, within: float = 0.0) -> T:
        """Run one unit and return when it is durable.

        Cancelling the caller does not cancel the unit: read again before assuming that it was not done.

        :param tenant: the only one whose rows it uses, so that others need not wait; None: it uses any
        :param within: seconds that it may wait for another one, to share its transaction and its flush
        :raises StoreError: it could not be committed, or nobody knows whether it was
        """
        ...

    async def read(self, unit: Unit[T]) -> T:
        """Run one unit that only reads, all of it as of one moment.

        :raises StoreError: the database is closed, or cannot be reached
        """
        ...

    async def glance(self, unit: Unit[T]) -> T:
        """Run one single statement that only reads: cheaper than ``read``.

        :raises StoreError: the database is closed, or cannot be reached
        """
        ...

    async def rewrite(self, tables: Sequence[str]) -> None:
        """Leave nothing of the rows that were removed in the files of the database.

        :param tables: that rows were removed from
        :raises StoreError: it could not be done
        """
        ...

    def hold_to(self, instance: Instance) -> None:
        """From now on, write to no other life of the database: after a restore ``write`` is refused."""
        ...

    def clock(self) -> float:
        """Unix seconds, alike for all who share this database."""
        ...

    async def close(self) -> None:
        """Commit what was handed in, then close."""
        ...
