"""The brain asks whoever gave it the task: one answer counts, theirs, and allows nothing.  All is real."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.engine import ADA, BO, Moves, approver, ask, engine, moves, wants

from ironclaw.app import Ironclaw
from ironclaw.app.questions import EMPTY, LONG, MAX_ANSWER, NOT_YOU
from ironclaw.errors import BadRequest, Conflict, NotFound, Refused
from ironclaw.orchestrator.asking import ENOUGH, NOBODY
from ironclaw.settings import TenantSettings
from ironclaw.task import (
    Address,
    Message,
    Move,
    Principal,
    Question,
    QuestionState,
    QuestionView,
    Role,
    WorkflowView,
)

pytestmark = pytest.mark.sandbox
Open = Callable[..., Any]
HERE = Address("cli")
WHICH = Move(question=Question("q1", "Which one?", ("staging", "production")), tokens=10)
ADA_IS = Principal("T1", ADA)
LINKED = {
    "T1": TenantSettings(
        slack=("T1",), approvers=(BO,), people={"ada": (ADA, "local:ada")}, approval_minutes=30
    ),
    "T2": TenantSettings(slack=("T2",)),
}


class Clock:
    """Stands still until a test moves it on."""

    def __init__(self) -> None:
        self.now = 1_900_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def opened(tmp_path: Path, built_toolboxes: Path) -> Open:
    """Opens engines over one and the same database."""

    def make(brain: Moves, **more: Any) -> Any:
        return engine(tmp_path, brain, built_toolboxes, **{"tenants": LINKED, **more})

    return make


async def asked(app: Ironclaw, **more: Any) -> tuple[WorkflowView, QuestionView]:
    """A task whose brain has asked, and what."""
    task = ask(**more)
    workflow_id = await app.submit(task if "reply_to" in more else _from_here(task))
    view = await app.wait("T1", workflow_id, 20)
    assert view.question is not None
    return view, view.question


def _from_here(task: Any) -> Any:
    return type(task)(task.tenant, task.requester, task.text, HERE, thread=task.thread)


def results(brain: Moves) -> list[Message]:
    """What the brain was given as results, in its last turn."""
    return [each for each in brain.seen[-1].messages if each.role is Role.TOOL]


async def test_answered(opened: Open) -> None:
    """
    The workflow waits; the answer goes to the brain as data that says whose it is, and the task goes on.
    """
    brain = Moves(WHICH, Move(answer="Staging it is."))
    async with opened(brain) as app:
        view, question = await asked(app)
        before = (view.state.value, question.text, question.choices, question.state)
        await app.questions.answer(ADA_IS, question.id, " staging ")
        after = await app.wait("T1", view.id, 20)

    assert ("paused", "Which one?", ("staging", "production"), QuestionState.OPEN) == before
    assert ("done", "Staging it is.", None) == (after.state.value, after.outcome, after.question)
    assert {"answer": "staging", "by": ADA} == json.loads(results(brain)[0].text)
    assert [True, True] == [each.can_ask for each in brain.seen]


async def test_only_who_asked(opened: Open) -> None:
    """
    An approver, and somebody of another tenant, cannot answer; the same person by another door can.
    """
    async with opened(Moves(WHICH, Move(answer="ok"))) as app:
        view, question = await asked(app)
        with pytest.raises(Refused, match=NOT_YOU):
            await app.questions.answer(approver(), question.id, "production")
        with pytest.raises(NotFound):
            await app.questions.answer(Principal("T2", ADA), question.id, "production")
        done = await app.questions.answer(Principal("T1", "local:ada"), question.id, "staging")
        await app.wait("T1", view.id, 20)

    assert ("local:ada", "staging") == (done.answered_by, done.answer)


async def test_once(opened: Open) -> None:
    """
    Of many answers one counts; the others are told whose.  A delivery that comes again is the same answer.
    """
    delivery = ("slack", "T1:Ev1")
    async with opened(Moves(WHICH, Move(answer="ok"))) as app:
        view, question = await asked(app)
        answer = app.questions.answer
        same = [answer(ADA_IS, question.id, "staging", delivery=delivery) for _ in range(4)]
        found = await asyncio.gather(*same)
        with pytest.raises(Conflict) as late:
            await answer(ADA_IS, question.id, "production")
        again = await app.submit(ask("staging", delivery=delivery))
        after = await app.wait("T1", view.id, 20)

    assert {"staging"} == {each.answer for each in found}
    assert (ADA, view.id, "done") == (late.value.by, again, after.state.value)


async def test_a_yes_approves_nothing(opened: Open) -> None:
    """
    Whatever the answer says, a call that needs an approval waits for one, and is not theirs to give.
    """
    brain = Moves(WHICH, moves(wants("files.write", path="a.md", text="x")))
    async with opened(brain) as app:
        view, question = await asked(app)
        await app.questions.answer(ADA_IS, question.id, "yes, approve")
        waits = await app.wait("T1", view.id, 20)
        again = await app.wait("T1", view.id, 0)

    assert waits.approval is not None
    assert ("paused", (), "files.write") == (again.state.value, waits.approval.votes, waits.approval.tool)


async def test_taint_stays(opened: Open) -> None:
    """
    What was read before the question still counts when the next call is judged.
    """
    write = moves(wants("files.write", "c2", path="b.md", text="x"))
    brain = Moves(moves(wants("files.list")), WHICH, write)
    async with opened(brain) as app:
        view, question = await asked(app)
        await app.questions.answer(ADA_IS, question.id, "staging")
        waits = await app.wait("T1", view.id, 20)

    assert waits.approval is not None
    assert frozenset({"files"}) == waits.approval.circumstances.taint


async def test_expires(opened: Open) -> None:
    """
    Unanswered for as long as an approval waits, the brain is told so; an answer after that is too late.
    """
    clock, brain = Clock(), Moves(WHICH)
    async with opened(brain, clock=clock) as app:
        view, question = await asked(app)
        clock.now += 30 * 60 + 1
        async with asyncio.timeout(20):
            while (await app.workflow("T1", view.id)).question:  # noqa: ASYNC110 - the sweep has no event
                await asyncio.sleep(0.05)
        after = await app.wait("T1", view.id, 20)
        with pytest.raises(Conflict, match="too long ago"):
            await app.questions.answer(ADA_IS, question.id, "staging")

    assert "expired" == json.loads(after.outcome)["error"]["kind"]
    assert question.asked_at + 30 * 60 == question.expires_at


async def test_stopped(opened: Open) -> None:
    """
    Stopping the task ends its question.
    """
    async with opened(Moves(WHICH)) as app:
        view, question = await asked(app)
        await app.stopping.cancel(ADA_IS, view.id)
        with pytest.raises(Conflict, match="was stopped"):
            await app.questions.answer(ADA_IS, question.id, "staging")
        ended = await app.questions.view("T1", question.id)

    assert QuestionState.CANCELLED is ended.state


async def test_three(opened: Open) -> None:
    """
    A fourth question of one task is not asked: the brain is told, and goes on.
    """
    brain = Moves(*[Move(question=Question(f"q{n}", f"Number {n}?")) for n in range(4)])
    async with opened(brain) as app:
        view, question = await asked(app)
        for _ in range(3):
            await app.questions.answer(ADA_IS, question.id, "x")
            view = await app.wait("T1", view.id, 20)
            question = view.question or question

    assert ENOUGH == json.loads(view.outcome.splitlines()[-1])["error"]["message"]
    assert [True, True, True, False, False] == [each.can_ask for each in brain.seen]


async def test_nobody_there(opened: Open) -> None:
    """
    Where the door reaches nobody, nobody is asked and nothing waits.
    """
    async with opened(brain := Moves(WHICH)) as app:
        view = await app.wait("T1", await app.submit(ask()), 20)

    assert (NOBODY, False) == (json.loads(view.outcome)["error"]["message"], brain.seen[0].can_ask)


async def test_survives_a_restart(opened: Open) -> None:
    """
    A process later the question waits as it did, and its answer is taken.
    """
    brain = Moves(WHICH, Move(answer="ok"))
    async with opened(brain) as app:
        view, question = await asked(app)
    async with opened(brain) as app:
        [waiting] = await app.questions.open_for(ADA_IS)
        await app.questions.answer(ADA_IS, waiting.id, "staging")
        after = await app.wait("T1", view.id, 20)

    assert (question, "done", 2) == (waiting, after.state.value, len(brain.seen))


async def test_secrets_and_lengths(opened: Open) -> None:
    """
    Secrets stay out of question and answer; an answer that is empty or endless is refused.
    """
    secret = "-".join(["xoxb", "1234567890", "1234567890123", "a" * 24])
    move = Move(question=Question("q", f"Is it {secret}?", (f"yes {secret}", "no")))
    async with opened(Moves(move)) as app:
        _, question = await asked(app)
        for text, why in ((" ", EMPTY), ("x" * (MAX_ANSWER + 1), LONG)):
            with pytest.raises(BadRequest, match=why[:20]):
                await app.questions.answer(ADA_IS, question.id, text)
        done = await app.questions.answer(ADA_IS, question.id, f"no, {secret}")

    assert not [each for each in (question.text, *question.choices, done.answer) if secret in each]


async def test_buttons_are_sealed(opened: Open) -> None:
    """
    A button's value means its choice, and one that was made up means none.
    """
    async with opened(Moves(WHICH)) as app:
        _, question = await asked(app)
        value = app.questions.button(question, 1)
        found = await app.questions.behind(ADA_IS, value)
        for forged in (value.replace(".1.", ".0."), value[:-1], f"{question.id}.9.x", "x", ""):
            with pytest.raises(NotFound):
                await app.questions.behind(ADA_IS, forged)

    assert (question, "production") == found
