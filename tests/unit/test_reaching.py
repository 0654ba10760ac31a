"""What is said of a PostgreSQL that cannot be reached."""

from __future__ import annotations

import socket

import asyncpg
import pytest
from structlog.testing import capture_logs

from ironclaw.store.reaching import UNKNOWN, Outage, place, said, unusable

WORD = "-".join(("pass", "word"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"postgresql://me:{WORD}@db.test:6000/x", "db.test:6000"),
        (f"postgresql://me:{WORD}@db.test/x", "db.test:5432"),
        ("postgresql:///x", UNKNOWN),
        (f"postgresql://me:12/{WORD}@db.test/x", UNKNOWN),
        (f"postgresql://me:12#{WORD}@db.test/x", UNKNOWN),
        (f"postgresql://me:{WORD}/4@db.test/x", UNKNOWN),
    ],
)
def test_place(url: str, expected: str) -> None:
    """
    Where it should be, and never a piece of the user or password, however they are written.
    """
    assert expected == place(url)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(), "nothing answers at db:1"),
        (TimeoutError(), "db:1 does not answer in time"),
        (socket.gaierror(-2, "me"), "nobody knows the host of db:1"),
        (OSError("me"), "db:1 cannot be reached"),
        (asyncpg.InterfaceError("me"), "the connection to db:1 was lost"),
        (asyncpg.InvalidPasswordError('for user "me"'), "it refuses this user, password or database."),
    ],
)
def test_said(error: Exception, expected: str) -> None:
    """
    In words for people: no class of Python's, and nobody's name.
    """
    found = said(error, "db:1")

    assert found.startswith(expected.rstrip("."))
    assert '"me"' not in found


def test_the_wrong_scheme() -> None:
    """
    Who wrote another address is told how it begins.
    """
    found = str(unusable(ValueError(WORD), f"mysql://me:{WORD}@db/x"))

    assert "database_url: it is no address of a PostgreSQL. Begin it with postgresql://." == found


def test_an_outage_is_said_once() -> None:
    """
    However often it does not answer, the log says so once; and once that it is back.
    """
    outage = Outage(f"postgresql://me:{WORD}@db.test/x")
    with capture_logs() as logs:
        for act in (outage.is_over, *[lambda: outage.goes_on(ConnectionRefusedError())] * 3, outage.is_over):
            act()

    assert ["database_away", "database_back"] == [each["event"] for each in logs]
    assert [("db.test:5432", "x")] * 2 == [(each["host"], each["database"]) for each in logs]
