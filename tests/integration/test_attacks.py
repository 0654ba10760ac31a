"""Attacks that once got somewhere: a hostile brain, file, neighbour or disk, and what holds now."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.integration.engine import BO, Moves, approver, ask, engine, moves, wants

from ironclaw import audit
from ironclaw.app import Ironclaw
from ironclaw.errors import BadRequest, BrainError, NotFound, Refused, StoreError
from ironclaw.orchestrator import Body
from ironclaw.settings import TenantSettings
from ironclaw.task import Address, CallState, Conversation, Decision, Move, ProposedCall, WorkflowState

pytestmark = pytest.mark.sandbox
BOTH = Move(
    calls=(
        wants("files.write", "a", path="a.md", text="a"),
        wants("files.write", "b", path="b.md", text="b"),
    )
)
#: The events after which nothing more happens to a call.
ENDS = frozenset(
    f"{kind}_{end}"
    for kind in ("call", "approval")
    for end in ("denied", "expired", "cancelled", "superseded", "succeeded", "failed", "in_doubt")
)


def ends(folder: Path) -> Counter[int]:
    """How often each call of the only workflow ended, by its number, as the audit has it."""
    events = audit.events(folder / "data/ironclaw.db", "T1")
    return Counter(int(str(each["seq"])) for each in events if each["event"] in ENDS)


def states(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "data/ironclaw.db")) as c:
        return {row[0] for row in c.execute("SELECT state FROM tool_calls")}


async def test_a_result_deeper_than_the_host_reads(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    JSON that a worker can just read and the host cannot: every call ends all the same, once.
    """
    depths = range(900, 996, 6)  # A worker gives up at about 985, the host at about 945.
    scratch = tmp_path / "data/mnt/scratch/T1"
    scratch.mkdir(parents=True)
    for depth in depths:
        (scratch / f"{depth}.json").write_text('[{"a":' + "[" * depth + "]" * depth + "}]")
    calls = (wants("data.query", str(depth), path=f"{depth}.json") for depth in depths)
    async with engine(tmp_path, Moves(moves(*calls)), built_toolboxes) as app:
        after = await app.wait("T1", await app.submit(ask()), 60)

    assert WorkflowState.DONE is after.state
    assert Counter(range(1, len(depths) + 1)) == ends(tmp_path)


