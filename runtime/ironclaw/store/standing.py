"""Whether a call may begin, by what the audit chain says of it: its row alone proves nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import Enum

from ironclaw.store.sql import Connection, sql
from ironclaw.task import CallEvent, CallState

NOT_RUN = "call_not_run"  #: People say that the attempt before did not happen.
RETRIED = "call_retried"  #: The host knows that it did not, or that once more does no harm.
OPEN = frozenset(
    {CallState.PROPOSED, CallState.PENDING, CallState.APPROVED, CallState.EXECUTING, CallState.IN_DOUBT}
)
#: Events after which a call is never begun again.
ENDED = frozenset(f"call_{state.value}" for state in CallState if state not in OPEN)


class Standing(Enum):
    """By what a call may begin, if it may."""

    FIRST = "first"  #: It was never begun.
    RETRIED = "retried"  #: The host allowed it once more.
    SETTLED = "settled"  #: People said that it did not happen: their testimonies must be there.
    SPENT = "spent"  #: It was begun, and nobody has allowed it once more; or it has ended.


def standing(events: Iterable[str]) -> Standing:
    """What a call's events, oldest first, come to.

    Each beginning uses up what allowed it.  After a doubt only people's word counts.
    """
    now, is_doubted = Standing.FIRST, False
    for event in events:
        if event in ENDED or (event == "call_executing" and now is Standing.SPENT):
            return Standing.SPENT
        if event == "call_executing":
            now = Standing.SPENT
        elif event == "call_in_doubt":
            now, is_doubted = Standing.SPENT, True
        elif event == NOT_RUN and is_doubted:
            now, is_doubted = Standing.SETTLED, False
        elif event == RETRIED and not is_doubted:
            now = Standing.RETRIED
    return now


def events_of(c: Connection, tenant: str, workflow_id: str, seq: int) -> tuple[CallEvent, ...]:
    """What a tenant's audit chain says of one call, oldest first."""
    of_flow = sql.events_of_workflow(c, tenant=tenant, workflow_id=workflow_id)
    found = [json.loads(row["event"]) for row in sorted(of_flow, key=lambda row: int(row["n"]))]
    return tuple(
        CallEvent(each["at"], each["event"], each["actor"]) for each in found if each.get("seq") == seq
    )
