"""Workflows and their messages.  Each method is one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ironclaw.canonical import canonical_text
from ironclaw.errors import Conflict, NotFound, Refused
from ironclaw.store import calls, rows
from ironclaw.store.chain import note
from ironclaw.store.model import Flow, Judged, Spent
from ironclaw.store.outbox import post_card, tell
from ironclaw.store.sql import Connection, sql
from ironclaw.store.transitions import move_workflow, show_status
from ironclaw.store.units import Writer
from ironclaw.task import (
    CONTEXT_MARKER,
    Address,
    CallState,
    Move,
    NoticeKind,
    Role,
    Task,
    WorkflowState,
    WorkflowView,
)

MAX_OPEN = 1_000  #: Workflows of one tenant at work at once; what waits for people does not count.
WAITING = "Waiting for approval."
LAST_LINES = {
    WorkflowState.DONE: "Done.",
    WorkflowState.FAILED: "Failed.",
    WorkflowState.CANCELLED: "Stopped.",
}
MOST_ON_CARD = 4  #: Calls on one card: Slack shows at most 50 blocks in a message.
SHORT_CARD = 4_000  #: Characters of arguments on a card of several calls.
KEEP_DELIVERIES = 7 * 24 * 3600.0  #: Seconds that a delivery id is remembered.


class Workflows:
    """The store of what is being done."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def add(self, task: Task, workflow_id: str, now: float) -> tuple[str, bool]:
        """Accept a task, durably.

        :return: the workflow's id, and False when the same delivery had made it before
        :raises Refused: too many of this tenant are at work
        """
        return await self._writer.write(lambda c: _add(c, task, workflow_id, now), task.tenant)

    async def load(self, workflow_id: str) -> Flow:
        """
        :raises NotFound: no such workflow
        """
        return await self._writer.read(lambda c: rows.load_flow(c, workflow_id))

    async def record_move(
        self,
        flow: Flow,
        move: Move,
        judged: Sequence[Judged],
        places: Sequence[Address],
        spent: Spent,
        now: float,
    ) -> None:
        """Write what the brain wants, the verdicts, and the approvals with their cards: one transaction.

        :param places: where each approval card is shown
        :raises Conflict: somebody else moved this workflow
        """
        await self._writer.write(
            lambda c: _record_move(c, flow, move, judged, places, spent, now), flow.tenant
        )

    async def pause(self, flow: Flow, now: float) -> None:
        """Wait for people.

        :raises Conflict: somebody else moved this workflow, or decided meanwhile
        """
        await self._writer.write(lambda c: _pause(c, flow, now), flow.tenant)

    async def finish(
        self,
        flow: Flow,
        state: WorkflowState,
        outcome: str,
        now: float,
        spent: Spent,
        line: str = "",
        actor: str = "host",
    ) -> None:
        """End a workflow with a sentence that somebody reads.

        :param line: the last line of its status, where the state alone does not say enough
        :param actor: the principal who ended it, where somebody did
        :raises Conflict: somebody else moved this workflow
        """
        line = line or LAST_LINES[state]
        await self._writer.write(
            lambda c: _finish(c, flow, state, outcome, spent, now, line, actor), flow.tenant
        )

    async def view(self, tenant: str, workflow_id: str) -> WorkflowView:
        """
        :raises NotFound: no such workflow of this tenant
        """
        return await self._writer.read(lambda c: _view(c, tenant, workflow_id))

    async def latest(self, tenant: str, limit: int) -> tuple[WorkflowView, ...]:
        """The tenant's workflows, newest first."""
        return await self._writer.read(
            lambda c: tuple(
                rows.workflow_view(row) for row in sql.workflows_of(c, tenant=tenant, limit=limit)
            )
        )

    async def open_ids(self) -> tuple[str, ...]:
        """Every workflow that should be going on: what a start has to take up again."""
        return await self._writer.read(lambda c: tuple(row["id"] for row in sql.open_workflows(c)))