async def test_a_fault_of_the_host_ends_the_call(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whatever breaks in the host while a tool runs, the call has an end, and no detail of the host is told.
    """
    brain = Moves(moves(wants("files.list")))
    async with engine(tmp_path, brain, built_toolboxes) as app:

        async def breaks(*_: object) -> None:
            raise OSError("/somewhere/on/the/host")

        monkeypatch.setattr(Body, "run", breaks)
        after = await app.wait("T1", await app.submit(ask()), 30)

    assert (WorkflowState.DONE, {CallState.FAILED.value}) == (after.state, states(tmp_path))
    assert "somewhere" not in brain.seen[-1].messages[-1].text
    assert Counter([1]) == ends(tmp_path)


async def test_what_a_failed_workflow_leaves_is_in_the_audit(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A workflow that ends while a call waits: the cancelling is an event, one for each call.
    """
    async with engine(tmp_path, Moves(BOTH), built_toolboxes) as app:
        await app.wait("T1", await app.submit(ask()), 30)
    with closing(sqlite3.connect(tmp_path / "data/ironclaw.db")) as c, c:
        # As a kill leaves them: the first call at work, for the third time.
        c.execute("UPDATE tool_calls SET state = 'executing', attempts = 3 WHERE seq = 1")
        c.execute("UPDATE approvals SET state = 'approved' WHERE seq = 1")
        c.execute("UPDATE workflows SET state = 'running'")
    async with engine(tmp_path, Moves(BOTH), built_toolboxes) as app:
        [view] = await app.workflows("T1")
        await app.wait("T1", view.id, 30)
        after = await app.stopping.cancel(approver(), view.id)

    assert (WorkflowState.CANCELLED, {"in_doubt", "cancelled"}) == (after.state, states(tmp_path))
    assert Counter([1, 2]) == ends(tmp_path)


@pytest.mark.parametrize("decision", [Decision.APPROVE, Decision.DENY])
async def test_each_proposal_ends_once(tmp_path: Path, built_toolboxes: Path, decision: Decision) -> None:
    """
    Run, denied by a person, refused by its schema, or unknown: one last event each.
    """
    odd = ProposedCall("c", "files.wrlte", "{}"), ProposedCall("d", "files.write", "[")
    turn = Move(calls=(*BOTH.calls, *odd))
    async with engine(tmp_path, Moves(turn), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        for each in await app.approvals("T1"):
            await app.decide(approver(), each.id, decision)
        await app.wait("T1", view.id, 30)

    assert Counter([1, 2, 3, 4]) == ends(tmp_path)


async def test_a_flood_of_calls_in_one_turn(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Of a turn's fifty thousand calls only so many become rows: writing them holds up everybody.
    """
    turn = Move(calls=tuple(ProposedCall(str(each), "x", "") for each in range(50_000)))
    async with engine(tmp_path, Moves(turn), built_toolboxes) as app:
        after = await app.wait("T1", await app.submit(ask()), 60)

    assert (WorkflowState.DONE, 64) == (after.state, ends(tmp_path).total())


async def test_a_sentence_that_no_row_can_hold(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A failure with half a character in its words ends its workflow, which is not planned again for ever.
    """

    class Broken:
        async def plan(self, conversation: Conversation) -> Move:
            raise BrainError("half \ud800 a character")

    async with engine(tmp_path, Broken(), built_toolboxes) as app:
        after = await app.wait("T1", await app.submit(ask()), 30)

    assert (WorkflowState.FAILED, "half ? a character") == (after.state, after.outcome)


async def test_another_tenants_workspace_is_no_place_to_answer(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The bot's own workspace is T1's: a task of T2 that names a channel of it is refused, T1's is not.
    """
    there = Address("slack", {"channel": "C0GENERAL"})
    async with engine(tmp_path, Moves(), built_toolboxes) as app:
        await app.map_workspace("T1")
        task = ask(tenant="T2")
        with pytest.raises(BadRequest, match="no Slack workspace"):
            await app.submit(type(task)("T2", "jwt:i|s", "do it", there))
        await app.submit(type(task)("T1", "jwt:i|s", "do it", there))
        assert () == await app.workflows("T2")


async def test_one_person_in_two_workspaces_is_one_person(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Asked in one workspace of the organisation, approved in another by the same user id: refused.
    """
    tenants = {"T1": TenantSettings(slack=("T1", "T9"), approvers=(BO, "slack:T9:U_CY"))}
    async with engine(tmp_path, Moves(BOTH), built_toolboxes, tenants=tenants) as app:
        view = await app.wait("T1", await app.submit(ask(requester="slack:T9:U_BO")), 30)
        assert view.approval is not None
        with pytest.raises(Refused, match="your own request"):
            await app.decide(approver(BO), view.approval.id, Decision.APPROVE)
        await app.decide(approver("slack:T9:U_CY"), view.approval.id, Decision.APPROVE)


async def test_a_disk_that_fails_once(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A read that fails says so as the store's error, and does not end the chores: approvals expire after it.
    """
    now = [1_800_000_000.0]
    async with engine(tmp_path, Moves(BOTH), built_toolboxes, clock=lambda: now[0]) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        failed = _fail_once(app, monkeypatch)
        await failed.wait()
        now[0] += 3600
        after = await app.wait("T1", view.id, 30)
        while not after.state.is_final:
            after = await app.wait("T1", view.id, 30)

    assert WorkflowState.DONE is after.state


def _fail_once(app: Ironclaw, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """The sweeper's next look finds a disk that does not answer."""
    failed, due = asyncio.Event(), app._store.approvals.due
    read: Callable[..., Any] = app._store._writer.read

    async def fails(at: float) -> object:
        monkeypatch.setattr(app._store.approvals, "due", due)
        try:
            return await read(lambda c: c.execute("SELECT * FROM no_such_disk").fetchall())
        except StoreError:
            failed.set()
            raise

    monkeypatch.setattr(app._store.approvals, "due", fails)
    return failed


async def test_a_tool_beside_the_tasks_list(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A task that names its tools gets no other: not offered, and unknown when the brain asks all the same.
    """
    brain = Moves(moves(wants("files.list", "a"), wants("python.run", "b", code="1")))
    async with engine(tmp_path, brain, built_toolboxes) as app:
        await app.wait("T1", await app.submit(ask(tools=("files.list",))), 30)
    seen = {message.call_id: message.text for message in brain.seen[-1].messages}

    assert ["files.list"] == [offer.name for offer in brain.seen[0].tools]
    assert (True, True) == ('"output"' in seen["a"], "unknown_tool" in seen["b"])


async def test_the_same_thread_of_another_tenant(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Two tenants' threads of one name share no past.
    """
    brain = Moves()
    async with engine(tmp_path, brain, built_toolboxes) as app:
        for tenant in ("T1", "T2"):
            task = ask(f"of {tenant}", tenant=tenant, thread="C1:1")
            await app.wait(tenant, await app.submit(task), 30)

    assert [["of T1"], ["of T2"]] == [[each.text for each in one.messages] for one in brain.seen]


async def test_a_workflow_of_another_tenant(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A workflow's id is worth nothing to another tenant, waiting for it neither.
    """
    async with engine(tmp_path, Moves(), built_toolboxes) as app:
        workflow = await app.submit(ask())
        for look in (app.workflow("T2", workflow), app.wait("T2", workflow, 1)):
            with pytest.raises(NotFound):
                await look
