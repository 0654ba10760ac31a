"""Whether a call may begin, by what the audit chain says of it: its row alone proves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any

from ironclaw.store.sql import Connection, sql
from ironclaw.task import CallEvent, CallState

NOT_RUN = "call_not_run"  #: People say that the attempt before did not happen.
RETRIED = "call_retried"  #: The host knows that it did not, or that once more does no harm.
BEGUN = "call_executing"
EFFECT_BEGUN = "call_effect_begun"  #: The next byte changes something outside.
OPEN = frozenset(
    {CallState.PROPOSED, CallState.PENDING, CallState.APPROVED, CallState.EXECUTING, CallState.IN_DOUBT}
)
#: Events after which a call is never begun again.
ENDED = frozenset(f"call_{state.value}" for state in CallState if state not in OPEN)

Event = Mapping[str, Any]  #: As the chain has it: ``event``, ``at``, ``actor``, and more.


class Standing(Enum):
    """By what a call may begin, if it may."""

    FIRST = "first"  #: It was never begun.
    RETRIED = "retried"  #: The host allowed it once more.
    SETTLED = "settled"  #: People said that it did not happen: their testimonies must be there.
    SPENT = "spent"  #: It was begun, and nobody has allowed it once more; or it has ended.


def standing(told: Iterable[Event], is_ours: Callable[[int, str], bool]) -> Standing:
    """What a call's events, oldest first, come to.

    Each beginning uses up what allowed it.  After a doubt only people's word counts.

    :param is_ours: whether the host sealed that a call may begin once more after this many beginnings:
        anybody can append an event that fits
    """
    now, is_doubted, begun = Standing.FIRST, False, 0
    for each in told:
        event = each["event"]
        if event in ENDED or (event == BEGUN and now is Standing.SPENT):
            return Standing.SPENT
        if event == BEGUN:
            now, begun = Standing.SPENT, begun + 1
        elif event == "call_in_doubt":
            now, is_doubted = Standing.SPENT, True
        elif event == NOT_RUN and is_doubted:
            now, is_doubted = Standing.SETTLED, False
        elif event == RETRIED and not is_doubted and is_ours(begun, str(each.get("seal", ""))):
            now = Standing.RETRIED
    return now


def attempts(told: Iterable[Event]) -> int:
    """How often a call was begun."""
    return sum(each["event"] == BEGUN for each in told)


def last_attempt(told: Iterable[Event]) -> list[Event]:
    """What was said since a call was last begun, from that on; nothing where it never was."""
    found: list[Event] = []
    for each in told:
        if each["event"] == BEGUN:
            found = [each]
        elif found:
            found.append(each)
    return found


def told_of(c: Connection, tenant: str, workflow_id: str, seq: int) -> list[Event]:
    """What a tenant's audit chain says of one call, oldest first."""
    of_flow = sql.events_of_workflow(c, tenant=tenant, workflow_id=workflow_id)
    found = [json.loads(row["event"]) for row in sorted(of_flow, key=lambda row: int(row["n"]))]
    return [each for each in found if each.get("seq") == seq]


def events_of(c: Connection, tenant: str, workflow_id: str, seq: int) -> tuple[CallEvent, ...]:
    """The same without its details."""
    found = told_of(c, tenant, workflow_id, seq)
    return tuple(CallEvent(each["at"], each["event"], each["actor"]) for each in found)
