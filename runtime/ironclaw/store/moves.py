"""How a workflow moves: by what the brain wants, to a pause, to its end.  In the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

from ironclaw.errors import Conflict
from ironclaw.sentences import with_total
from ironclaw.store import call_moves, doubts, model_calls, question_moves, rows
from ironclaw.store.chain import note
from ironclaw.store.model import Flow, Judged, Spent
from ironclaw.store.sql import Connection, sql
from ironclaw.store.telling import post_card, tell
from ironclaw.store.transitions import move_workflow, show_status
from ironclaw.task import Address, CallState, Move, NoticeKind, Role, WorkflowState

WAITING = "Waiting for approval."
MOST_ON_CARD = 4  #: Calls on one card: Slack shows at most 50 blocks in a message.
SHORT_CARD = 4_000  #: Characters of arguments on a card of several calls.


def record_move(
    c: Connection,
    flow: Flow,
    move: Move,
    judged: Sequence[Judged],
    places: Sequence[Address],
    spent: Spent,
    now: float,
) -> None:
    """
    :raises Conflict: somebody else moved this workflow
    """
    waits = any(call.state is CallState.PENDING for call in judged)
    runs = any(call.state is CallState.APPROVED for call in judged)
    state = WorkflowState.PAUSED if waits and not runs else WorkflowState.RUNNING
    move_workflow(c, flow, state, "", spent, now)
    sql.add_message(
        c,
        workflow_id=flow.id,
        role=Role.ASSISTANT.value,
        text=move.answer or "",
        calls=rows.calls_text(move.calls),
        call_id="",
    )
    if move.left_out:
        note(c, flow.tenant, now, "calls_left_out", "policy", workflow=flow.id, count=move.left_out)
    cards = _cards([call for call in judged if call.state is CallState.PENDING])
    for call in judged:
        call_moves.add(c, flow, call, cards.get(call.approval_id, ""), now)
    for card in sorted(set(cards.values()), key=list(cards.values()).index):
        post_card(c, flow.tenant, flow.id, card, places, now)
    if state is WorkflowState.PAUSED:
        show_status(c, flow, WAITING, now, waits=True)


def _cards(asked: Sequence[Judged]) -> dict[str, str]:
    """Which card shows each approval, by the id of its first."""
    firsts: dict[int, str] = {}
    numbers = cards_of_turn([len(call.args) for call in asked])
    return {
        call.approval_id: firsts.setdefault(number, call.approval_id)
        for call, number in zip(asked, numbers, strict=True)
    }


def cards_of_turn(lengths: Sequence[int]) -> list[int]:
    """Which card, from 1, shows each call of a turn that people are asked about: they share short ones.

    :param lengths: characters of the arguments of each
    """
    numbers: list[int] = []
    calls = used = 0
    for length in lengths:
        is_new = not numbers or calls >= MOST_ON_CARD or used + length > SHORT_CARD
        calls, used = (1, length) if is_new else (calls + 1, used + length)
        numbers.append(is_new + (numbers[-1] if numbers else 0))
    return numbers


def pause(c: Connection, flow: Flow, now: float) -> None:
    """A decision on a workflow that still ran woke nobody: it is seen here, or waits for ever.

    :raises Conflict: there was one, or somebody else moved this workflow
    """
    states = {call["state"] for call in sql.calls(c, workflow_id=flow.id)}
    if CallState.IN_DOUBT.value in states:  # Whatever else could go on waits until people have said.
        move_workflow(c, flow, WorkflowState.PAUSED, "", Spent(), now)
        return
    if CallState.PENDING.value not in states or CallState.APPROVED.value in states:
        raise Conflict("A decision came meanwhile.")
    move_workflow(c, flow, WorkflowState.PAUSED, "", Spent(), now)
    show_status(c, flow, WAITING, now, waits=True)


def finish(
    c: Connection,
    flow: Flow,
    state: WorkflowState,
    outcome: str,
    spent: Spent,
    now: float,
    line: str,
    actor: str,
) -> None:
    """
    :raises Conflict: somebody else moved this workflow, or a call has begun meanwhile
    """
    _check_none_began(c, flow)
    move_workflow(c, flow, state, outcome, spent, now)
    note(c, flow.tenant, now, "workflow_" + state.value, actor, workflow=flow.id)
    call_moves.end_open(c, flow, now)
    doubts.close_open(c, flow, now)
    question_moves.close_open(c, flow.tenant, flow.id, now)
    models = model_calls.total(c, flow.id) if flow.tokens or spent.uses else None
    show_status(c, flow, with_total(line, models), now, is_last=True)
    kind = NoticeKind.ANSWER if state is WorkflowState.DONE else NoticeKind.FAILURE
    body = {"text": outcome, "by": _denier(c, flow)}
    tell(c, now, flow.tenant, flow.id, f"answer:{flow.id}", kind, flow.address, body)


def _check_none_began(c: Connection, flow: Flow) -> None:
    """
    :raises Conflict: a call was begun since the workflow was read: an end now would hide what comes of it
    """
    known = {call.seq for call in flow.calls if call.state is CallState.EXECUTING}
    executing = CallState.EXECUTING.value
    if {row["seq"] for row in sql.calls(c, workflow_id=flow.id) if row["state"] == executing} - known:
        raise Conflict("A call has begun meanwhile.")


def _denier(c: Connection, flow: Flow) -> str:
    """Who said no to the last call, by our own rows; "" where nobody did."""
    if not flow.calls or flow.calls[-1].state is not CallState.DENIED:
        return ""
    row = sql.approval_of_call(c, workflow_id=flow.id, seq=flow.calls[-1].seq)
    denials = sql.decisions(c, approval_id=row["id"]) if row else ()
    return next((str(each["principal"]) for each in denials), "")
