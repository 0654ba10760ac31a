"""Whether the database answers is said soon."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from ironclaw.app import answering
from ironclaw.app.answering import Answering
from ironclaw.errors import StoreError


class Away:
    """A database that answers when it is told to."""

    def __init__(self) -> None:
        self.asked, self.is_back, self.fails = 0, asyncio.Event(), False

    async def is_ready(self) -> bool:
        self.asked += 1
        await self.is_back.wait()
        if self.fails:
            raise StoreError
        return True


async def test_no_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Who asks while it is away hears no soon, and however many ask, it is asked once; then it is well.
    """
    monkeypatch.setattr(answering, "SOON", 0.01)
    away = Away()
    ready = Answering(cast(Any, away))

    assert [False] * 5 == [await ready.is_well() for _ in range(5)]
    assert 1 == away.asked
    away.is_back.set()
    assert [True] * 2 == [await ready.is_well() for _ in range(2)]
    await ready.close()


async def test_an_error_is_no_answer() -> None:
    """
    A database that cannot be used is not well.
    """
    away = Away()
    away.is_back.set()
    away.fails = True

    assert not await Answering(cast(Any, away)).is_well()
