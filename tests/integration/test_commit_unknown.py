"""The database goes away while it commits: whoever asked looks again, and nothing is lost or done twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from tests.fakes.postgres import NOT_INSTALLED, Cluster, programs
from tests.fakes.postgres_proxy import When, proxy
from tests.integration.engine import Moves, approver, ask, engine, moves, wants

from ironclaw import audit
from ironclaw.app import Ironclaw
from ironclaw.errors import Conflict, StoreError
from ironclaw.task import ApprovalState, Decision, WorkflowState

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED),
]
#: The transactions of a workflow's life, each by an event that it alone writes.
EVENTS = (
    "received",
    "call_pending",
    "approval_approved",
    "call_executing",
    "call_succeeded",
    "workflow_done",
)
T = TypeVar("T")
#: What the person who presses is told before it stands.
EXPECTED = {When.UNHEARD: ["Look whether it was done."], When.UNANSWERED: ["it stood"], When.ANSWERED: []}


async def insisting(act: Callable[[], Awaitable[T]]) -> tuple[T, list[str]]:
    """What Slack does with an event, and a person with a button: what fails is done again.

    :return: what came of it, and what was said of each attempt before
    """
    said: list[str] = []
    while True:
        try:
            return await act(), said
        except StoreError as error:
            said.append(str(error))


async def approved(app: Ironclaw, approval_id: str) -> list[str]:
    """A person's yes; who is told to look and sees that it stands presses no more."""
    try:
        _, said = await insisting(lambda: app.decide(approver(), approval_id, Decision.APPROVE))
    except Conflict:
        shown = await app.approval("T1", approval_id)
        assert ApprovalState.APPROVED is shown.state
        return ["it stood"]
    return said


@pytest.mark.parametrize("when", When, ids=[each.value for each in When])
async def test_each_commit(
    server: Cluster, tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch, when: When
) -> None:
    """
    Each COMMIT of a workflow's life breaks once: it ends as ever, with one workflow, one decision, one file.
    """
    monkeypatch.setattr(
        "ironclaw.replicas.LOOK", timedelta(seconds=0.5)
    )  # A job that is put off rings nobody.
    brain = Moves(moves(wants("files.write", path="a.txt", text="hello")))
    url = server.new_database()
    marks = [f'"event":"{name}"'.encode() for name in EVENTS]
    task = ask(delivery=("slack", "E1"))
    async with proxy(url, *marks, when=when) as way:
        more = {"database_url": way.url, "scratch_dir": tmp_path / "shared", "lease_seconds": 2}
        async with engine(tmp_path, brain, built_toolboxes, **more) as app:
            workflow, said = await insisting(lambda: app.submit(task))
            view = await app.wait("T1", workflow, 60)
            assert view.approval is not None
            told = await approved(app, view.approval.id)
            after = await app.wait("T1", workflow, 60)
            every = await app.workflows("T1")
    events = Counter(event["event"] for event in audit.events(tmp_path, "T1", url))

    assert (set(marks), [workflow]) == (set(way.broken), [each.id for each in every])
    assert (WorkflowState.DONE, "hello") == (after.state, (tmp_path / "shared/T1/a.txt").read_text())
    assert all("Look whether it was done" in sentence for sentence in said)
    assert (0 if when is When.ANSWERED else 1) == len(said)
    assert EXPECTED[when] == [sentence.rpartition(". ")[2] for sentence in told]
    once = ("received", "call_pending", "approval_approved", "call_succeeded", "workflow_done")
    assert [1] * 5 == [events[name] for name in once]


async def test_while_it_is_away(server: Cluster, tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A restart that is over soon is noticed by nobody who asks.
    """
    brain = Moves(moves(wants("files.write", path="a.txt", text="hello")))
    more = {"database_url": server.new_database(), "scratch_dir": tmp_path / "shared", "lease_seconds": 2}
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        await asyncio.to_thread(server.stop, "immediate")
        asking = asyncio.create_task(app.submit(ask()))
        await asyncio.sleep(0.3)
        await asyncio.to_thread(server.start)
        view = await app.wait("T1", await asking, 60)
        assert view.approval is not None
        await asyncio.to_thread(server.restart, "immediate")
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 60)

    assert WorkflowState.DONE is after.state
