"""What a start makes of a call that a crash interrupted."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.integration.doubting import BEGUN, Receiver, a_receiver, allow, approved, interrupt, post
from tests.integration.engine import Moves, engine, moves, wants

from ironclaw.task import CallState, WorkflowState

pytestmark = pytest.mark.sandbox


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with a_receiver() as receiver:
        yield receiver


async def test_a_post_carries_its_key(tmp_path: Path, built_toolboxes: Path, receiver: Receiver) -> None:
    """
    An approved POST reaches its host once, with a key that the guest did not choose.
    """
    brain, more = post(receiver.port), allow(receiver.port)
    workflow = await approved(tmp_path, built_toolboxes, brain, **more)
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        after = await app.wait("T1", workflow, 30)

    assert (WorkflowState.DONE, 1) == (after.state, len(receiver.keys))
    assert receiver.keys[0].endswith("-1")


async def test_a_host_beside_the_allowlist_is_denied(
    tmp_path: Path, built_toolboxes: Path, receiver: Receiver
) -> None:
    """
    Approved or not, what the operator does not allow gets no connection.
    """
    brain = post(receiver.port)
    workflow = await approved(tmp_path, built_toolboxes, brain, **allow(receiver.port))
    async with engine(tmp_path, brain, built_toolboxes) as app:
        after = await app.wait("T1", workflow, 30)

    assert [] == receiver.keys
    assert '"denied"' in after.outcome


async def test_an_interrupted_once_that_had_sent_nothing(
    tmp_path: Path, built_toolboxes: Path, receiver: Receiver
) -> None:
    """
    Killed before the first changing byte: it runs again.
    """
    brain, more = post(receiver.port), allow(receiver.port)
    workflow = await approved(tmp_path, built_toolboxes, brain, **more)
    interrupt(tmp_path)
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        after = await app.wait("T1", workflow, 30)

    assert (WorkflowState.DONE, 1) == (after.state, len(receiver.keys))


async def test_an_interrupted_once_that_had_begun(
    tmp_path: Path, built_toolboxes: Path, receiver: Receiver
) -> None:
    """
    Killed after the first changing byte: nobody repeats it, and the workflow waits until a person says.
    """
    brain, more = post(receiver.port), allow(receiver.port)
    workflow = await approved(tmp_path, built_toolboxes, brain, **more)
    interrupt(tmp_path, effect_begun=True)
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        after = await app.wait("T1", workflow, 30)

    assert (WorkflowState.PAUSED, []) == (after.state, receiver.keys)
    assert after.doubt is not None
    assert (BEGUN, BEGUN + 1) == (after.doubt.begun_at, after.doubt.effect_begun_at)


async def test_an_interrupted_keyed_call_runs_again(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Writing the same file twice is writing it once.
    """
    brain = Moves(moves(wants("files.write", path="a", text="x")))
    workflow = await approved(tmp_path, built_toolboxes, brain)
    interrupt(tmp_path)
    async with engine(tmp_path, brain, built_toolboxes) as app:
        after = await app.wait("T1", workflow, 30)

    assert (WorkflowState.DONE, "x") == (after.state, (tmp_path / "data/mnt/scratch/T1/a").read_text())


async def test_a_call_that_takes_the_host_down_ends(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    After three attempts that never came back it is not tried again: people are asked.
    """
    brain = Moves(moves(wants("files.write", path="a", text="x")))
    workflow = await approved(tmp_path, built_toolboxes, brain)
    interrupt(tmp_path, attempts=3)
    async with engine(tmp_path, brain, built_toolboxes) as app:
        after = await app.wait("T1", workflow, 30)
    with closing(sqlite3.connect(tmp_path / "data/ironclaw.db")) as c:
        states = c.execute("SELECT state FROM tool_calls").fetchall()

    assert (WorkflowState.PAUSED, [(CallState.IN_DOUBT.value,)]) == (after.state, states)
