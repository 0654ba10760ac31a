"""Accepts tasks: each is one workflow, durably, once for each delivery."""

from __future__ import annotations

import json
from dataclasses import replace

from ironclaw.canonical import canonical_text
from ironclaw.capabilities import Room
from ironclaw.errors import QueueFull, Suspended
from ironclaw.store import threads
from ironclaw.store.chain import note
from ironclaw.store.sql import Connection, sql
from ironclaw.store.telling import opening, tell, under
from ironclaw.store.units import announce
from ironclaw.task import CONTEXT_MARKER, NoticeKind, Role, Task, TenantState

MOST = "which is the most. Nothing was kept of this one: send it again when some have ended."
ROOM = Room()
KEEP_DELIVERIES = 7 * 24 * 3600.0  #: Seconds that a delivery id is remembered.


def add_task(c: Connection, task: Task, workflow_id: str, now: float, room: Room = ROOM) -> tuple[str, bool]:
    """Accept a task in the caller's transaction: see :meth:`Workflows.add`.

    :raises Suspended: its tenant is not served
    :raises QueueFull: too many of this tenant are at work
    """
    check_served(c, task.tenant)
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


def check_served(c: Connection, tenant: str) -> None:
    """
    :raises Suspended: nothing is done for this tenant now
    """
    row = sql.tenant_state(c, tenant=tenant)
    if row and row["state"] != TenantState.ACTIVE.value:
        raise Suspended


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
