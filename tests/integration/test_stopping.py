"""Workflows that nobody wants any more: stopped by a person, or because their tenant is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.integration.engine import ADA, BO, Moves, approver, ask, engine, moves, wants

from ironclaw.errors import Conflict, NotFound, Refused
from ironclaw.settings import TenantSettings
from ironclaw.task import ApprovalState, CallState, Decision, Principal, WorkflowState

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