def _add(c: Connection, task: Task, workflow_id: str, now: float) -> tuple[str, bool]:
    known = _delivered(c, task.delivery, workflow_id, now)
    if known != workflow_id:
        return known, False
    if sql.open_workflows_of(c, tenant=task.tenant)["open"] >= MAX_OPEN:
        raise Refused(f"{MAX_OPEN} tasks of this tenant are at work already. Ask again when some have ended.")
    _insert(c, task, workflow_id, now)
    sql.add_message(
        c, workflow_id=workflow_id, role=Role.USER.value, text=_asked(task), calls="[]", call_id=""
    )
    detail = {"workflow": workflow_id, "door": task.came_by, "text": task.text}
    note(c, task.tenant, now, "received", task.requester, **detail)
    subject, body = f"status:{workflow_id}", {"text": "Working on it."}
    tell(c, now, task.tenant, workflow_id, subject, NoticeKind.STATUS, task.reply_to, body)
    return workflow_id, True


def _delivered(c: Connection, delivery: tuple[str, str] | None, workflow_id: str, now: float) -> str:
    """The workflow of this delivery: the new one, unless it came before."""
    if delivery is None:
        return workflow_id
    source, event_id = delivery
    kept_until = now + KEEP_DELIVERIES
    if sql.note_delivery(c, source=source, event_id=event_id, workflow_id=workflow_id, kept_until=kept_until):
        return workflow_id
    return str(sql.delivered_workflow(c, source=source, event_id=event_id)["workflow_id"])


def _insert(c: Connection, task: Task, workflow_id: str, now: float) -> None:
    sql.add_workflow(
        c,
        id=workflow_id,
        tenant=task.tenant,
        requester=task.requester,
        text=task.text,
        door=task.came_by,
        reply_door=task.reply_to.door,
        place=canonical_text(dict(task.reply_to.place)),
        thread=task.thread,
        tools=None if task.tools is None else json.dumps(task.tools),
        brain=task.brain,
        now=now,
    )


def _asked(task: Task) -> str:
    if not task.context:
        return task.text
    return task.text + CONTEXT_MARKER + canonical_text(dict(task.context))


def _record_move(
    c: Connection,
    flow: Flow,
    move: Move,
    judged: Sequence[Judged],
    places: Sequence[Address],
    spent: Spent,
    now: float,
) -> None:
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
        calls.add(c, flow, call, cards.get(call.approval_id, ""), now)
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


def _pause(c: Connection, flow: Flow, now: float) -> None:
    """A decision on a workflow that still ran woke nobody: it is seen here, or waits for ever."""
    states = {call["state"] for call in sql.calls(c, workflow_id=flow.id)}
    if CallState.PENDING.value not in states or CallState.APPROVED.value in states:
        raise Conflict("A decision came meanwhile.")
    move_workflow(c, flow, WorkflowState.PAUSED, "", Spent(), now)
    show_status(c, flow, WAITING, now, waits=True)


def _finish(
    c: Connection,
    flow: Flow,
    state: WorkflowState,
    outcome: str,
    spent: Spent,
    now: float,
    line: str,
    actor: str,
) -> None:
    move_workflow(c, flow, state, outcome, spent, now)
    note(c, flow.tenant, now, "workflow_" + state.value, actor, workflow=flow.id)
    calls.end_open(c, flow, now)
    show_status(c, flow, line, now, is_last=True)
    kind = NoticeKind.ANSWER if state is WorkflowState.DONE else NoticeKind.FAILURE
    body = {"text": outcome, "by": _denier(c, flow)}
    tell(c, now, flow.tenant, flow.id, f"answer:{flow.id}", kind, flow.address, body)


def _denier(c: Connection, flow: Flow) -> str:
    """Who said no to the last call, by our own rows; "" where nobody did."""
    if not flow.calls or flow.calls[-1].state is not CallState.DENIED:
        return ""
    row = sql.approval_of_call(c, workflow_id=flow.id, seq=flow.calls[-1].seq)
    denials = sql.decisions(c, approval_id=row["id"]) if row else ()
    return next((str(each["principal"]) for each in denials), "")


def _view(c: Connection, tenant: str, workflow_id: str) -> WorkflowView:
    row = sql.workflow(c, id=workflow_id)
    if row is None or row["tenant"] != tenant:
        raise NotFound("There is no such workflow.")
    pending = next((a for a in sql.pending_approvals_of(c, workflow_id=workflow_id)), None)
    return rows.workflow_view(row, rows.load_approval(c, pending["id"]) if pending else None)
