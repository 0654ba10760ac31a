"""What a tenant's callers hand in at once shares a transaction on PostgreSQL, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.fakes.postgres import Cluster, cluster, programs

from ironclaw.errors import Conflict, IronclawError
from ironclaw.store.gathering import BATCH
from ironclaw.store.postgres import PostgresWriter
from ironclaw.store.waiting import wait_for

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed")
TRANSACTION = "SELECT txid_current() AS number"


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster(lasting=True) as found:
        yield found


@pytest.fixture
async def writer(server: Cluster) -> AsyncIterator[PostgresWriter]:
    writer = await PostgresWriter.open(server.new_database())
    await writer.write(make_table)
    yield writer
    await writer.close()


def make_table(c: Any) -> None:
    wait_for(c.raw.execute("CREATE TABLE seen (n BIGINT PRIMARY KEY)"))


def adds(number: int, fault: Exception | None = None) -> Any:
    """A unit that writes a row; and then fails."""

    def unit(c: Any) -> int:
        c.run("INSERT INTO seen VALUES ($1)", number)
        if fault:
            raise fault
        return int(c.fetch(TRANSACTION)[0]["number"])

    return unit


async def seen(writer: PostgresWriter) -> list[int]:
    def unit(c: Any) -> list[int]:
        return [row["n"] for row in c.fetch("SELECT n FROM seen ORDER BY n")]

    return await writer.read(unit)


async def test_together(writer: PostgresWriter) -> None:
    """
    What comes at once is one transaction, in the order of its coming.
    """
    numbers = await asyncio.gather(*(writer.write(adds(n), "T1") for n in range(20)))

    assert 1 == len(set(numbers))
    assert list(range(20)) == await seen(writer)


async def test_a_fault_is_of_one(writer: PostgresWriter) -> None:
    """
    A unit that fails undoes itself alone: those beside it are committed, and only it hears of it.
    """
    faults = {2: Conflict("late"), 3: ValueError("wrong")}
    units = [writer.write(adds(n, faults.get(n)), "T1") for n in range(5)]
    units.append(writer.write(adds(1), "T1"))  # The row is there: a fault of the database's.

    results = await asyncio.gather(*units, return_exceptions=True)

    assert [0, 1, 4] == await seen(writer)
    assert [Conflict, ValueError, IronclawError] == [type(results[n]) for n in (2, 3, 5)]


async def test_who_is_patient(writer: PostgresWriter) -> None:
    """
    What may wait shares the transaction of the next one of its tenant; alone, it is committed in its time.
    """
    patient = [asyncio.ensure_future(writer.write(adds(n), "T1", 60.0)) for n in range(2)]
    await asyncio.sleep(0)
    other = await writer.write(adds(2), "T2")
    number = await writer.write(adds(3), "T1")
    alone = await writer.write(adds(4), "T1", 0.01)

    assert [number, number] == await asyncio.gather(*patient)
    assert 3 == len({number, other, alone})


async def test_tenants_do_not_wait_for_each_other(writer: PostgresWriter) -> None:
    """
    Units of two tenants are never in one transaction.
    """
    one = [writer.write(adds(n), "T1") for n in range(10)]
    two = [writer.write(adds(n), "T2") for n in range(10, 20)]
    numbers = await asyncio.gather(*one, *two)

    assert set(numbers[:10]).isdisjoint(numbers[10:])


async def test_who_goes_away_stops_nothing(writer: PostgresWriter) -> None:
    """
    The unit of a cancelled caller is committed, and those beside it too.
    """
    tasks = [asyncio.ensure_future(writer.write(adds(n), "T1")) for n in range(5)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert list(range(5)) == await seen(writer)


async def test_a_close_waits(server: Cluster, writer: PostgresWriter) -> None:
    """
    What was handed in before the close is committed, however much it is.
    """
    url = server.new_database()
    other = await PostgresWriter.open(url)
    await other.write(make_table)
    tasks = [asyncio.ensure_future(other.write(adds(n), "T1")) for n in range(2 * BATCH + 1)]
    tasks.append(asyncio.ensure_future(other.write(adds(1000), "T2", 60.0)))
    await asyncio.sleep(0)

    await other.close()

    assert 2 * BATCH + 2 == len(await asyncio.gather(*tasks))
