"""Looks into a PostgreSQL beside the bots that use it, over a connection of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from ironclaw.errors import StoreError
from ironclaw.store.faults import AWAY
from ironclaw.store.looking import NONE_YET
from ironclaw.store.reaching import place, said, unusable
from ironclaw.store.units import T, Unit
from ironclaw.store.waiting import Waiting, in_greenlet

IS_MADE = "SELECT to_regclass('schema_version') IS NOT NULL AS is_there"
PATIENCE = 20.0  #: Seconds that a server may be away before callers hear of it.


async def look(url: str, unit: Unit[T]) -> T:
    """Run one unit that only reads, over a connection of its own.

    :raises StoreError: it cannot be reached, or no bot has made its tables yet
    """
    async with _connected(url) as raw, raw.transaction(isolation="repeatable_read", readonly=True):
        try:
            return await in_greenlet(unit, Waiting(raw))
        except asyncpg.UndefinedTableError:
            raise StoreError(NONE_YET) from None


async def has_schema(url: str) -> bool:
    """Whether there are tables of ours.

    :raises StoreError: it cannot be reached
    """
    async with _connected(url) as raw:
        return bool(await raw.fetchval(IS_MADE))


async def described(url: str) -> str:
    """Which server answers, and where; nothing of who we are there.

    :raises StoreError: it cannot be reached
    """
    async with _connected(url) as raw:
        version = await raw.fetchval("SELECT current_setting('server_version')")
        name = await raw.fetchval("SELECT current_database()")
        return f"PostgreSQL {version.split()[0]} at {place(url)}, database {name}"


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Any]:
    """
    :raises StoreError: it cannot be reached, or goes away
    """
    try:
        raw = await asyncpg.connect(url, timeout=PATIENCE)
    except (asyncpg.PostgresError, ValueError, *AWAY) as error:
        raise unusable(error, url) from None
    try:
        yield raw
    except (asyncpg.PostgresError, *AWAY) as error:
        raise StoreError(f"The database cannot be read: {said(error)}.") from None
    finally:
        with suppress(asyncpg.PostgresError, *AWAY):
            await raw.close(timeout=2)
