"""Whose turn it is: the gate that tenants share."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Iterable

import pytest

from ironclaw.turns import Gate


class Served:
    """Those who were let in, in order; each stays until told to leave."""

    def __init__(self, places: int, most: Callable[[str], int] = lambda tenant: 99) -> None:
        self.gate = Gate(places, most)
        self.names: list[str] = []

    def come(self, names: Iterable[str]) -> None:
        """By names such as "a1": the tenant's letter, then which one."""
        for name in names:
            self.gate.enter(name[0], functools.partial(self.names.append, name))

    def leave(self, *tenants: str) -> str:
        """:return: who came in for them"""
        before = len(self.names)
        for tenant in tenants:
            self.gate.leave(tenant)
        return " ".join(self.names[before:])


def test_in_order_within_a_tenant() -> None:
    """
    Of one tenant who came first goes first, and no more at once than there are places.
    """
    served = Served(2)
    served.come(["a1", "a2", "a3", "a4"])

    assert ["a1", "a2"] == served.names
    assert ("a3", "a4") == (served.leave("a"), served.leave("a"))
    assert (2, 0) == (served.gate.taken, served.gate.waiting)


def test_few_before_many() -> None:
    """
    A free place goes to the tenant with the fewest at work: a crowd does not keep others waiting.
    """
    served = Served(4)
    served.come([f"a{number}" for number in range(1000)])
    served.come(["b1", "c1"])

    assert "b1" == served.leave("a")
    assert "c1" == served.leave("a")
    assert "a4" == served.leave("b")


def test_by_turns() -> None:
    """
    Tenants with as many at work take turns, whoever has more waiting.
    """
    served = Served(1)
    served.come(["x1", *(f"a{n}" for n in range(9)), "b0", "b1", "c0", "c1"])
    left = ["x"]
    for _ in range(6):
        left.append(served.leave(left[-1])[0])

    assert "abcabc" == "".join(left[1:])


def test_own_limit() -> None:
    """
    A tenant at its own limit waits though there are places, and others pass it.
    """
    served = Served(4, {"a": 2, "b": 3}.__getitem__)
    served.come(["a1", "a2", "a3", "a4", "b1"])

    assert ["a1", "a2", "b1"] == served.names
    assert "a3" == served.leave("a")
    assert "" == served.leave("b")


def test_who_goes_away_is_passed() -> None:
    """
    Who waits no longer is not let in; who has been let in already is told so.
    """
    served = Served(1)
    starts = [functools.partial(served.names.append, name) for name in ("a1", "a2", "b1")]
    for start, tenant in zip(starts, "aab", strict=True):
        served.gate.enter(tenant, start)

    assert [False, True] == [served.gate.forget("a", start) for start in starts[:2]]
    assert "b1" == served.leave("a")


async def test_cancelled_while_waiting() -> None:
    """
    A block whose task is cancelled before its turn has no place, at whatever moment; nobody waits for ever.
    """
    gate = Gate(1, lambda tenant: 1)

    async def stay() -> None:
        async with gate.turn("a"):
            await asyncio.sleep(0)

    async with gate.turn("a"):
        early, late = asyncio.create_task(stay()), asyncio.create_task(stay())
        await asyncio.sleep(0)
        early.cancel()
        await asyncio.gather(early, return_exceptions=True)
    late.cancel()  # Its place has come, and it does not know yet.
    with pytest.raises(asyncio.CancelledError):
        await late

    assert (0, 0) == (gate.taken, gate.waiting)
    await stay()


def test_ten_thousand() -> None:
    """
    Neither many waiting nor many tenants make one turn slower: 20,000 of 2,000 tenants take about as long
    each as 2,000 of 200.
    """

    def seconds(tenants: int) -> float:
        gate, done = Gate(16, lambda tenant: 4), []
        for number in range(tenants * 10):
            name = str(number % tenants)
            gate.enter(name, functools.partial(done.append, name))
        began = time.process_time()
        for name in done:
            gate.leave(name)
        assert tenants * 10 == len(done)
        return (time.process_time() - began) / len(done)

    assert seconds(2_000) < 5 * seconds(200) + 5e-6
