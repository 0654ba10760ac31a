"""Several processes that empty one outbox, on a real PostgreSQL: each notice by one of them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.fakes.board import Board
from tests.fakes.postgres import Cluster, programs

from ironclaw import delivery
from ironclaw.delivery import LEASE, Delivery
from ironclaw.store import Store
from ironclaw.store.telling import tell
from ironclaw.task import Address, Notice, NoticeKind

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed")
NOW = 1_800_000_000.0
LANES = list(itertools.product(("T1", "T2"), ("a", "b", "c", "d")))  #: Tenants and workflows.


@pytest.fixture
async def stores(server: Cluster) -> AsyncIterator[tuple[Store, Store]]:
    """Two processes' stores."""
    url = server.new_database()
    one, other = await Store.open(Path("unused"), url), await Store.open(Path("unused"), url)
    yield one, other
    await one.close()
    await other.close()


async def put(store: Store, tenant: str, workflow: str, number: int) -> None:
    address, subject = Address("board", {"channel": "C1"}), f"{workflow}{number}"
    kind, body = NoticeKind.STATUS, {"text": subject}
    await store._writer.write(lambda c: tell(c, NOW, tenant, workflow, subject, kind, address, body), tenant)


@asynccontextmanager
async def process(store: Store, board: Board) -> AsyncIterator[Delivery]:
    telling = Delivery(store, lambda: NOW)
    telling.speak("board", board)
    running = asyncio.create_task(telling.run())
    try:
        yield telling
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_two_processes(stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Each notice is told by one of them, and those of a workflow in their order.
    """
    for number, (tenant, workflow) in itertools.product(range(5), LANES):
        await put(stores[0], tenant, workflow, number)
    monkeypatch.setattr(delivery, "MOST", 4)  # Nobody takes all of the first ones.
    told: list[Notice] = []
    both = asyncio.Event()

    async def way(notice: Notice) -> None:
        told.append(notice)
        if all(board.told for board in boards):
            both.set()
        await both.wait()

    boards = Board(way), Board(way)
    async with process(stores[0], boards[0]) as one, process(stores[1], boards[1]) as other:
        async with asyncio.timeout(20):
            while await stores[0].outbox.next_at(["board"]) is not None:
                one.ring()  # Each takes what it finds, as often as it looks.
                other.ring()
                await asyncio.sleep(0.002)

    assert all(board.told for board in boards)
    for tenant, workflow in LANES:
        mine = [each.subject for each in told if (each.tenant, each.workflow_id) == (tenant, workflow)]
        assert [f"{workflow}{number}" for number in range(5)] == mine


async def test_one_that_died(stores: tuple[Store, Store]) -> None:
    """
    What a process took and did not finish comes to another one when its time is over, as uncertain.
    """
    dead, alive = (store.outbox for store in stores)
    await put(stores[0], "T1", "a", 1)
    await dead.take("board", "T1", NOW, NOW + LEASE, 10)
    await alive.take_back()
    before = await alive.take("board", "T1", NOW + LEASE - 1, NOW + 2 * LEASE, 10)
    [notice] = await alive.take("board", "T1", NOW + LEASE, NOW + 2 * LEASE, 10)

    assert ((), True, NOW) == (before, notice.is_uncertain, notice.tried_at)
