"""Workflows that nobody wants any more: stopped by a person, or because their tenant is gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.integration.engine import ADA, BO, Moves, approver, ask, engine, moves, wants

from ironclaw.app import compose
from ironclaw.app.stopping import Stopping
from ironclaw.errors import Conflict, NotFound, Refused
from ironclaw.orchestrator import Body
from ironclaw.orchestrator.holding import BeforeEffect
from ironclaw.settings import TenantSettings
from ironclaw.store import Flow
from ironclaw.task import ApprovalState, CallState, Decision, Principal, ToolResult, WorkflowState
from ironclaw.veto import Ticket

pytestmark = pytest.mark.sandbox
WRITE = moves(wants("files.write", path="a.md", text="x"))


@pytest.mark.parametrize("who", [Principal("T1", ADA), approver()])
async def test_stopped_by_a_person(tmp_path: Path, built_toolboxes: Path, who: Principal) -> None:
    """
    Who asked for it, or an approver, stops what waits: it can be approved no more, and nothing runs.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        stopped = await app.stopping.cancel(who, view.id)
        with pytest.raises(Conflict):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)
        with pytest.raises(Conflict):
            await app.stopping.cancel(who, view.id)
        shown = await app.approval("T1", view.approval.id)

    assert (WorkflowState.CANCELLED, ApprovalState.CANCELLED) == (stopped.state, shown.state)
    assert CallState.CANCELLED is shown.call_state
    assert not (tmp_path / "data/mnt/scratch/T1/a.md").exists()


@pytest.mark.parametrize(
    ("who", "error"),
    [(Principal("T1", "slack:T1:U_EVE"), Refused), (Principal("T2", ADA, frozenset({"approver"})), NotFound)],
)
async def test_not_by_anybody(
    tmp_path: Path, built_toolboxes: Path, who: Principal, error: type[Exception]
) -> None:
    """
    Somebody else does not stop it, and for another tenant it is not there.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        with pytest.raises(error):
            await app.stopping.cancel(who, view.id)
        after = await app.workflow("T1", view.id)

    assert WorkflowState.PAUSED is after.state


async def test_stopped_just_as_it_begins(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A call that begins between a stop's look and its write is not said to have never run.
    """
    looked, began = asyncio.Event(), asyncio.Event()
    end = Stopping._end

    async def late(self: Stopping, flow: Flow, who: Principal) -> None:
        looked.set()
        await began.wait()
        await end(self, flow, who)

    monkeypatch.setattr(Stopping, "_end", late)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        await app._veto.decide(approver(), view.approval.id, Decision.APPROVE)
        stopping = asyncio.create_task(app.stopping.cancel(Principal("T1", ADA), view.id))
        await looked.wait()
        flow = await app._store.workflows.load(view.id)
        await app._store.calls.begin(flow, flow.calls[0], 1.0)
        began.set()
        stopped = await stopping

    assert (WorkflowState.RUNNING, ADA) == (stopped.state, stopped.stop_by)


class Held(Body):
    """A body whose runs wait for a word before they begin, their tickets spent already."""

    begun = asyncio.Event()
    word = asyncio.Event()

    async def run(self, ticket: Ticket, before_effect: BeforeEffect) -> ToolResult:
        self.begun.set()
        await self.word.wait()
        return await super().run(ticket, before_effect)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> type[Held]:
    Held.begun, Held.word = asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(compose, "Body", Held)
    return Held


async def test_stopped_while_a_tool_runs(tmp_path: Path, built_toolboxes: Path, held: type[Held]) -> None:
    """
    While a tool runs the wish is kept: the tool ends, nothing after it is planned, and it is said whose wish.
    """
    brain = Moves(WRITE, WRITE)
    async with engine(tmp_path, brain, built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        await held.begun.wait()
        wished = await app.stopping.cancel(Principal("T1", ADA), view.id)
        again = await app.stopping.cancel(approver(), view.id)
        held.word.set()
        after = await app.wait("T1", view.id, 30)

    assert (WorkflowState.RUNNING, ADA, ADA) == (wished.state, wished.stop_by, again.stop_by)
    assert (WorkflowState.CANCELLED, 1) == (after.state, len(brain.seen))
    assert (tmp_path / "data/mnt/scratch/T1/a.md").exists()


async def test_the_wish_survives_a_crash(tmp_path: Path, built_toolboxes: Path, held: type[Held]) -> None:
    """
    A host that stops before the tool has begun its effect does not run it again after the wish.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        await held.begun.wait()
        await app.stopping.cancel(approver(), view.id)
    held.word.set()
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        after = await app.wait("T1", view.id, 30)

    assert WorkflowState.CANCELLED is after.state
    assert not (tmp_path / "data/mnt/scratch/T1/a.md").exists()


async def decided(folder: Path, toolboxes: Path, **changes: object) -> str:
    """An approved call whose host stops before it runs."""
    async with engine(folder, Moves(WRITE), toolboxes, **changes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        await app._veto.decide(approver(), view.approval.id, Decision.APPROVE)
    return view.id


async def test_a_tenant_that_left(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Nothing is run or planned for a tenant whom the settings do not name any more.
    """
    workflow = await decided(tmp_path, built_toolboxes)
    brain = Moves(WRITE)
    async with engine(tmp_path, brain, built_toolboxes, tenants={"T2": TenantSettings()}) as app:
        after = await app.wait("T1", workflow, 30)

    assert (WorkflowState.CANCELLED, []) == (after.state, brain.seen)
    assert not (tmp_path / "data/mnt/scratch/T1/a.md").exists()


async def test_the_bots_own_workspace_is_waited_for(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    At a start the bot does not know its own workspace yet: what was approved there runs once it does.
    """
    own = {"tenants": {}, "approvers": (BO,), "slack_bot_token": SecretStr("xoxb-none")}
    named = {"tenants": {"T1": TenantSettings(slack=("T1",), approvers=(BO,))}}
    workflow = await decided(tmp_path, built_toolboxes, **named)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, **own) as app:
        before = await app.wait("T1", workflow, 30)
        await app.map_workspace("T1")
        after = await app.wait("T1", workflow, 30)

    assert (WorkflowState.RUNNING, WorkflowState.DONE) == (before.state, after.state)
    assert (tmp_path / "data/mnt/scratch/T1/a.md").exists()
