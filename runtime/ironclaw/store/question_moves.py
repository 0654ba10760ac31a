"""What becomes of a question of the brain, in the caller's transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ironclaw.errors import Conflict
from ironclaw.store import rows
from ironclaw.store.accepting import KEEP_DELIVERIES
from ironclaw.store.chain import note
from ironclaw.store.model import Flow, Spent
from ironclaw.store.question_rows import loaded
from ironclaw.store.sql import Connection, sql
from ironclaw.store.telling import show_question, tell
from ironclaw.store.transitions import move_workflow, observe, one, show_status, wake
from ironclaw.task import (
    Address,
    NoticeKind,
    ProposedCall,
    QuestionState,
    QuestionView,
    Role,
    WorkflowState,
    observation,
)

WAITING = "Waiting for your answer."
GOES_ON = "Working on it."
LATE = "Nobody has answered in time. Go on without the answer, or say what is missing."


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is kept: with the call that stands for it in the conversation."""

    id: str
    call: ProposedCall
    text: str
    choices: tuple[str, ...]
    expires_at: float  #: Unix seconds.


def ask(c: Connection, flow: Flow, asked: Asked, said: str, spent: Spent, now: float) -> None:
    """
    :param said: what the brain said beside it
    :raises Conflict: somebody else moved this workflow
    """
    move_workflow(c, flow, WorkflowState.PAUSED, "", spent, now)
    _say(c, flow, asked.call, said)
    sql.add_question(
        c,
        id=asked.id,
        tenant=flow.tenant,
        workflow_id=flow.id,
        call_id=asked.call.id,
        text=asked.text,
        choices=json.dumps(asked.choices, ensure_ascii=False),
        expires_at=asked.expires_at,
        now=now,
    )
    detail = {"workflow": flow.id, "question": asked.id, "text": asked.text, "choices": list(asked.choices)}
    note(c, flow.tenant, now, "question_asked", "host", **detail)
    subject, body = f"question:{asked.id}", {"question": asked.id}
    tell(c, now, flow.tenant, flow.id, subject, NoticeKind.QUESTION, flow.address, body)
    show_status(c, flow, WAITING, now)


def refuse(c: Connection, flow: Flow, call: ProposedCall, seen: str, spent: Spent, now: float) -> None:
    """The brain is told why nobody is asked.

    :raises Conflict: somebody else moved this workflow
    """
    move_workflow(c, flow, WorkflowState.RUNNING, "", spent, now)
    _say(c, flow, call, "")
    observe(c, flow.id, call.id, seen)
    note(c, flow.tenant, now, "question_refused", "host", workflow=flow.id)


def wait(c: Connection, flow: Flow, now: float) -> None:
    """
    :raises Conflict: nothing is asked any more, or somebody else moved this workflow
    """
    if sql.open_question_of(c, workflow_id=flow.id) is None:
        raise Conflict("It was answered meanwhile.")
    move_workflow(c, flow, WorkflowState.PAUSED, "", Spent(), now)
    show_status(c, flow, WAITING, now)


def is_first(c: Connection, question: QuestionView, delivery: tuple[str, str] | None, now: float) -> bool:
    """Whether this delivery did not come before; from now on it is known."""
    if delivery is None:
        return True
    until = now + KEEP_DELIVERIES
    source, event_id = delivery
    noted = sql.note_delivery(
        c, source=source, event_id=event_id, workflow_id=question.workflow_id, kept_until=until
    )
    return bool(noted)


def answer(c: Connection, question: QuestionView, by: str, text: str, now: float) -> None:
    """
    :raises Conflict: it has ended before; by whom and when, where it was answered
    """
    row = sql.question(c, id=question.id)
    _check_open(QuestionState(row["state"]), row["answered_by"], row["answered_at"])
    state = QuestionState.ANSWERED.value
    one(sql.settle_question(c, id=question.id, state=state, by=by, answer=text, now=now))
    seen = json.dumps({"answer": text, "by": by}, ensure_ascii=False)
    _go_on(c, question, row["call_id"], seen, now)
    detail = {"workflow": question.workflow_id, "question": question.id, "text": text}
    note(c, question.tenant, now, "question_answered", by, **detail)


def expire(c: Connection, question_id: str, now: float) -> tuple[QuestionView, ...]:
    """
    :return: the question, () where it has ended before
    """
    state = QuestionState.EXPIRED.value
    if not sql.settle_question(c, id=question_id, state=state, by="", answer="", now=now):
        return ()
    question, row = loaded(c, question_id), sql.question(c, id=question_id)
    _go_on(c, question, row["call_id"], observation("expired", LATE), now)
    detail = {"workflow": question.workflow_id, "question": question.id}
    note(c, question.tenant, now, "question_expired", "host", **detail)
    return (question,)


def close_open(c: Connection, tenant: str, workflow_id: str, now: float) -> None:
    """Nobody is asked any more about what a workflow wanted to know."""
    row = sql.open_question_of(c, workflow_id=workflow_id)
    if row is not None:
        sql.settle_question(c, id=row["id"], state=QuestionState.CANCELLED.value, by="", answer="", now=now)
        show_question(c, tenant, workflow_id, row["id"], now)


def draw_anew(c: Connection, now: float) -> None:
    """Have every question that is open drawn with buttons that count now."""
    for row in list(sql.every_open_question(c)):
        show_question(c, row["tenant"], row["workflow_id"], row["id"], now)


def _say(c: Connection, flow: Flow, call: ProposedCall, said: str) -> None:
    sql.add_message(
        c,
        workflow_id=flow.id,
        role=Role.ASSISTANT.value,
        text=said,
        calls=rows.calls_text((call,)),
        call_id="",
    )


def _go_on(c: Connection, question: QuestionView, call_id: str, seen: str, now: float) -> None:
    """With what the brain sees of it."""
    observe(c, question.workflow_id, call_id, seen)
    wake(c, question.workflow_id, now)
    show_question(c, question.tenant, question.workflow_id, question.id, now)
    row, subject = sql.workflow(c, id=question.workflow_id), f"status:{question.workflow_id}"
    address, body = Address(row["reply_door"], rows.place(row)), {"text": GOES_ON, "is_last": False}
    tell(c, now, question.tenant, question.workflow_id, subject, NoticeKind.STATUS, address, body)


def _check_open(state: QuestionState, by: str, at: float) -> None:
    """
    :raises Conflict: it has ended
    """
    if state is QuestionState.CANCELLED:
        raise Conflict("This is not asked any more: the task was stopped.")
    if state is QuestionState.EXPIRED:
        raise Conflict("This was asked too long ago: the task went on without an answer.")
    if state is not QuestionState.OPEN:
        raise Conflict("This was answered already.", by, at)
