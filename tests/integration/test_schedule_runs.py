"""Runs of schedules through the whole engine: judged like any other, by policy that knows what they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.clock import Clock
from tests.integration.engine import ADA, BO, Moves, approver, ask, engine, moves, wants
from tests.integration.test_grants import asking

from ironclaw.app import Ironclaw
from ironclaw.errors import BadRequest, Refused
from ironclaw.settings import TenantSettings
from ironclaw.task import ApprovalState, ApprovalView, Decision, Principal, WorkflowState
from ironclaw.terms import GrantScope
from ironclaw_bot.slack.card import card

pytestmark = pytest.mark.sandbox
WRITE = Moves(moves(wants("files.write", path="a.md", text="x")))
MINUTE = 60.0
UNATTENDED = '@id("attended-only") forbid (principal, action, resource) when { context.scheduled };'


@asynccontextmanager
async def scheduled(
    folder: Path, toolboxes: Path, clock: Clock, **more: Any
) -> AsyncIterator[tuple[Ironclaw, str]]:
    """An engine with a schedule of each ten minutes, and its id."""
    async with engine(folder, WRITE, toolboxes, clock=clock, **more) as app:
        made = await app.schedules.add(ask("tidy up"), "*/10 * * * *")
        yield app, made.id


async def begun(app: Ironclaw, clock: Clock) -> str:
    """The workflow of the next slot, once it has stopped or ended."""
    [schedule] = await app.schedules.list("T1")
    clock.at = schedule.next_at
    await app.schedules.sweep()
    [schedule] = await app.schedules.list("T1")
    assert schedule.last is not None
    await app.wait("T1", schedule.last.id, 30)
    return schedule.last.id


async def review(app: Ironclaw, workflow: str) -> ApprovalView:
    found = (await app.workflow("T1", workflow)).approval
    assert found is not None
    return found


async def test_parked_runs_hold_nobody_up(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    While one run waits for people, the next one begins, is approved and ends; the first waits on.
    """
    clock = Clock()
    async with scheduled(tmp_path, built_toolboxes, clock) as (app, _):
        first = await begun(app, clock)
        second = await begun(app, clock)
        await app.decide(approver(), (await review(app, second)).id, Decision.APPROVE)
        done = await app.wait("T1", second, 30)
        after = await app.workflow("T1", first)

    assert first != second
    assert (WorkflowState.DONE, WorkflowState.PAUSED) == (done.state, after.state)


async def test_a_run_is_its_makers(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Who made the schedule approves none of its calls; the card says that nobody attends it.
    """
    clock = Clock()
    async with scheduled(tmp_path, built_toolboxes, clock) as (app, _):
        approval = await review(app, await begun(app, clock))
        with pytest.raises(Refused):
            await app.decide(Principal("T1", ADA, frozenset({"approver"})), approval.id, Decision.APPROVE)
        shown = str(card([approval], [app.button(approval)]))

    assert (ADA, True) == (approval.requester, approval.circumstances.scheduled)
    assert f"by `{ADA}`, runs unattended" in shown


async def test_policy_knows(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Policy can forbid to a schedule's run what it allows to a person who is there.
    """
    file, clock = tmp_path / "own.cedar", Clock()
    file.write_text(UNATTENDED)
    tenants = {"T1": TenantSettings(slack=("T1",), approvers=(BO,), policy_file=file)}
    async with scheduled(tmp_path, built_toolboxes, clock, tenants=tenants) as (app, _):
        unattended = await app.workflow("T1", await begun(app, clock))
        attended = await app.wait("T1", await app.submit(ask()), 30)

    assert (WorkflowState.DONE, WorkflowState.PAUSED) == (unattended.state, attended.state)
    assert '"denied"' in unattended.outcome


async def test_grants(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A remembered yes to what a person asked for is none to unattended runs, which may have one of their own.
    """
    clock, states = Clock(), []
    async with asking(tmp_path, built_toolboxes, wants("files.list"), clock=clock) as app:
        await app.schedules.add(ask(), "*/10 * * * *")
        attended = await app.wait("T1", await app.submit(ask()), 30)
        await app.decide(
            approver(), (await review(app, attended.id)).id, Decision.APPROVE, grant=GrantScope.TOOL
        )
        await app.wait("T1", attended.id, 30)
        for _ in range(2):
            run = await app.workflow("T1", await begun(app, clock))
            states.append(run.state)
            if run.approval:
                await app.decide(approver(), run.approval.id, Decision.APPROVE, grant=GrantScope.TOOL)
                await app.wait("T1", run.id, 30)
        again = await app.wait("T1", await app.submit(ask()), 30)

    assert [WorkflowState.PAUSED, WorkflowState.DONE] == states
    assert WorkflowState.DONE is again.state


async def test_removed_while_parked(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What a schedule has begun goes on when it is removed.
    """
    clock = Clock()
    async with scheduled(tmp_path, built_toolboxes, clock) as (app, schedule):
        approval = await review(app, await begun(app, clock))
        await app.schedules.remove(approver(), schedule)
        decided = await app.decide(approver(), approval.id, Decision.APPROVE)
        done = await app.wait("T1", approval.workflow_id, 30)

    assert (ApprovalState.APPROVED, WorkflowState.DONE) == (decided.state, done.state)


@pytest.mark.parametrize(
    ("text", "more", "pointer"),
    [(" ", {}, "/task"), ("x" * 16_001, {}, "/task"), ("x", {"tools": ("no.tool",)}, "/tools")],
)
async def test_no_such_task(
    tmp_path: Path, built_toolboxes: Path, text: str, more: dict[str, Any], pointer: str
) -> None:
    """
    What could not be asked now cannot be scheduled.
    """
    async with scheduled(tmp_path, built_toolboxes, Clock()) as (app, _):
        with pytest.raises(BadRequest) as refused:
            await app.schedules.add(ask(text, **more), "0 7 * * *")

    assert pointer == refused.value.pointer
