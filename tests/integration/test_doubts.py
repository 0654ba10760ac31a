"""A call of which nobody knows whether it ran: people say, and exactly what they say follows."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.fakes.clock import Clock
from tests.integration.doubting import (
    Receiver,
    a_receiver,
    allow,
    approved,
    doubted,
    events,
    interrupt,
    post,
    told,
)
from tests.integration.engine import ADA, BO, Moves, approver, ask, engine, moves, wants
from tests.integration.test_editing import Rules

from ironclaw.app import Ironclaw
from ironclaw.errors import Conflict, NotFound, Refused, StepUpNeeded
from ironclaw.settings import TenantSettings
from ironclaw.task import (
    CallState,
    Decision,
    DoubtState,
    DoubtView,
    Opinion,
    Principal,
    Said,
    Verdict,
    WorkflowState,
    WorkflowView,
)
from ironclaw.terms import Group, Terms

pytestmark = pytest.mark.sandbox
CY, EVE = "slack:T1:U_CY", "slack:T1:U_EVE"
NOT_RUN, RAN = Said.NOT_RUN, Said.RAN


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with a_receiver() as receiver:
        yield receiver


class Desk:
    """An engine with one call in doubt."""

    def __init__(self, app: Ironclaw, brain: Moves, folder: Path, doubt: DoubtView) -> None:
        self.app, self.brain, self.folder, self.doubt = app, brain, folder, doubt

    async def say(self, said: Said, who: str = BO, **more: Any) -> DoubtView:
        roles = self.app.roles("T1", who)
        return await self.app.doubts.testify(Principal("T1", who, roles), self.doubt.id, said, **more)

    async def after(self) -> WorkflowView:
        return await self.app.wait("T1", self.doubt.workflow_id, 30)

    async def now(self) -> DoubtView:
        return await self.app.doubts.view("T1", self.doubt.id)


@asynccontextmanager
async def a_desk(folder: Path, toolboxes: Path, receiver: Receiver, **changes: Any) -> AsyncIterator[Desk]:
    """An approved POST that a kill interrupted after its first changing byte."""
    brain, more = post(receiver.port), {**allow(receiver.port), **changes}
    workflow = await approved(folder, toolboxes, brain, **more)
    interrupt(folder, effect_begun=True)
    async with engine(folder, brain, toolboxes, **more) as app:
        yield Desk(app, brain, folder, await doubted(app, workflow))


@pytest.fixture
async def desk(tmp_path: Path, built_toolboxes: Path, receiver: Receiver) -> AsyncIterator[Desk]:
    async with a_desk(tmp_path, built_toolboxes, receiver) as desk:
        yield desk


async def test_it_ran(desk: Desk, receiver: Receiver) -> None:
    """
    Somebody says that it ran: it is not begun again, and the brain hears who says so.
    """
    settled = await desk.say(RAN)
    after = await desk.after()

    assert (DoubtState.RAN, BO, CallState.SUCCEEDED) == (
        settled.state,
        settled.answered_by,
        settled.call_state,
    )
    assert (WorkflowState.DONE, []) == (after.state, receiver.keys)
    [seen] = told(desk.brain)
    assert f"A person ({BO}) says that it ran." in seen["output"]


async def test_it_did_not_run(desk: Desk, receiver: Receiver) -> None:
    """
    Somebody says that it did not run: it runs, once, with the key that it had.
    """
    await desk.say(NOT_RUN)
    after = await desk.after()

    assert (WorkflowState.DONE, [f"{desk.doubt.idem_key}-1"]) == (after.state, receiver.keys)
    begun = ["call_executing", "call_effect_begun"]
    expected = ["call_pending", *begun, "call_in_doubt", "call_not_run", *begun, "call_succeeded"]
    assert expected == [each for each in events(desk.folder) if each.startswith("call_")]


async def test_the_log_says_it(tmp_path: Path, built_toolboxes: Path, receiver: Receiver) -> None:
    """
    Who operates the bot reads in the log that people are asked.
    """
    with capture_logs() as logs:
        async with a_desk(tmp_path, built_toolboxes, receiver) as desk:
            expected = (desk.doubt.tool, 1)

    assert [expected] == [(x["tool"], x["attempt"]) for x in logs if x["event"] == "call_in_doubt"]


async def test_interrupted_again(tmp_path: Path, built_toolboxes: Path, receiver: Receiver) -> None:
    """
    What people had run once more, and a second kill interrupted, is a doubt of its own.
    """
    async with a_desk(tmp_path, built_toolboxes, receiver) as desk:
        await desk.say(NOT_RUN)
        await desk.after()
    interrupt(tmp_path, effect_begun=True, attempts=2)
    forget_the_end(tmp_path)
    async with engine(tmp_path, desk.brain, built_toolboxes, **allow(receiver.port)) as app:
        again = await doubted(app, desk.doubt.workflow_id)

    assert (2, DoubtState.OPEN, 1) == (again.attempt, again.state, len(receiver.keys))
    assert desk.doubt.id != again.id


def forget_the_end(folder: Path) -> None:
    """The rows as a kill leaves them that came before the result was written."""
    with closing(sqlite3.connect(folder / "data/ironclaw.db")) as c, c:
        c.execute("DELETE FROM messages WHERE role IN ('tool')")
        c.execute("UPDATE workflows SET outcome = ''")


async def test_a_restart_while_people_are_asked(
    tmp_path: Path, built_toolboxes: Path, receiver: Receiver
) -> None:
    """
    The question is rows: after a restart it is the same one, and its answer counts.
    """
    async with a_desk(tmp_path, built_toolboxes, receiver) as desk:
        first = desk.doubt
    async with engine(tmp_path, desk.brain, built_toolboxes, **allow(receiver.port)) as app:
        [second] = await app.doubts.open_ones("T1")
        await app.doubts.testify(approver(), second.id, NOT_RUN)
        after = await app.wait("T1", first.workflow_id, 30)

    assert (first, WorkflowState.DONE, 1) == (second, after.state, len(receiver.keys))


async def test_twenty_at_once(desk: Desk, receiver: Receiver) -> None:
    """
    Ten say that it ran and ten that it did not, at the same moment: one is heard, the others hear who.
    """
    people = [(BO, RAN), (CY, NOT_RUN)] * 10
    found = await asyncio.gather(*(desk.say(said, who) for who, said in people), return_exceptions=True)
    winners = [each for each in found if isinstance(each, DoubtView)]
    refused = [each for each in found if isinstance(each, Conflict)]

    assert (1, 19) == (len(winners), len(refused))
    assert {winners[0].answered_by} == {each.by for each in refused}
    assert (await desk.after()).state is WorkflowState.DONE
    assert (winners[0].state is DoubtState.NOT_RUN) == len(receiver.keys)


@pytest.mark.parametrize("who", [ADA, EVE])
async def test_whose_word_does_not_count(desk: Desk, receiver: Receiver, who: str) -> None:
    """
    Neither who asked nor who may not approve says whether it ran; the audit log has that they tried.
    """
    with pytest.raises(Refused):
        await desk.say(NOT_RUN, who)

    assert DoubtState.OPEN is (await desk.now()).state
    assert ("testimony_refused", []) == (events(desk.folder)[-1], receiver.keys)


async def test_another_tenant(desk: Desk) -> None:
    """
    For another tenant's approver there is no such doubt.
    """
    stranger = Principal("T2", "slack:T2:U_BO", frozenset({"approver"}))
    with pytest.raises(NotFound):
        await desk.app.doubts.testify(stranger, desk.doubt.id, RAN)

    assert () == await desk.app.doubts.open_ones("T2")


async def test_own_call_with_self_approval(tmp_path: Path, built_toolboxes: Path, receiver: Receiver) -> None:
    """
    Where people may approve their own calls, they may also say whether these ran.
    """
    alone = {"T1": TenantSettings(slack=("T1",), approvers=(BO, ADA), self_approval=True)}
    async with a_desk(tmp_path, built_toolboxes, receiver, tenants=alone) as desk:
        await desk.say(NOT_RUN, ADA)
        after = await desk.after()

    assert (WorkflowState.DONE, 1) == (after.state, len(receiver.keys))


# The rule of the call


def asking(terms: Terms, tools: Sequence[str] = ("http.post",)) -> dict[str, Any]:
    """A plugin beside the shipped policy: it asks about each call on these terms."""
    return {"rules": lambda _: Rules(lambda _: Opinion(Verdict.REVIEW, "asks", terms=terms))}


@asynccontextmanager
async def tightened(
    folder: Path, toolboxes: Path, receiver: Receiver, terms: Terms, **changes: Any
) -> AsyncIterator[Desk]:
    """A call that one person approved, in doubt under a rule that asks for more since."""
    brain, more = post(receiver.port), {**allow(receiver.port), **changes}
    workflow = await approved(folder, toolboxes, brain, **more)
    interrupt(folder, effect_begun=True)
    async with engine(folder, brain, toolboxes, asking(terms), **more) as app:
        yield Desk(app, brain, folder, await doubted(app, workflow))


async def test_two_must_say_that_it_did_not(
    tmp_path: Path, built_toolboxes: Path, receiver: Receiver
) -> None:
    """
    Under a rule for two people two must say that it did not run; the same one twice is one.
    """
    async with tightened(tmp_path, built_toolboxes, receiver, Terms(quorum=2)) as desk:
        first = await desk.say(NOT_RUN)
        with pytest.raises(Conflict):
            await desk.say(NOT_RUN)
        second = await desk.say(NOT_RUN, CY)

        assert (DoubtState.OPEN, DoubtState.NOT_RUN) == (first.state, second.state)
        assert [BO, CY] == [each.principal for each in second.testimonies]


async def test_one_says_that_it_ran(tmp_path: Path, built_toolboxes: Path, receiver: Receiver) -> None:
    """
    Under the same rule one person is enough to say that it ran, also one who had said otherwise.
    """
    async with tightened(tmp_path, built_toolboxes, receiver, Terms(quorum=2)) as desk:
        await desk.say(NOT_RUN)
        settled = await desk.say(RAN)
        await desk.after()

        assert (DoubtState.RAN, []) == (settled.state, receiver.keys)


async def test_a_group(tmp_path: Path, built_toolboxes: Path, receiver: Receiver) -> None:
    """
    Under a rule for a group its members say it, and no other approver does.
    """
    tenants = {"T1": TenantSettings(slack=("T1",), approvers=(BO, CY), groups={"ops": (CY,)})}
    terms = Terms(groups=frozenset({Group("ops")}))
    async with tightened(tmp_path, built_toolboxes, receiver, terms, tenants=tenants) as desk:
        with pytest.raises(Refused):
            await desk.say(RAN)
        settled = await desk.say(RAN, CY)

        assert DoubtState.RAN is settled.state


async def test_a_second_factor(tmp_path: Path, built_toolboxes: Path, receiver: Receiver) -> None:
    """
    Under a rule for a second factor a word without one is not taken, whatever it says.
    """
    async with tightened(tmp_path, built_toolboxes, receiver, Terms(step_up=True)) as desk:
        for said in Said:
            with pytest.raises(StepUpNeeded):
                await desk.say(said)
        with pytest.raises(Refused):
            await desk.say(RAN, code="000000")

        assert DoubtState.OPEN is (await desk.now()).state


async def test_a_call_that_nobody_was_asked_about(
    tmp_path: Path, built_toolboxes: Path, receiver: Receiver
) -> None:
    """
    A call that policy allowed, cut off while it was answered: any approver says, who asked does not.
    """
    policy = tmp_path / "allow.cedar"
    policy.write_text("permit(principal, action, resource);")
    brain, more = post(receiver.port), {**allow(receiver.port), "policy_file": policy}
    receiver.is_silent = True
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        workflow = await app.submit(ask())
        await asyncio.wait_for(receiver.reached.wait(), 30)
    receiver.is_silent = False
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        doubt = await doubted(app, workflow)
        with pytest.raises(Refused):
            await app.doubts.testify(approver(ADA), doubt.id, NOT_RUN)
        await app.doubts.testify(approver(), doubt.id, NOT_RUN)
        after = await app.wait("T1", workflow, 30)

    assert (WorkflowState.DONE, [f"{doubt.idem_key}-1"] * 2) == (after.state, receiver.keys)


async def test_a_month_later(tmp_path: Path, built_toolboxes: Path, receiver: Receiver) -> None:
    """
    The question waits for a month, long after the approval's time; whoever answers then is heard.
    """
    clock = Clock()
    async with a_desk(tmp_path, built_toolboxes, receiver, clock=clock) as desk:
        clock.at += 30 * 24 * 3600
        await desk.say(NOT_RUN)
        after = await desk.after()

    assert (WorkflowState.DONE, 1) == (after.state, len(receiver.keys))


# What else the workflow wants


async def test_the_rest_waits(tmp_path: Path, built_toolboxes: Path, receiver: Receiver) -> None:
    """
    Of two calls of a turn the second, approved while people are asked about the first, waits for their word.
    """
    url = f"http://localhost:{receiver.port}/orders"
    first, second = (wants("http.post", f"c{n}", url=url, text=f"{n}") for n in (1, 2))
    brain, more = Moves(moves(first, second)), allow(receiver.port)
    receiver.is_silent = True
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        one, two = await app.approvals("T1")
        await app.decide(approver(), one.id, Decision.APPROVE)
        await asyncio.wait_for(receiver.reached.wait(), 30)
    receiver.is_silent = False
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        doubt = await doubted(app, view.id)
        await app.decide(approver(), two.id, Decision.APPROVE)
        waits = await app.wait("T1", view.id, 30)
        before = len(receiver.keys)
        await app.doubts.testify(approver(), doubt.id, RAN)
        after = await app.wait("T1", view.id, 30)

    assert (WorkflowState.PAUSED, 1) == (waits.state, before)
    assert (WorkflowState.DONE, 2) == (after.state, len(receiver.keys))


# Stopping


async def test_stopped(desk: Desk, receiver: Receiver) -> None:
    """
    Stopped while people are asked: the sentence says that it may have happened, and no word counts after it.
    """
    stopped = await desk.app.stopping.cancel(approver(), desk.doubt.workflow_id)
    with pytest.raises(Conflict):
        await desk.say(NOT_RUN)

    assert (WorkflowState.CANCELLED, None) == (stopped.state, stopped.doubt)
    assert "Nobody has said whether http.post ran: it may have happened, so look." in stopped.outcome
    assert (DoubtState.CANCELLED, CallState.IN_DOUBT) == (
        (await desk.now()).state,
        (await desk.now()).call_state,
    )
    assert [] == receiver.keys
