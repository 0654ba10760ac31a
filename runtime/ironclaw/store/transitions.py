"""The steps that changes are made of: each in the caller's transaction, and only from the state it names."""

from __future__ import annotations

from ironclaw.errors import Conflict
from ironclaw.store import model_calls, threads
from ironclaw.store.chain import note
from ironclaw.store.model import CallRow, Flow, Judged, Spent
from ironclaw.store.sql import Connection, sql
from ironclaw.store.telling import tell
from ironclaw.store.units import announce
from ironclaw.task import CallState, NoticeKind, Role, WorkflowState


def one(count: int) -> None:
    """:raises Conflict: the row was not as it was read"""
    if count != 1:
        raise Conflict("Somebody else was first; read it again.")


def fence(c: Connection, flow: Flow) -> None:
    """
    :raises Conflict: another process has taken the workflow over
    """
    if not sql.holds_lease(c, id=flow.id, epoch=flow.epoch):
        raise Conflict("Another process works on this now.")


def fenced_one(c: Connection, flow: Flow, count: int) -> None:
    """Of a change that names the epoch itself.

    :raises Conflict: the row was not as it was read, or another process has taken the workflow over
    """
    if count != 1:
        fence(c, flow)
    one(count)


def wake(c: Connection, workflow_id: str, now: float) -> None:
    """Have a workflow that waited go on."""
    if sql.wake_workflow(c, id=workflow_id, now=now):
        announce(c, workflow_id)


def move_workflow(
    c: Connection, flow: Flow, state: WorkflowState, outcome: str, spent: Spent, now: float
) -> None:
    """From the version that was read to the next state, with what was spent.

    :raises Conflict: somebody else moved this workflow, or has taken it over
    """
    moved = sql.move_workflow(
        c,
        id=flow.id,
        version=flow.version,
        epoch=flow.epoch,
        state=state.value,
        outcome=outcome,
        steps=flow.steps + spent.steps,
        tokens=flow.tokens + spent.tokens,
        worked=flow.worked + spent.seconds,
        now=now,
    )
    fenced_one(c, flow, moved)
    model_calls.add(c, flow, spent.uses, now)
    if state is WorkflowState.PAUSED:
        threads.tell_followers(c, flow, now)
    elif state.is_final:
        model_calls.settle(c, flow, now)
        threads.hand_on(c, flow, now)


def move_call(c: Connection, workflow_id: str, seq: int, was: CallState, state: CallState) -> None:
    """
    :raises Conflict: the call is not in the state ``was``
    """
    one(sql.move_call(c, workflow_id=workflow_id, seq=seq, was=was.value, state=state.value))


def observe(c: Connection, workflow_id: str, call_id: str, text: str) -> None:
    """Append what the brain sees of a call."""
    sql.add_message(c, workflow_id=workflow_id, role=Role.TOOL.value, text=text, calls="[]", call_id=call_id)


def note_call(
    c: Connection,
    flow: Flow,
    call: CallRow | Judged,
    event: str,
    now: float,
    actor: str = "host",
    **more: object,
) -> None:
    """Append an event of one call to the tenant's audit chain."""
    detail = {"workflow": flow.id, "seq": call.seq, "tool": call.tool, "action": call.action_sha256, **more}
    note(c, flow.tenant, now, event, actor, **detail)


def show_status(
    c: Connection,
    flow: Flow,
    sentence: str,
    now: float,
    *,
    is_last: bool = False,
    waits: bool = False,
) -> None:
    """Say in the thread how the workflow stands.

    :param waits: for people: the door says for whom
    """
    body = {"text": sentence, "is_last": is_last, **({"asked_by": flow.requester} if waits else {})}
    tell(c, now, flow.tenant, flow.id, f"status:{flow.id}", NoticeKind.STATUS, flow.address, body)
