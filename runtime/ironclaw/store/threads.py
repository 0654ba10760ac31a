"""Threads: their tasks are done one after the other, in the order in which they were accepted.

Of a thread the oldest task that has not ended is its head: it alone is begun.  '' is no thread.
"""

from __future__ import annotations

import json
import math

from ironclaw.store.model import Flow
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.store.telling import tell
from ironclaw.store.units import announce
from ironclaw.task import Address, NoticeKind, WorkflowState

BEGINS = "Working on it."
BEHIND = "Waiting: an earlier task of this thread is at work."
BEHIND_PAUSED = "Waiting: an earlier task of this thread waits for people. This one runs after it."
TOLD = 5  #: How many of those behind are told anew when the head stops.


def accepted_at(c: Connection, tenant: str, thread: str, now: float) -> float:
    """When a task is accepted: after all others of its thread, whatever the clock says.

    :return: unix seconds
    """
    newest = sql.newest_in_thread(c, tenant=tenant, thread=thread)["at"] if thread else None
    return now if newest is None else max(now, math.nextafter(newest, math.inf))


def head(c: Connection, tenant: str, thread: str) -> Row | None:
    """The task of a thread that is at work, waits for people, or is next; None: all have ended."""
    return sql.thread_head(c, tenant=tenant, thread=thread) if thread else None


def next_in_thread(c: Connection, flow: Flow) -> Row | None:
    """What may begin because a task has ended; None: there is nothing, or it has begun already."""
    found = head(c, flow.tenant, flow.thread)
    return found if found and found["state"] == WorkflowState.QUEUED.value else None


def tell_place(c: Connection, row: Row, now: float) -> bool:
    """Say in its thread how a task that was just accepted stands.

    :return: whether it may begin
    """
    first = head(c, row["tenant"], row["thread"])
    _tell(c, row, first, now)
    return first is None or bool(first["id"] == row["id"])


def hand_on(c: Connection, flow: Flow, now: float) -> None:
    """A task has ended: have the next of its thread begin."""
    following = next_in_thread(c, flow)
    if following:
        announce(c, following["id"])
        tell_followers(c, flow, now)


def tell_followers(c: Connection, flow: Flow, now: float) -> None:
    """Say to those in the queue of a thread what they wait for now."""
    first = head(c, flow.tenant, flow.thread)
    if first:
        for row in list(sql.queued_in_thread(c, tenant=flow.tenant, thread=flow.thread, limit=TOLD)):
            _tell(c, row, first, now)


def _tell(c: Connection, row: Row, first: Row | None, now: float) -> None:
    address = Address(row["reply_door"], json.loads(row["place"]))
    body = _body(row, first)
    tell(c, now, row["tenant"], row["id"], f"status:{row['id']}", NoticeKind.STATUS, address, body)


def _body(row: Row, first: Row | None) -> dict[str, str]:
    if first is None or first["id"] == row["id"]:
        return {"text": BEGINS}
    is_paused = first["state"] == WorkflowState.PAUSED.value
    return {"text": BEHIND_PAUSED if is_paused else BEHIND, "behind": first["id"]}
