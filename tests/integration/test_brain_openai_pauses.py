"""How long a brain waits before it asks again, and who ends that: its workflow's own time."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from tests.fakes.openai_server import FakeOpenAI, error, text
from tests.integration.engine import ask, engine
from tests.integration.planning import KEY, asking, brain

from ironclaw.errors import BrainError
from ironclaw.task import Move, WorkflowState
from ironclaw_plugins.brain_openai import patience
from ironclaw_plugins.brain_openai.faults import Passing

NO_END = 10.0**9


@pytest.mark.parametrize(("first", "longest"), [(1.0, [1.0, 2.0, 4.0]), (15.0, [15.0, 20.0, 20.0])])
async def test_longer_each_time(monkeypatch: pytest.MonkeyPatch, first: float, longest: list[float]) -> None:
    """
    Each pause is up to twice as long as the one before, 20 s at most, and not the same for all who wait.
    """
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async def fails() -> Move:
        raise Passing("down")

    monkeypatch.setattr(asyncio, "sleep", sleep)
    for _ in range(20):
        with pytest.raises(BrainError, match="down"):
            await patience.patiently(fails, NO_END, first)
    rounds = [pauses[at : at + 3] for at in range(0, 60, 3)]

    assert all(
        most / 2 <= pause <= most for each in rounds for pause, most in zip(each, longest, strict=True)
    )
    assert 20 == len({tuple(each) for each in rounds})


@pytest.mark.sandbox
async def test_the_tasks_own_seconds(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A pause that is longer than what the task has left is cut off: the task ends in its time, with a sentence.
    """
    async with FakeOpenAI(key=KEY) as server:
        server.on("hello", text("Hi."))
        server.on("do it", error(500))
        planner = brain(server, {"first_pause": 60.0})
        await planner.plan(asking())  # The library is loaded.
        async with engine(tmp_path, planner, built_toolboxes, max_seconds=2) as app:
            began = time.monotonic()
            view = await app.wait("T1", await app.submit(ask()), 30)
            took = time.monotonic() - began

    assert (WorkflowState.FAILED, True) == (view.state, took < 15)
    assert "did not answer within 2 s" in view.outcome
    assert 2 == len(server.requests)
