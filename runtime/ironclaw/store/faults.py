"""What can go wrong with a PostgreSQL, and whom it is the fault of."""

from __future__ import annotations

import asyncpg

from ironclaw.errors import IronclawError, StoreError
from ironclaw.store.reaching import said

#: The server, or the way to it, is gone: what was not committed did not happen.
AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
)
#: What was to be kept is nothing that it keeps: trying again helps nobody.
UNFIT = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)
#: Somebody else's transaction was first: the unit runs anew.
AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


def is_of_all(error: Exception) -> bool:
    """Whether the transaction is lost, and not only what one unit did in it."""
    return isinstance(error, (*AWAY, *AGAIN)) and not isinstance(error, ValueError)


def explained(error: Exception) -> Exception:
    """A fault of the database's is a StoreError, whoever hears of it; one of what was to be kept is none."""
    if _is_unfit(error):
        return IronclawError(f"The database cannot keep this: {said(error)}. Nothing was changed.")
    if isinstance(error, asyncpg.PostgresError):
        return StoreError(f"The database cannot be used: {said(error)}.")
    return error


def _is_unfit(error: Exception) -> bool:
    """asyncpg's own word for a value that fits no column is a ValueError; so is the one for an address."""
    is_address = isinstance(error, asyncpg.ClientConfigurationError)
    is_value = isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)
    return isinstance(error, UNFIT) or (is_value and not is_address)
