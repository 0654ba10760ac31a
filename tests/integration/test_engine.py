"""The main job, without a door: ask, plan, judge, wait, decide, run, answer."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.integration.engine import ADA, Moves, approver, ask, engine, moves, wants

from ironclaw.errors import Conflict, Expired, NotFound, Refused
from ironclaw.task import ApprovalState, CallState, Decision, Move, Principal, ProposedCall, WorkflowState

pytestmark = pytest.mark.sandbox
WRITE = moves(wants("files.write", path="notes/today.md", text="hello"))
READ = moves(wants("files.read", path="notes/today.md"))


async def test_low_risk_runs_at_once(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A low-risk call needs nobody.
    """
    async with engine(tmp_path, Moves(moves(wants("files.list"))), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)

    assert WorkflowState.DONE == view.state
    assert "output" in json.loads(view.outcome)


async def test_high_risk_waits_and_runs_once_approved(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A write waits, an approver says yes, and exactly then the file is there.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        file = tmp_path / "data/mnt/scratch/T1/notes/today.md"
        before = file.exists()
        assert view.approval is not None
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 30)
        shown = await app.approval("T1", view.approval.id)

    assert (WorkflowState.PAUSED, False) == (view.state, before)
    assert (WorkflowState.DONE, "hello") == (after.state, file.read_text())
    assert (ApprovalState.APPROVED, CallState.SUCCEEDED) == (shown.state, shown.call_state)


async def paused(app, task=None):  # type: ignore[no-untyped-def]
    """A workflow that waits for an approval."""
    view = await app.wait("T1", await app.submit(task or ask()), 30)
    assert view.approval is not None
    return view


async def test_denied_call_never_runs(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A no ends the call; the brain sees it with its reason, and the workflow goes on to its end.
    """
    brain = Moves(WRITE)
    async with engine(tmp_path, brain, built_toolboxes) as app:
        view = await paused(app)
        await app.decide(approver(), view.approval.id, Decision.DENY, reason="not today")
        after = await app.wait("T1", view.id, 30)

    assert WorkflowState.DONE == after.state
    assert "not today" in brain.seen[-1].messages[-1].text
    assert not (tmp_path / "data/mnt/scratch/T1/notes").exists()


async def test_second_decision_hears_who_was_first(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Of two decisions one wins; the other is told by whom it was decided.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await paused(app)
        decisions = [
            app.decide(approver(each), view.approval.id, choice)
            for each, choice in (("slack:T1:U_BO", Decision.APPROVE), ("slack:T1:U_CY", Decision.DENY))
        ]
        results = await asyncio.gather(*decisions, return_exceptions=True)
        shown = await app.approval("T1", view.approval.id)

    lost = [each for each in results if isinstance(each, Conflict)]
    assert 1 == len(lost) == len(shown.votes)
    assert shown.votes[0].principal == lost[0].by


@pytest.mark.parametrize(
    ("who", "tenant", "error"),
    [
        (ADA, "T1", Refused),  # The requester herself, though called an approver by the door.
        ("slack:T1:U_CY2", "T1", Refused),  # Nobody's approver.
        ("slack:T2:U_BO", "T1", Refused),  # The right user of another team.
        ("slack:T1:U_BO", "T2", NotFound),  # Another tenant sees no such thing.
    ],
)
async def test_who_may_not_decide(
    tmp_path: Path, built_toolboxes: Path, who: str, tenant: str, error: type[Exception]
) -> None:
    """
    Nobody but a named approver of the tenant, and never the requester.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await paused(app)
        with pytest.raises(error):
            await app.decide(approver(who, tenant), view.approval.id, Decision.APPROVE)
        shown = await app.approval("T1", view.approval.id)

    assert ApprovalState.PENDING == shown.state


async def test_a_door_that_calls_everybody_approver_is_not_enough(
    tmp_path: Path, built_toolboxes: Path
) -> None:
    """
    An approver by list whose door did not say so is refused too: both must agree.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await paused(app)
        with pytest.raises(Refused):
            await app.decide(Principal("T1", "slack:T1:U_BO"), view.approval.id, Decision.APPROVE)


async def test_late_decision_decides_nothing(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    After its time an approval is over, whether the sweeper was there or not.
    """
    now = [1_800_000_000.0]
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, clock=lambda: now[0]) as app:
        view = await paused(app)
        now[0] = view.approval.expires_at
        with pytest.raises(Expired):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 30)
        while not after.state.is_final:
            after = await app.wait("T1", view.id, 30)
        shown = await app.approval("T1", view.approval.id)

    assert (ApprovalState.EXPIRED, CallState.EXPIRED) == (shown.state, shown.call_state)
    assert not (tmp_path / "data/mnt/scratch/T1/notes").exists()


