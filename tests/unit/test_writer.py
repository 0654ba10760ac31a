"""Group commit: one fsync for many, and each unit stands alone."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import aiosqlite
import pytest

from ironclaw.errors import Conflict, StoreError
from ironclaw.store import Store
from ironclaw.store.sqlite import SqliteWriter
from ironclaw.task import Address


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[SqliteWriter]:
    writer = await opened(tmp_path / "test.db")
    yield writer
    await writer.close()


async def opened(path: Path) -> SqliteWriter:
    """A writer with a table of the test's, which its guard would not let it make."""
    writer = await SqliteWriter.open(path)
    await writer.read(lambda c: c.set_authorizer(None))
    await writer.write(lambda c: c.execute("CREATE TABLE t (x INTEGER UNIQUE) STRICT"))
    return writer


def insert(value: object):  # type: ignore[no-untyped-def]
    return lambda c: c.execute("INSERT INTO t VALUES (?)", (value,)).rowcount


async def rows(writer: SqliteWriter) -> list[int]:
    return await writer.read(lambda c: [row[0] for row in c.execute("SELECT x FROM t ORDER BY x")])


async def test_a_failed_unit_takes_no_other_with_it(writer: SqliteWriter) -> None:
    """
    Of units that share a transaction, one that fails is undone alone.
    """

    def half(c: sqlite3.Connection) -> None:
        insert(100)(c)
        raise Conflict

    units = [insert(1), insert(1), half, insert("no number"), insert(2)]
    results = await asyncio.gather(*(writer.write(unit) for unit in units), return_exceptions=True)

    assert [1, 2] == await rows(writer)
    kinds = [type(each) for each in results]
    assert [int, sqlite3.IntegrityError, Conflict, sqlite3.IntegrityError, int] == kinds


async def test_reads_share_the_hop_and_see_what_was_committed(writer: SqliteWriter) -> None:
    """
    Units that read and units that write are served together; a read that fails is told so alone.
    """
    work = [
        writer.read(lambda c: c.execute("SELECT count(*) FROM t").fetchone()[0]),
        writer.write(insert(1)),
        writer.read(lambda c: {}["no such row"]),
        writer.write(insert(2)),
    ]
    results = await asyncio.gather(*work, return_exceptions=True)

    assert [2, 1, KeyError, 1] == [each if isinstance(each, int) else type(each) for each in results]


async def test_a_full_database_refuses_the_batch_and_goes_on(writer: SqliteWriter) -> None:
    """
    When space is out nothing is half written, and the writer lives.
    """
    await writer.write(lambda c: c.execute("CREATE TABLE big (x BLOB) STRICT"))
    pages = await writer.read(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await writer.read(lambda c: c.execute(f"PRAGMA max_page_count = {pages + 2}").fetchall())
    fill = writer.write(lambda c: c.execute("INSERT INTO big VALUES (zeroblob(1000000))"))
    results = await asyncio.gather(writer.write(insert(1)), fill, return_exceptions=True)
    await writer.read(lambda c: c.execute("PRAGMA max_page_count = 100000").fetchall())
    await writer.write(insert(2))

    assert all(isinstance(each, StoreError) for each in results)
    assert [2] == await rows(writer)


async def test_a_cancelled_caller_stops_nobody(writer: SqliteWriter) -> None:
    """
    Its unit may be done; the others of the batch are told as ever.
    """
    gone = asyncio.ensure_future(writer.write(insert(1)))
    stays = asyncio.ensure_future(writer.write(insert(2)))
    await asyncio.sleep(0)
    gone.cancel()

    assert 1 == await stays


async def test_who_is_patient_shares_a_transaction(writer: SqliteWriter) -> None:
    """
    What may wait is committed with the next write, and not after a read; it stands before what it waited for.
    """
    patient = asyncio.ensure_future(writer.write(insert(1), within=60.0))
    before = await rows(writer)
    changes = await writer.write(lambda c: (insert(2)(c), c.execute("SELECT count(*) FROM t").fetchone()[0]))

    assert ([], (1, 2), 1) == (before, changes, await patient)


@pytest.mark.parametrize("closes", [True, False])
async def test_who_is_patient_does_not_wait_for_ever(tmp_path: Path, closes: bool) -> None:
    """
    Where nothing else is written, it is committed when its time is over, or at the close.
    """
    writer = await opened(tmp_path / "patient.db")
    patient = asyncio.ensure_future(writer.write(insert(1), within=60.0 if closes else 0.01))
    await asyncio.sleep(0)
    if closes:
        await writer.close()
    done = await patient
    await writer.close()

    assert 1 == done


async def test_a_second_process_is_refused(tmp_path: Path, writer: SqliteWriter) -> None:
    """
    One database has one writer.
    """
    with pytest.raises(StoreError, match=r"Another ironclaw process .* is just starting: try again"):
        await SqliteWriter.open(tmp_path / "test.db")


async def test_the_database_is_its_owners_alone(tmp_path: Path) -> None:
    """
    Whatever the umask and the folder, nobody else reads it.
    """
    before = os.umask(0)
    try:
        writer = await SqliteWriter.open(tmp_path / "open.db")
        await writer.close()
    finally:
        os.umask(before)

    assert 0o600 == (tmp_path / "open.db").stat().st_mode & 0o777


async def test_after_close_nothing_is_taken(tmp_path: Path) -> None:
    """
    What comes after the end is told so, and does not wait for ever.
    """
    writer = await SqliteWriter.open(tmp_path / "other.db")
    await writer.close()

    with pytest.raises(StoreError):
        await writer.write(insert(1))
    with pytest.raises(StoreError):
        await rows(writer)


async def test_a_newer_database_is_not_touched(tmp_path: Path) -> None:
    """
    A database that a newer version made is refused, not guessed at.
    """
    store = await Store.open(tmp_path / "new.db")
    await store.close()
    with sqlite3.connect(tmp_path / "new.db") as c:
        c.execute("UPDATE schema_version SET version = 999")
    c.close()

    with pytest.raises(StoreError, match="newer"):
        await Store.open(tmp_path / "new.db")


def test_the_private_names_are_there() -> None:
    """
    Two private names of aiosqlite carry group commit; an upgrade without them must not pass.
    """
    connection = aiosqlite.Connection(lambda: sqlite3.connect(":memory:"), 64)

    assert callable(connection._execute)
    assert isinstance(type(connection)._conn, property)


async def test_a_door_that_is_not_there_holds_nobody_up(tmp_path: Path) -> None:
    """
    However much waits for one door, another door's notice is next.
    """
    store = await Store.open(tmp_path / "outbox.db")
    for number in range(3):
        await store.outbox.refuse("T1", Address("absent", {}), "No.", f"a{number}", None, 1.0)
    await store.outbox.refuse("T1", Address("here", {}), "No.", "h", None, 2.0)
    [lane] = (await store.outbox.outlook(["here"], 3.0)).lanes
    due = await store.outbox.take(*lane, 3.0, 9.0, limit=2)
    waits_until = await store.outbox.next_at(["here"])
    await store.close()

    assert (["h"], 2.0) == ([notice.subject for notice in due], waits_until)
