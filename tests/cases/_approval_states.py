"""What a scenario's word for a state means in rows: each is a question to the calls that there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ironclaw.veto.asked import CHANGED, NOT_ALLOWED
from ironclaw.veto.gate import NOT_DECIDED, TOO_LATE
from tests.cases._approval_toolbox import TOOLS, known_as
from tests.cases._approval_world import World

HARMLESS = {known_as(name) for name, (_box, risk, *_) in TOOLS.items() if risk == "low"}


@dataclass(frozen=True, slots=True)
class Stood:
    """One call that could do harm, as the rows have it."""

    tool: str
    state: str
    rule: str
    args: dict[str, Any]
    review: str  #: State of its approval; "" where nobody was asked.
    votes: int
    seen: str  #: What the brain was told of it.


def stood(world: World) -> list[Stood]:
    """Every such call, oldest first."""
    found = world.query(
        """SELECT c.*, a.state AS review,
            (SELECT count(*) FROM decisions d WHERE d.approval_id = a.id) AS votes,
            (SELECT m.text FROM messages m WHERE m.workflow_id = c.workflow_id AND m.role = 'tool'
                AND m.call_id = c.call_id ORDER BY m.seq DESC LIMIT 1) AS seen
        FROM tool_calls c JOIN workflows w ON w.id = c.workflow_id
        LEFT JOIN approvals a ON a.workflow_id = c.workflow_id AND a.seq = c.seq
        ORDER BY w.created_at, w.rowid, c.seq"""
    )
    return [
        Stood(
            row["tool"],
            row["state"],
            row["rule"],
            json.loads(row["args"]),
            row["review"] or "",
            row["votes"],
            row["seen"] or "",
        )
        for row in found
        if row["tool"] not in HARMLESS
    ]


def _is(state: str, review: str, sentence: str = "") -> Callable[[Stood], bool]:
    return lambda call: (call.state, call.review) == (state, review) and sentence in call.seen


WAITS = _is("pending", "pending")
DONE = _is("succeeded", "approved")


def _refused(call: Stood) -> bool:
    """Before anybody was asked."""
    return call.state == "denied" and call.review == "" and call.rule != "unknown-tool"


def _replaced(call: Stood) -> bool:
    """It, its tool, its files or its decision is not what was judged."""
    return call.state == "superseded" and any(sentence in call.seen for sentence in (CHANGED, NOT_DECIDED))


def _too_late(call: Stood) -> bool:
    return _is("expired", "expired")(call) or _is("superseded", "approved", TOO_LATE)(call)


#: Of a scenario whose calls all end alike.
ALL = {
    "cancelled": lambda call: call.state == "cancelled",
    "denied": _is("denied", "denied"),
    "denied_by_policy": lambda call: call.state == "superseded" and NOT_ALLOWED in call.seen,
    "denied_unknown_tool": lambda call: (
        (call.state, call.review, call.rule) == ("denied", "", "unknown-tool")
    ),
    "done": DONE,
    "expired": _too_late,
    "invalid": _replaced,
    "needs_reapproval": _is("superseded", "approved", NOT_DECIDED),
    "pending": WAITS,
    "rejected": _refused,
    "unknown_outcome": _is("in_doubt", "approved"),
}
#: Of a scenario with an old call and a new one.
EACH: dict[str, tuple[Callable[[Stood], bool], ...]] = {
    "done+pending": (DONE, WAITS),
    "needs_new_approval": (_replaced, WAITS),
}


def fits(word: str, calls: Sequence[Stood]) -> bool:
    """Whether the calls stand as the scenario says; there must be some.

    :raises KeyError: a word that nobody knows
    """
    if word in EACH:
        wanted = EACH[word]
        return len(calls) == len(wanted) and all(is_so(c) for is_so, c in zip(wanted, calls, strict=True))
    return bool(calls) and all(ALL[word](call) for call in calls)
