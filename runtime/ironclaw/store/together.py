"""Units that arrive together on PostgreSQL: one transaction, each in its savepoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import structlog

from ironclaw.errors import StoreError
from ironclaw.store.faults import AWAY, explained, is_of_all
from ironclaw.store.reaching import said
from ironclaw.store.units import Unit
from ironclaw.store.waiting import Waiting, in_greenlet

log = structlog.get_logger(__name__)


async def in_one(raw: Any, first: Callable[[], Awaitable[None]], units: Sequence[Unit[Any]]) -> list[Any]:
    """Run the units in one transaction of a connection; a single one that fails undoes it.

    :param first: awaited within it, before any unit
    :return: the result of each, or the exception that undid it alone
    :raises StoreError: nobody knows whether it was committed
    :raises Exception: whatever undid all of it
    """
    transaction = raw.transaction()
    await transaction.start()
    try:
        await first()
        results = await (_each if len(units) > 1 else _only)(raw, units)
    except BaseException:
        await _rolled_back(transaction)
        raise
    await _committed(transaction)
    return results


async def _only(raw: Any, units: Sequence[Unit[Any]]) -> list[Any]:
    return [await in_greenlet(unit, Waiting(raw)) for unit in units]


async def _each(raw: Any, units: Sequence[Unit[Any]]) -> list[Any]:
    """Each in a savepoint of its own.

    :return: the result of each, or the exception that undid it alone
    """
    results: list[Any] = []
    for unit in units:
        await raw.execute("RELEASE SAVEPOINT unit; SAVEPOINT unit" if results else "SAVEPOINT unit")
        try:
            results.append(await in_greenlet(unit, Waiting(raw)))
        except Exception as error:
            if is_of_all(error):
                raise
            await raw.execute("ROLLBACK TO SAVEPOINT unit")
            results.append(explained(error))
    return results


async def _rolled_back(transaction: Any) -> None:
    """A connection that is gone has rolled back already."""
    try:
        await transaction.rollback()
    except (asyncpg.PostgresError, *AWAY):
        log.info("rolled_back_by_the_server")


async def _committed(transaction: Any) -> None:
    """
    :raises StoreError: nobody knows whether it was committed
    """
    try:
        await transaction.commit()
    except AWAY as error:
        raise StoreError(
            f"The database went away while it committed: {said(error)}. Look whether it was done."
        ) from None
