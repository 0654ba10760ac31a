"""The dispatcher of one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import pytest
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from ironclaw.dispatcher import LocalDispatcher
from ironclaw.turns import Gate


class Work:
    """Workflows that end when they are told to; which were begun, in order."""

    def __init__(self, places: int = 2, followers: dict[str, str] | None = None) -> None:
        self.begun: list[str] = []
        self.ends = asyncio.Event()
        self.contexts: list[str] = []
        self.open: list[tuple[str, str]] = []
        self._followers = followers or {}
        gate = Gate(places, lambda tenant: places)
        self.dispatcher = LocalDispatcher(self.advance, self.open_ids, lambda: None, gate)

    async def advance(self, workflow_id: str) -> str:
        self.begun.append(workflow_id)
        self.contexts.append(get_contextvars().get("request_id", ""))
        await self.ends.wait()
        if workflow_id == "bad":
            raise RuntimeError
        return self._followers.get(workflow_id, "")

    async def open_ids(self) -> Iterable[tuple[str, str]]:
        return self.open


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - the loop's own turns are what is waited for
            await asyncio.sleep(0)


async def test_ten_thousand_are_no_tasks() -> None:
    """
    Who waits for a turn is no task, and taken up again waits once; in the end each has run.
    """
    work = Work()
    work.open = [(f"w{number}", f"t{number % 7}") for number in range(10_000)]
    before = len(asyncio.all_tasks())
    await work.dispatcher.take_up()
    await work.dispatcher.take_up()
    assert before + 2 == len(asyncio.all_tasks())
    work.ends.set()
    await work.dispatcher.rest("w9999")
    await until(lambda: len(set(work.begun)) == 10_000)
    await work.dispatcher.close()

    twice = ("w0", "w1")  # They ran when all were taken up once more.
    assert sorted([*(name for name, _ in work.open), *twice]) == sorted(work.begun)


async def test_woken_while_it_goes() -> None:
    """
    A workflow never runs twice at once, and looks once more at its end however often it was woken meanwhile.
    """
    work = Work()
    for _ in range(3):
        work.dispatcher.wake("w", "t")
        await asyncio.sleep(0)
    assert ["w"] == work.begun
    work.ends.set()
    await work.dispatcher.rest("w")

    assert ["w", "w"] == work.begun


async def test_follower() -> None:
    """
    What may begin because a workflow has ended begins; one that fails here leaves its place.
    """
    work = Work(places=1, followers={"first": "second"})
    for name in ("bad", "first"):
        work.dispatcher.wake(name, "t")
    work.ends.set()
    await until(lambda: "second" in work.begun)

    assert ["bad", "first", "second"] == work.begun


async def test_each_in_the_context_that_woke_it() -> None:
    """
    A log line of a workflow names the request that woke it, not the one whose end gave it a place.
    """
    work = Work(places=1)
    for name in ("a", "b"):
        bind_contextvars(request_id=name)
        work.dispatcher.wake(name, "t")
    clear_contextvars()
    work.ends.set()
    await until(lambda: len(work.begun) == 2)

    assert ["a", "b"] == work.contexts


@pytest.mark.parametrize("ends", [True, False])
async def test_drain(ends: bool) -> None:
    """
    A drain begins nothing more, and what is still at work has come to no rest; who waits for one is let go.
    """
    work = Work(places=1)
    for name in ("at work", "waits"):
        work.dispatcher.wake(name, "t")
    resting = [asyncio.create_task(work.dispatcher.rest(name)) for name in ("at work", "waits")]
    await asyncio.sleep(0)
    if ends:
        work.ends.set()
    await work.dispatcher.drain(0.01)
    left = work.dispatcher.at_work
    await asyncio.gather(*resting)
    work.dispatcher.wake("late", "t")
    await work.dispatcher.close()

    assert (() if ends else ("at work",), ["at work"]) == (left, work.begun)