async def test_button_value_is_bound_to_its_approval(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A value with one character changed, or of another approval, decides nothing.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        first, second = await paused(app), await paused(app)
        good = app.button(await app.approval("T1", first.approval.id))
        mixed = second.approval.id + good[len(first.approval.id) :]
        for value in (mixed, good[:-1] + "x", good.replace(".1.", ".2."), "", "é", "a.b.c"):
            with pytest.raises(NotFound):
                await app.press(approver(), value, Decision.APPROVE)
        await app.press(approver(), good, Decision.APPROVE)
        after = await app.wait("T1", first.id, 30)

    assert WorkflowState.DONE == after.state


async def test_waiting_survives_a_restart(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What waits when the process ends can be approved after the next start.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await paused(app)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 30)

    assert WorkflowState.DONE == after.state
    assert "hello" == (tmp_path / "data/mnt/scratch/T1/notes/today.md").read_text()


async def test_same_delivery_is_one_workflow(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    An event that comes four times at once is one workflow.
    """
    brain = Moves()
    async with engine(tmp_path, brain, built_toolboxes) as app:
        task = ask(delivery=("slack", "T1:Ev1"))
        ids = await asyncio.gather(*(app.submit(task) for _ in range(4)))
        await app.wait("T1", ids[0], 30)

    assert (1, 1) == (len(set(ids)), len(brain.seen))


@pytest.mark.parametrize(
    ("tool", "arguments", "kind"),
    [
        ("files.wrlte", "{}", "unknown_tool"),
        ("Files.Write", "{}", "unknown_tool"),
        ("files.write", '{"path": "a"}', "bad_arguments"),
        ("files.write", '{"path": "a", "path": "b", "text": ""}', "bad_arguments"),
        ("files.write", '{"path": "a", "text": "x", "more": 1}', "bad_arguments"),
        ("files.write", "[]", "bad_arguments"),
        ("files.write", "null", "bad_arguments"),
        ("files.write", "", "bad_arguments"),
    ],
)
async def test_odd_calls_reach_nobody(
    tmp_path: Path, built_toolboxes: Path, tool: str, arguments: str, kind: str
) -> None:
    """
    An unknown tool or wrong arguments cost no card and run nothing; the brain is told.
    """
    brain = Moves(moves(ProposedCall("c", tool, arguments)))
    async with engine(tmp_path, brain, built_toolboxes) as app:
        after = await app.wait("T1", await app.submit(ask()), 30)
        waiting = await app.approvals("T1")

    assert (WorkflowState.DONE, ()) == (after.state, waiting)
    assert kind == json.loads(brain.seen[-1].messages[-1].text)["error"]["kind"]


async def test_parallel_calls_are_each_judged(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Of one turn's calls the low one runs at once and each high one waits on its own.
    """
    turn = Move(
        calls=(
            wants("files.list", "a"),
            wants("files.write", "b", path="b", text="b"),
            wants("files.write", "c", path="c", text="c"),
        )
    )
    async with engine(tmp_path, Moves(turn), built_toolboxes) as app:
        view = await paused(app)
        first, second = await app.approvals("T1")
        await app.decide(approver(), first.id, Decision.APPROVE)
        between = await app.wait("T1", view.id, 30)
        await app.decide(approver(), second.id, Decision.DENY)
        after = await app.wait("T1", view.id, 30)

    assert (WorkflowState.PAUSED, WorkflowState.DONE) == (between.state, after.state)
    assert ["b"] == [each.name for each in (tmp_path / "data/mnt/scratch/T1").iterdir()]


async def test_budget_ends_with_a_sentence(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A brain that never answers is stopped by its steps, and the outcome says so.
    """
    brain = Moves(*[moves(wants("files.list")) for _ in range(50)])
    async with engine(tmp_path, brain, built_toolboxes, max_steps=3) as app:
        after = await app.wait("T1", await app.submit(ask()), 30)

    assert (WorkflowState.FAILED, 3) == (after.state, len(brain.seen))
    assert "3 steps" in after.outcome


async def test_thread_past_is_context(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The next task of a thread sees what was asked and answered before; another thread's does not.
    """
    brain = Moves()
    brain.moves = (Move(answer="forty-two"),)
    async with engine(tmp_path, brain, built_toolboxes) as app:
        for text, thread in (("the question", "C1:1"), ("again?", "C1:1"), ("elsewhere", "C1:2")):
            await app.wait("T1", await app.submit(ask(text, thread=thread)), 30)

    texts = [[message.text for message in each.messages] for each in brain.seen]
    assert [["the question"], ["the question", "forty-two", "again?"], ["elsewhere"]] == texts
