"""Workflows and their messages.  Each method is one transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace

import structlog

from ironclaw.canonical import canonical_text
from ironclaw.capabilities import Room
from ironclaw.errors import Conflict, NotFound, QueueFull
from ironclaw.store import calls, doubt_rows, doubts, rows, threads, unreadable
from ironclaw.store.chain import note
from ironclaw.store.flows import load_flow
from ironclaw.store.model import Flow, Judged, Spent
from ironclaw.store.outbox import opening, post_card, tell, under
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.store.transitions import move_workflow, show_status
from ironclaw.store.units import Writer, announce
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

log = structlog.get_logger(__name__)

MOST = "which is the most. Nothing was kept of this one: send it again when some have ended."
ROOM = Room()
WAITING = "Waiting for approval."
STOPS = "Stopping: it ends as soon as the tool that runs has. Nothing after that will run."
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

    async def add(self, task: Task, workflow_id: str, now: float, room: Room = ROOM) -> tuple[str, bool]:
        """Accept a task, durably.

        :return: the workflow's id, and False when the same delivery had made it before
        :raises QueueFull: there is no room for it; the same delivery may come again
        """
        return await self._writer.write(lambda c: add_task(c, task, workflow_id, now, room), task.tenant)

    async def claim(self, tenant: str, workflow_id: str, owner: str, until: float, now: float) -> int | None:
        """Take a workflow that nobody works on and that is the head of its thread.

        :param tenant: the workflow's: its lock keeps this apart from what an earlier owner still writes
        :param owner: this life of this process; what it has without working on it, it may take anew
        :return: the epoch that its writes must name; None where there is nothing to take, or not yet
        """

        def unit(c: Connection) -> tuple[int, bool] | None:
            row = sql.workflow(c, id=workflow_id)
            if row is None or row["tenant"] != tenant:
                return None
            first = threads.head(c, row["tenant"], row["thread"])
            if first and first["id"] != workflow_id:
                return None
            if not sql.claim_workflow(c, id=workflow_id, owner=owner, until=until, now=now):
                return None
            # A lease that was given back is 0.
            return int(row["lease_epoch"]) + 1, row["lease_until"] > 0 and row["lease_owner"] != owner

        epoch, was_others = await self._writer.write(unit, tenant) or (None, False)
        if was_others:
            log.warning("taken_over", tenant=tenant, workflow=workflow_id, epoch=epoch)
        return epoch

    async def open_tenants(self) -> tuple[str, ...]:
        """Whose workflows should be going on."""
        return await self._writer.glance(lambda c: tuple(row["tenant"] for row in sql.open_tenants(c)))

    async def is_open(self, workflow_id: str) -> bool:
        """Whether it is at work, or about to be."""
        return await self._writer.glance(lambda c: sql.open_lease(c, id=workflow_id) is not None)

    async def is_held(self, workflow_id: str, now: float) -> bool:
        """Whether a process works on it, as far as anybody knows."""

        def unit(c: Connection) -> bool:
            row = sql.open_lease(c, id=workflow_id)
            return row is not None and bool(row["lease_until"] > now)

        return await self._writer.glance(unit)

    async def extend_leases(self, held: Collection[tuple[str, int]], until: float, now: float) -> None:
        """Say that a process lives, and works on these.

        :param held: workflows with the epochs of their leases
        """

        def unit(c: Connection) -> None:
            for workflow_id, epoch in held:
                sql.extend_lease(c, id=workflow_id, epoch=epoch, until=until, now=now)

        if held:
            await self._writer.write(unit, "")

    async def release(self, workflow_id: str, epoch: int) -> bool:
        """Let others take what this process could not go on with.

        :return: False where it waits or has ended, or others have it already
        """
        had = await self._writer.write(lambda c: sql.release_workflow(c, id=workflow_id, epoch=epoch), "")
        return bool(had)

    async def let_go(self, owner: str) -> None:
        """Let others take all that a process works on, which stops."""
        await self._writer.write(lambda c: sql.let_leases_go(c, owner=owner), "")

    async def announce_idle(self, now: float) -> int:
        """Put a job into the queue for each workflow that should go on and that nobody works on.

        :return: how many there are
        """

        def unit(c: Connection) -> int:
            idle = [row["id"] for row in sql.idle_workflows(c, now=now)]
            for workflow_id in idle:
                announce(c, workflow_id)
            return len(idle)

        return await self._writer.write(unit, "")

    async def load(self, workflow_id: str) -> Flow:
        """
        :raises NotFound: no such workflow
        """
        return await self._writer.glance(lambda c: load_flow(c, workflow_id))

    async def load_to_step(self, workflow_id: str) -> Flow:
        """For who goes on with it: of one that waits or has ended, without what was said in it.

        :raises NotFound: no such workflow
        """
        return await self._writer.glance(lambda c: load_flow(c, workflow_id, to_step=True))

    async def check(self, tenant: str, workflow_id: str) -> None:
        """
        :raises NotFound: no such workflow of this tenant
        """
        head = await self._writer.glance(lambda c: sql.workflow_head(c, id=workflow_id))
        if head is None or head["tenant"] != tenant:
            raise NotFound("There is no such workflow.")

    async def end_unreadable(self, workflow_id: str, now: float) -> bool:
        """End a workflow with a sentence if its rows are not as we write them.

        :return: whether it was so
        """
        return await self._writer.write(lambda c: unreadable.end_unreadable(c, workflow_id, now))

    async def end_unreadable_reviews(self, now: float) -> tuple[str, ...]:
        """The same for those that wait for a review that nobody could be shown, once its time is over.

        :return: their ids
        """
        return await self._writer.write(lambda c: unreadable.end_unreadable_reviews(c, now))

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
            lambda c: tuple(_shown(c, row) for row in list(sql.workflows_of(c, tenant=tenant, limit=limit)))
        )

    async def latest_of(
        self, tenant: str, requesters: Collection[str], limit: int
    ) -> tuple[WorkflowView, ...]:
        """The workflows of one person, newest first.

        :param requesters: every identity of theirs
        """

        def unit(c: Connection) -> tuple[WorkflowView, ...]:
            found = [
                _shown(c, row)
                for each in requesters
                for row in list(sql.workflows_of_person(c, tenant=tenant, requester=each, limit=limit))
            ]
            return tuple(sorted(found, key=lambda view: view.created_at, reverse=True)[:limit])

        return await self._writer.read(unit)

    async def wish_stop(self, flow: Flow, actor: str, now: float) -> bool:
        """Have a workflow end as soon as the tool that runs has.

        :return: False where it does not work any more, or somebody has wished it before
        """

        def unit(c: Connection) -> bool:
            if not sql.wish_stop(c, id=flow.id, by=actor):
                return False
            note(c, flow.tenant, now, "stop_wished", actor, workflow=flow.id)
            show_status(c, flow, STOPS, now)
            return True

        return await self._writer.write(unit, flow.tenant)

    async def open_ids(self) -> tuple[tuple[str, str], ...]:
        """Every workflow that should be going on, with its tenant, the oldest first."""
        return await self._writer.read(
            lambda c: tuple((row["id"], row["tenant"]) for row in sql.open_workflows(c))
        )

    async def open_in_thread(self, tenant: str, thread: str) -> tuple[str, ...]:
        """What of a thread has not ended, the newest first."""
        return await self._writer.read(
            lambda c: tuple(row["id"] for row in sql.open_in_thread(c, tenant=tenant, thread=thread))
        )

    async def follower(self, flow: Flow) -> str:
        """What may begin in the thread of a workflow that has ended; "" for nothing."""
        if not flow.thread:
            return ""
        return await self._writer.glance(lambda c: str((threads.next_in_thread(c, flow) or {"id": ""})["id"]))


def add_task(c: Connection, task: Task, workflow_id: str, now: float, room: Room = ROOM) -> tuple[str, bool]:
    """Accept a task in the caller's transaction: see :meth:`Workflows.add`.

    :raises Refused: too many of this tenant are at work
    """
    known = delivered(c, task.delivery, workflow_id, now)
    if known != workflow_id:
        return known, False
    _check_room(c, task.tenant, room)
    if task.opens_thread:
        task = _opened(c, task, workflow_id, now)
    _insert(c, task, workflow_id, threads.accepted_at(c, task.tenant, task.thread, now))
    sql.add_message(
        c, workflow_id=workflow_id, role=Role.USER.value, text=_asked(task), calls="[]", call_id=""
    )
    detail = {"workflow": workflow_id, "door": task.came_by, "text": task.text}
    if task.retry_of:
        detail["retry_of"] = task.retry_of
    note(c, task.tenant, now, "received", task.requester, **detail)
    if threads.tell_place(c, sql.workflow(c, id=workflow_id), now):
        announce(c, workflow_id)
    return workflow_id, True


def _opened(c: Connection, task: Task, workflow_id: str, now: float) -> Task:
    """Have what was asked shown first; the task with the place beneath it."""
    body = {"text": task.text, "by": task.requester}
    subject = opening(workflow_id)
    tell(c, now, task.tenant, workflow_id, subject, NoticeKind.OPENING, task.reply_to, body)
    return replace(task, reply_to=under(task.reply_to, workflow_id))


def _check_room(c: Connection, tenant: str, room: Room) -> None:
    """
    :raises QueueFull: as much is at work or in the queue as may be
    """
    there = sql.how_many_open(c, tenant=tenant)
    if there["of_tenant"] >= room.of_tenant:
        raise QueueFull(f"{room.of_tenant:,} of your tasks are at work or in the queue, {MOST}")
    if there["of_all"] >= room.of_all:
        raise QueueFull(f"{room.of_all:,} tasks are at work or in the queue here, {MOST}", is_everybodys=True)


def delivered(c: Connection, delivery: tuple[str, str] | None, workflow_id: str, now: float) -> str:
    """What this delivery made: the new one, unless it came before."""
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
        schedule_id=task.schedule_id,
        retry_of=task.retry_of,
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
    if CallState.IN_DOUBT.value in states:  # Whatever else could go on waits until people have said.
        move_workflow(c, flow, WorkflowState.PAUSED, "", Spent(), now)
        return
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
    _check_none_began(c, flow)
    move_workflow(c, flow, state, outcome, spent, now)
    note(c, flow.tenant, now, "workflow_" + state.value, actor, workflow=flow.id)
    calls.end_open(c, flow, now)
    doubts.close_open(c, flow, now)
    show_status(c, flow, line, now, is_last=True)
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


def _view(c: Connection, tenant: str, workflow_id: str) -> WorkflowView:
    row = sql.workflow(c, id=workflow_id)
    if row is None or row["tenant"] != tenant:
        raise NotFound("There is no such workflow.")
    return _shown(c, row)


def _shown(c: Connection, row: Row) -> WorkflowView:
    """With what it waits for."""
    workflow_id = row["id"]
    waits_for = sql.waits_for(c, workflow_id=workflow_id)
    view = rows.workflow_view(
        row, rows.load_approval(c, waits_for["review"]) if waits_for["review"] else None
    )
    doubt = doubt_rows.load(c, waits_for["doubt"]) if waits_for["doubt"] else None
    return replace(view, doubt=doubt, behind=rows.behind(c, row, workflow_id))
