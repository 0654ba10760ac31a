"""A workflow as its rows have it, for who goes on with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from ironclaw.errors import NotFound
from ironclaw.store import rows
from ironclaw.store.model import Flow, Past
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.task import CONTEXT_MARKER, Address, Message, WorkflowState
from ironclaw.untrusted import MEMORY

AT_WORK = frozenset({WorkflowState.QUEUED.value, WorkflowState.RUNNING.value})


def load_flow(c: Connection, workflow_id: str, *, to_step: bool = False) -> Flow:
    """
    :param to_step: of one that rests, what was said in it is left out: nobody goes on with it
    :raises NotFound: no such workflow
    """
    parts: dict[str, list[Row]] = {"flow": [], "message": [], "call": []}
    for part in sql.flow_parts(c, id=workflow_id, whole=int(not to_step)):
        parts[part["part"]].append(part)
    [row] = parts["flow"]
    if row["tenant"] is None:
        raise NotFound("There is no such workflow.")
    rests = to_step and row["state"] not in AT_WORK and not row["stop_by"]
    before = () if rests else _before(c, row, workflow_id)
    return Flow(
        id=workflow_id,
        tenant=row["tenant"],
        requester=row["requester"],
        door=row["door"],
        address=Address(row["reply_door"], rows.place(row)),
        thread=row["thread"],
        tools=None if row["tools"] is None else tuple(json.loads(row["tools"])),
        brain=row["brain"],
        state=WorkflowState(row["state"]),
        version=row["version"],
        steps=row["steps"],
        tokens=row["tokens"],
        worked=row["worked"],
        created_at=row["created_at"],
        messages=_in_order(map(rows.message, parts["message"])),
        calls=tuple(map(rows.call_row, parts["call"])),
        past=tuple(
            Past(each["text"], each["outcome"], each["requester"])
            for each in before
            if each["part"] == "past"
        ),
        past_taint=_past_taint(before),
        read_also=frozenset(json.loads(row["read_also"] or "[]")),
        schedule_id=row["schedule_id"],
        stop_by=row["stop_by"],
        behind=rows.behind(c, row, workflow_id),
        epoch=row["lease_epoch"],
        is_leased=row["lease_until"] > 0,
    )


def _in_order(messages: Iterable[Message]) -> tuple[Message, ...]:
    """As they were said, but first what the brain was reminded of: the task stays the last word."""
    return tuple(sorted(messages, key=lambda message: message.source != MEMORY))


def _before(c: Connection, row: Row, workflow_id: str) -> Sequence[Row]:
    """What went before in the thread.  It has ended: later than the rest is early enough."""
    if not row["thread"]:
        return ()
    found: Sequence[Row] = sql.thread_before(
        c,
        tenant=row["tenant"],
        thread=row["thread"],
        before=row["created_at"],
        id=workflow_id,
        marker=CONTEXT_MARKER,
    )
    return found


def _past_taint(before: Sequence[Row]) -> frozenset[str]:
    """Of all tasks of the thread, also of those that the brain sees no more: answers pass things on."""
    found = [json.loads(row["circumstances"]).get("taints", ()) for row in before if row["part"] == "taint"]
    context = {"context"} if any(row["part"] == "context" for row in before) else set()
    return frozenset(context.union(*found))
