"""The outbox: taken before it is told, by one process at a time; a steady flow that nobody holds up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.fakes.board import Board
from tests.fakes.clock import Clock

from ironclaw.delivery import EACH, LEASE, Delivery
from ironclaw.errors import TryLater
from ironclaw.store import Store
from ironclaw.store.outbox import Outbox
from ironclaw.store.telling import tell
from ironclaw.task import Address, Notice, NoticeKind

NOW = 1_800_000_000.0


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "ironclaw.db")
    yield store
    await store.close()


async def put(
    store: Store,
    subject: str,
    tenant: str = "T1",
    workflow: str = "",
    at: float = NOW,
    kind: NoticeKind = NoticeKind.STATUS,
) -> None:
    """One more row of the outbox."""
    address, body = Address("board", {"channel": "C1"}), {"text": subject}
    await store._writer.write(lambda c: tell(c, at, tenant, workflow, subject, kind, address, body))


def process(store: Store) -> Outbox:
    """Another one that has the same database."""
    return Outbox(store._writer, is_alone=False)


async def taken(outbox: Outbox, at: float = NOW) -> list[Notice]:
    return list(await outbox.take("board", "T1", at, at + LEASE, 10))


@asynccontextmanager
async def delivering(store: Store, clock: Clock, board: Board) -> AsyncIterator[Delivery]:
    delivery = Delivery(store, clock)
    delivery.speak("board", board)
    running = asyncio.create_task(delivery.run())
    try:
        yield delivery
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def told(store: Store, subject: str, tenant: str = "T1") -> None:
    """Until nothing of it waits any more."""
    async with asyncio.timeout(10):
        while await store.outbox.is_waiting(tenant, subject):  # noqa: ASYNC110 - the row says it
            await asyncio.sleep(0.005)


async def put_off(store: Store, clock: Clock) -> None:
    """Until something waits for its time."""
    async with asyncio.timeout(10):
        while await store.outbox.next_at(["board"], clock()) is None:  # noqa: ASYNC110 - the row says it
            await asyncio.sleep(0.005)


async def test_one_process_at_a_time(store: Store) -> None:
    """
    What one process has taken comes to no other one until its time is over, nor does anything newer of it.
    """
    one, other = process(store), process(store)
    await put(store, "a")
    first = await taken(one)
    await put(store, "a")
    meanwhile, after = await taken(other), await taken(other, NOW + LEASE)

    assert (["a"], [], ["a"]) == (
        [each.subject for each in first],
        meanwhile,
        [each.subject for each in after],
    )
    assert [False, True] == [first[0].is_uncertain, after[0].is_uncertain]


async def test_who_is_late_notes_nothing(store: Store) -> None:
    """
    A process that was held up for longer than its time says nothing any more of what another one has.
    """
    one, other = process(store), process(store)
    await put(store, "a")
    [first] = await taken(one)
    [second] = await taken(other, NOW + LEASE)

    assert not await one.sent(first, {"at": "one"})
    assert await other.sent(second, {"at": "other"})
    assert ({"at": "other"},) == await store.outbox.refs("T1", "a")


async def test_tenants_apart(store: Store) -> None:
    """
    What is told to one tenant is not told to another, were its subject the same.
    """
    for tenant in ("T1", "T2"):
        await put(store, "a", tenant)
    [first] = await store.outbox.take("board", "T2", NOW, NOW + LEASE, 10)
    await store.outbox.sent(first, {"at": "1"})
    [other] = await taken(store.outbox)

    assert ("T2", "T1", None) == (first.tenant, other.tenant, other.ref)


async def test_an_earlier_life(tmp_path: Path) -> None:
    """
    Of the only process that can have it, what an earlier life took is free at once, and uncertain.
    """
    first = await Store.open(tmp_path / "ironclaw.db")
    await put(first, "a")
    await taken(first.outbox)
    await first.close()
    second = await Store.open(tmp_path / "ironclaw.db")
    before = await taken(second.outbox)
    await second.outbox.take_back()
    [notice] = await taken(second.outbox)
    await second.close()

    assert ([], True, NOW) == (before, notice.is_uncertain, notice.tried_at)


@pytest.mark.parametrize("is_uncertain", [True, False])
async def test_put_off(store: Store, is_uncertain: bool) -> None:
    """
    What was certainly not told is new the next time; what may have been is not, nor is anything newer of it.
    """
    await put(store, "a")
    [notice] = await taken(store.outbox)
    await store.outbox.later(notice, NOW + 5, is_uncertain=is_uncertain)
    await put(store, "a", at=NOW + 1)
    [newer] = await taken(store.outbox, NOW + 1)

    assert (True, is_uncertain) == (newer.id > notice.id, newer.is_uncertain)


async def test_older_ones_are_put_off_too(store: Store) -> None:
    """
    What is put off takes the older ones of its subject with it: nothing is due that nobody may take.
    """
    for at in (NOW - 1, NOW):
        await put(store, "a", at=at)
    [newest] = await taken(store.outbox)
    await store.outbox.later(newest, NOW + 5, is_uncertain=False)

    assert ((), NOW + 5) == (
        (await store.outbox.outlook(["board"], NOW)).lanes,
        await store.outbox.next_at(["board"]),
    )


async def test_what_stands_is_certain(store: Store) -> None:
    """
    Where it is known where a subject stands, there is nothing to look for.
    """
    await put(store, "a")
    [notice] = await taken(store.outbox)
    await store.outbox.sent(notice, {"at": "1"})
    await put(store, "a")
    await taken(process(store))
    [again] = await taken(store.outbox, NOW + LEASE)

    assert ({"at": "1"}, False) == (again.ref, again.is_uncertain)


async def test_order_of_a_workflow(store: Store, clock: Clock) -> None:
    """
    Of one workflow, the next is told when the one before it was; of another workflow, at once.
    """
    gate = asyncio.Event()
    board = Board(lambda notice: gate.wait() if notice.subject == "1" else asyncio.sleep(0))
    for subject, workflow in (("1", "w"), ("2", "w"), ("3", "w"), ("other", "x")):
        await put(store, subject, workflow=workflow)
    async with delivering(store, clock, board):
        await told(store, "other")
        before = board.subjects
        gate.set()
        await told(store, "3")

    assert (["1", "other"], ["1", "other", "2", "3"]) == (before, board.subjects)


async def test_what_is_of_one_workflow_is_taken_together(store: Store) -> None:
    """
    All that is due of a workflow is taken at once, in its order; under an opening nothing before it stands.
    """
    for subject in ("1", "2"):
        await put(store, subject, workflow="w")
    for subject, kind in (("opening", NoticeKind.OPENING), ("under it", NoticeKind.STATUS)):
        await put(store, subject, workflow="x", kind=kind)

    assert ["1", "2", "opening"] == [each.subject for each in await taken(store.outbox)]


async def test_the_rest_is_given_back(store: Store, clock: Clock) -> None:
    """
    Where one of several that were taken together cannot be told, the others are given back: none of them was
    begun, and nobody has to look for it.
    """

    async def way(notice: Notice) -> None:
        if len(board.told) == 2:
            raise TryLater(seconds=600.0)

    board = Board(way)
    for subject in ("1", "2", "3"):
        await put(store, subject, workflow="w")
    async with delivering(store, clock, board):
        await told(store, "3")

    assert [("1", False), ("2", False), ("3", False)] == [
        (each.subject, each.is_uncertain) for each in board.told
    ]
    assert await store.outbox.is_waiting("T1", "2")


async def test_what_has_no_time_left_is_given_back(store: Store, clock: Clock) -> None:
    """
    Nothing is begun that another process could have before it is told: it is taken anew.
    """

    async def way(notice: Notice) -> None:
        delivery._lease = 10 * LEASE  # Half of it is to be left, and is not.

    board = Board(way)
    for subject in ("1", "2"):
        await put(store, subject, workflow="w")
    async with delivering(store, clock, board) as delivery:
        await told(store, "2")
    first, second = board.told

    assert second.until - first.until > LEASE
    assert not second.is_uncertain


@pytest.mark.parametrize("kind", [NoticeKind.CARD, NoticeKind.DOUBT, NoticeKind.OPENING])
async def test_where_a_card_stands_is_noted_at_once(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch, kind: NoticeKind
) -> None:
    """
    A click counts only on a message that is known to be the card: that is noted before anybody can click.
    """
    monkeypatch.setattr("ironclaw.delivery.SOON", 60.0)
    await put(store, "c", kind=kind)
    async with delivering(store, clock, Board()):
        await told(store, "c")


async def test_a_slow_workspace(store: Store, clock: Clock) -> None:
    """
    However many of a tenant hang, only so many of them are begun, and another tenant's is told at once.
    """
    gate = asyncio.Event()
    board = Board(lambda notice: gate.wait() if notice.tenant == "T1" else asyncio.sleep(0))
    for number in range(EACH + 10):
        await put(store, f"slow {number}")
    async with delivering(store, clock, board) as delivery:
        await board.count(EACH)
        await put(store, "quick", "T2")
        delivery.ring()
        await told(store, "quick", "T2")
        begun = len(board.told)
        gate.set()
        await board.count(EACH + 11)

    assert EACH + 1 == begun


async def test_a_pause_for_all(store: Store, clock: Clock) -> None:
    """
    A pause that the other side asks for holds for the whole tenant, as long as it says, and for nobody else.
    """

    async def way(notice: Notice) -> None:
        if notice.tenant == "T1" and clock() < NOW + 30:
            raise TryLater("Later.", 30.0, is_for_all=True)

    board = Board(way)
    await put(store, "first")
    async with delivering(store, clock, board) as delivery:
        await board.count(1)
        for subject, tenant in (("second", "T1"), ("other", "T2")):
            await put(store, subject, tenant)
        delivery.ring()
        await told(store, "other", "T2")
        before = list(board.subjects)
        await put_off(store, clock)
        clock.at += 30
        delivery.ring()
        await told(store, "first")
        await told(store, "second")

    assert ["first", "other"] == before
    assert {"first", "second"} == set(board.subjects[2:])


async def test_tried_again(store: Store, clock: Clock) -> None:
    """
    A door that breaks gets it again, as uncertain: nobody knows what it did before it broke.
    """

    async def way(notice: Notice) -> None:
        if not notice.is_uncertain:
            raise RuntimeError

    board = Board(way)
    await put(store, "a")
    async with delivering(store, clock, board) as delivery:
        await put_off(store, clock)
        clock.at += 10
        delivery.ring()
        await told(store, "a")

    assert [False, True] == [notice.is_uncertain for notice in board.told]


async def test_pauses_grow(store: Store, clock: Clock) -> None:
    """
    The first pauses are what the door asks for; while it stays away they grow, to a minute at most.
    """

    async def way(notice: Notice) -> None:
        raise TryLater(seconds=1.0)

    waits: list[float] = []
    await put(store, "a")
    async with delivering(store, clock, Board(way)) as delivery:
        for _ in range(12):
            await put_off(store, clock)
            at = await store.outbox.next_at(["board"], clock()) or 0.0
            waits.append(at - clock.at)
            clock.at = at
            delivery.ring()

    assert [1.0] * 5 + [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] == waits


async def test_the_clock_goes_back(store: Store, clock: Clock) -> None:
    """
    What was put off is told in time although the clock was set back by an hour.
    """

    async def way(notice: Notice) -> None:
        if len(board.told) == 1:
            raise TryLater

    board = Board(way)
    await put(store, "a")
    async with delivering(store, clock, board) as delivery:
        await put_off(store, clock)
        clock.at -= 3600
        delivery.ring()
        await told(store, "a")

    assert 2 == len(board.told)


async def test_a_stop_waits_for_what_is_being_told(store: Store, clock: Clock) -> None:
    """
    A stop lets a message that is on its way be told and noted.
    """
    board = Board(lambda notice: asyncio.sleep(0.1))
    await put(store, "a")
    async with delivering(store, clock, board):
        await board.count(1)

    assert not await store.outbox.is_waiting("T1", "a")


async def test_a_stop_gives_back(store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What cannot be told in the time that a stop leaves is free for others, and uncertain.
    """
    monkeypatch.setattr("ironclaw.delivery.LAST_WORDS", 0.05)
    board = Board(lambda notice: asyncio.sleep(60))
    await put(store, "a")
    async with delivering(store, clock, board):
        await board.count(1)
    [notice] = await taken(process(store))

    assert notice.is_uncertain


async def test_nothing_to_do_is_nothing_done(store: Store, clock: Clock) -> None:
    """
    While one notice is being told, another waits behind it and a third was put off, nothing looks for work.
    """
    looks = 0

    def counted() -> float:
        nonlocal looks
        looks += 1
        return clock()

    async def way(notice: Notice) -> None:
        if notice.subject == "later":
            raise TryLater(seconds=600.0)
        await asyncio.sleep(60)

    board = Board(way)
    for subject, workflow in (("slow", "w"), ("behind", "w"), ("later", "")):
        await put(store, subject, workflow=workflow)
    delivery = Delivery(store, counted)
    delivery.speak("board", board)
    running = asyncio.create_task(delivery.run())
    await board.count(2)
    await asyncio.sleep(0.1)
    before = looks
    await asyncio.sleep(0.4)
    running.cancel()

    assert before == looks
