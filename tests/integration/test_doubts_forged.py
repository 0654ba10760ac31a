"""A thief who writes the database makes nobody's word: nothing is begun again but by a sealed one."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.integration.doubting import Receiver, a_receiver, allow, approved, doubted, interrupt, post
from tests.integration.engine import BO, Moves, approver, engine
from tests.integration.test_veto import thief

from ironclaw.settings import TenantSettings
from ironclaw.store.chain import note
from ironclaw.task import DoubtState, DoubtView, Said, WorkflowState

pytestmark = pytest.mark.sandbox
CY = "slack:T1:U_CY"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with a_receiver() as receiver:
        yield receiver


async def left(folder: Path, toolboxes: Path, receiver: Receiver) -> tuple[Moves, DoubtView]:
    """A POST in doubt, and the bot stopped."""
    brain, more = post(receiver.port), allow(receiver.port)
    workflow = await approved(folder, toolboxes, brain, **more)
    interrupt(folder, effect_begun=True)
    async with engine(folder, brain, toolboxes, **more) as app:
        return brain, await doubted(app, workflow)


def rows_only(c: sqlite3.Connection, doubt: DoubtView) -> None:
    """The rows say that somebody said it."""
    c.execute("UPDATE doubts SET state = 'not_run', answered_by = ?", (BO,))


def with_a_testimony(c: sqlite3.Connection, doubt: DoubtView) -> None:
    """And what they said stands there, under a seal that the thief made up."""
    rows_only(c, doubt)
    row = (doubt.id, BO, BO, "not_run", 1.0, "", "0" * 64)
    c.execute("INSERT INTO testimonies VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def with_an_event(c: sqlite3.Connection, doubt: DoubtView) -> None:
    """And the audit log has it, in a chain that is whole: anybody can compute one."""
    with_a_testimony(c, doubt)
    note(c, "T1", 2.0, "call_not_run", BO, workflow=doubt.workflow_id, seq=doubt.seq)


def as_a_retry(c: sqlite3.Connection, doubt: DoubtView) -> None:
    """Or it has that the host itself allowed it, as if it had known better."""
    c.execute("UPDATE tool_calls SET attempts = 0")
    note(c, "T1", 2.0, "call_retried", "host", workflow=doubt.workflow_id, seq=doubt.seq)


@pytest.mark.parametrize("forge", [rows_only, with_a_testimony, with_an_event, as_a_retry])
async def test_a_forged_word(
    tmp_path: Path,
    built_toolboxes: Path,
    receiver: Receiver,
    forge: Callable[[sqlite3.Connection, DoubtView], None],
) -> None:
    """
    Whatever the rows say of what was said, without the host's seal nothing is sent again.
    """
    brain, doubt = await left(tmp_path, built_toolboxes, receiver)
    with thief(tmp_path) as c:
        c.row_factory = sqlite3.Row
        forge(c, doubt)
        c.execute("UPDATE tool_calls SET state = 'approved'")
        c.execute("UPDATE workflows SET state = 'running'")
    async with engine(tmp_path, brain, built_toolboxes, **allow(receiver.port)) as app:
        await app.wait("T1", doubt.workflow_id, 30)

    assert [] == receiver.keys


@pytest.mark.parametrize("attempt", [1, 2])
async def test_a_word_is_good_once(
    tmp_path: Path, built_toolboxes: Path, receiver: Receiver, attempt: int
) -> None:
    """
    A sealed word about one attempt does not count for the next one, also where the thief renames it.
    """
    brain, doubt = await left(tmp_path, built_toolboxes, receiver)
    async with engine(tmp_path, brain, built_toolboxes, **allow(receiver.port)) as app:
        await app.doubts.testify(approver(), doubt.id, Said.NOT_RUN)
        await app.wait("T1", doubt.workflow_id, 30)
    with thief(tmp_path) as c:
        c.row_factory = sqlite3.Row
        c.execute("UPDATE doubts SET attempt = ?", (attempt,))
        c.execute("UPDATE tool_calls SET state = 'approved'")
        c.execute("UPDATE workflows SET state = 'running'")
        c.execute("DROP TRIGGER audit_no_delete")
        c.execute("DELETE FROM audit WHERE event LIKE '%call_succeeded%'")
        for event in ("call_in_doubt", "call_not_run"):
            note(c, "T1", 2.0, event, BO, workflow=doubt.workflow_id, seq=doubt.seq)
    (tmp_path / "checkpoints.jsonl").unlink()
    async with engine(tmp_path, brain, built_toolboxes, **allow(receiver.port)) as app:
        await app.wait("T1", doubt.workflow_id, 30)

    assert 1 == len(receiver.keys)


async def test_asked_about_another_attempt(tmp_path: Path, built_toolboxes: Path, receiver: Receiver) -> None:
    """
    A row that counts more beginnings than the question is about: it is asked anew, and can be answered.
    """
    brain, doubt = await left(tmp_path, built_toolboxes, receiver)
    with thief(tmp_path) as c:
        c.execute("UPDATE tool_calls SET state = 'executing', attempts = 3")
        c.execute("UPDATE workflows SET state = 'running'")
    async with engine(tmp_path, brain, built_toolboxes, **allow(receiver.port)) as app:
        again = await doubted(app, doubt.workflow_id)
        await app.doubts.testify(approver(), again.id, Said.NOT_RUN)
        after = await app.wait("T1", doubt.workflow_id, 30)
        first = await app.doubts.view("T1", doubt.id)

    assert (DoubtState.CANCELLED, 3) == (first.state, again.attempt)
    assert (WorkflowState.DONE, 1) == (after.state, len(receiver.keys))


async def test_who_is_no_approver_any_more(tmp_path: Path, built_toolboxes: Path, receiver: Receiver) -> None:
    """
    Somebody said that it did not run and lost the right before it began: it does not begin.
    """
    brain, doubt = await left(tmp_path, built_toolboxes, receiver)
    async with engine(tmp_path, brain, built_toolboxes, **allow(receiver.port)) as app:
        await app._dispatcher.close()
        await app.doubts._testimonies.testify(approver(), doubt.id, Said.NOT_RUN)
    others = {"T1": TenantSettings(slack=("T1",), approvers=(CY,))}
    async with engine(tmp_path, brain, built_toolboxes, **allow(receiver.port), tenants=others) as app:
        after = await app.wait("T1", doubt.workflow_id, 30)

    assert [] == receiver.keys
    assert (WorkflowState.PAUSED, DoubtState.OPEN) == (after.state, after.doubt and after.doubt.state)
