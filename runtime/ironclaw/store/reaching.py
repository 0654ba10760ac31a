"""What is said of a PostgreSQL that cannot be reached: where it should be, and not who we are there."""

from __future__ import annotations

import socket
import ssl
import time
from urllib.parse import urlsplit

import asyncpg
import structlog

from ironclaw.errors import StoreError

log = structlog.get_logger(__name__)

SCHEMES = ("postgresql://", "postgres://")
UNKNOWN = "the address in database_url"
NO_SCHEME = "database_url: it is no address of a PostgreSQL. Begin it with postgresql://"
NO_ADDRESS = (
    "database_url: it is no address that can be used. It is postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
)
WHO = "it refuses this user, password or database. Look at database_url, and at pg_hba.conf there"


def place(url: str) -> str:
    """HOST:PORT.  A password that holds / or # moves the rest of the address: then nothing of it is said."""
    try:
        found = urlsplit(url)
        host, port = found.hostname, found.port or 5432
    except ValueError:
        return UNKNOWN
    if "@" in found.path + found.query + found.fragment:
        return UNKNOWN
    return f"{host}:{port}" if host else UNKNOWN


def database(url: str) -> str:
    """What the address calls the database; "" where nobody can tell."""
    return "" if place(url) == UNKNOWN else urlsplit(url).path.lstrip("/")


def said(error: BaseException, where: str = "PostgreSQL") -> str:
    """What went wrong, in words for people.

    :param where: HOST:PORT
    """
    match error:
        case asyncpg.InvalidAuthorizationSpecificationError():
            return WHO
        case asyncpg.PostgresError():
            return str(error).partition("\n")[0]
        case ConnectionRefusedError() | FileNotFoundError():
            return f"nothing answers at {where}"
        case TimeoutError():
            return f"{where} does not answer in time"
        case socket.gaierror():
            return f"nobody knows the host of {where}"
        case ssl.SSLError():
            return f"TLS with {where} failed"
        case OSError():
            return f"{where} cannot be reached"
    return f"the connection to {where} was lost"


def unusable(error: BaseException, url: str) -> StoreError:
    """Why nothing can start."""
    if not url.startswith(SCHEMES):
        return StoreError(f"{NO_SCHEME}.")
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return StoreError(f"{NO_ADDRESS}.")
    return StoreError(f"database_url: PostgreSQL cannot be used: {said(error, place(url))}.")


class Outage:
    """Has the log say once that a server is away, and once that it is back."""

    def __init__(self, url: str) -> None:
        self._names = {"host": place(url), "database": database(url)}
        self._since: float | None = None

    def say(self, error: BaseException) -> str:
        """What went wrong, in words for people."""
        return said(error, self._names["host"])

    def goes_on(self, error: BaseException) -> None:
        """It did not answer."""
        if self._since is None:
            self._since = time.monotonic()
            log.warning("database_away", **self._names, error=self.say(error))

    def is_over(self) -> None:
        """It answered."""
        if self._since is not None:
            log.warning("database_back", **self._names, seconds=round(time.monotonic() - self._since, 1))
            self._since = None
