"""Order within a thread, limits and stopping where two processes share PostgreSQL."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.fakes.postgres import programs
from tests.integration.engine import ADA, approver, ask, engine
from tests.integration.test_queue import THREAD, ByWord, Told

from ironclaw.app import Ironclaw
from ironclaw.errors import QueueFull
from ironclaw.store.threads import BEHIND_PAUSED
from ironclaw.task import Address, Decision, Principal, WorkflowState

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed"),
]


async def ended(app: Ironclaw, *workflows: str) -> None:
    """Returns once each is done, whichever process did it."""
    async with asyncio.timeout(30):
        for each in workflows:
            while (await app.workflow("T1", each)).state is not WorkflowState.DONE:  # noqa: ASYNC110 - any process
                await asyncio.sleep(0.05)


async def test_order_within_a_thread(tmp_path: Path, built_toolboxes: Path, url: str) -> None:
    """
    Tasks of one thread that two processes accept wait for its card, whoever has it decided, and then are done
    in their order.
    """
    brain = ByWord()
    both = {"database_url": url, "scratch_dir": tmp_path / "shared"}
    async with (
        engine(tmp_path / "a", brain, built_toolboxes, **both) as first,
        engine(tmp_path / "b", brain, built_toolboxes, **both) as second,
    ):
        view = await first.wait("T1", await first.submit(ask("write", thread=THREAD)), 30)
        behind = [
            await app.submit(ask(name, thread=THREAD))
            for name, app in (("two", second), ("three", first), ("four", second))
        ]
        other = await second.submit(ask("else", thread="C1:2.2"))
        await ended(first, other)
        assert [WorkflowState.QUEUED] * 3 == [(await first.workflow("T1", each)).state for each in behind]
        assert [view.id] * 3 == [(await first.workflow("T1", each)).behind for each in behind]
        await second.decide(approver(), view.approval.id, Decision.APPROVE)
        await ended(first, *behind)

    assert ["two", "three", "four"] == [each for each in brain.asked if each not in ("write", "else")]


async def test_steering(tmp_path: Path, built_toolboxes: Path, url: str) -> None:
    """
    A head that is stopped lets the next one begin, a stopped task is done again, and a full queue says so.
    """
    changes = {"database_url": url, "scratch_dir": tmp_path / "shared", "max_open": 1}
    async with engine(tmp_path, ByWord(), built_toolboxes, **changes) as app:
        told = Told(app)
        view = await app.wait("T1", await app.submit(ask("write", thread=THREAD)), 30)
        second = await app.submit(ask("two", thread=THREAD))
        await told.until(second, BEHIND_PAUSED)
        with pytest.raises(QueueFull):
            await app.submit(ask("three"))
        await app.stopping.cancel(Principal("T1", ADA), view.id)
        await told.done(second)
        again = await app.retrying.retry(Principal("T1", ADA), view.id, Address("cli"))
        after = await app.wait("T1", again, 30)

    assert (WorkflowState.PAUSED, view.id) == (after.state, after.retry_of)
