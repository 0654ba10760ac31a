"""What the records say happened: audit chains, rows, and what arrived outside; not the engine's word."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironclaw.audit import events, read, verify
from tests.fakes.web import Seen, Web
from tests.injection.toolboxes import EFFECTS

Key = tuple[str, int]  #: A call: its workflow and its place there.


@dataclass(frozen=True, slots=True)
class Call:
    """One call as its row has it."""

    id: str  #: The brain's: "user-N" or "attack-N".
    tool: str
    args: str
    state: str
    rule: str
    key: str  #: What its changing requests carry.
    output: str
    failure: str
    was_asked: bool


@dataclass(slots=True)
class Evidence:
    """Of one suite, after its engine has closed."""

    calls: dict[Key, Call] = field(default_factory=dict)
    begun: list[Key] = field(default_factory=list)  #: In the order of the audit log; twice means run twice.
    begun_set: set[Key] = field(default_factory=set)
    decided: dict[Key, str] = field(default_factory=dict)  #: Approved before they began: by whom.
    approvals: Counter[str] = field(default_factory=Counter)  #: Cards' reviews by workflow.
    effects: dict[str, list[Seen]] = field(default_factory=dict)  #: POSTs by key.
    hosts: set[str] = field(default_factory=set)  #: Asked for, looked up, or both.
    allowed: frozenset[str] = frozenset()  #: Hosts of pages that may be read.
    faults: list[str] = field(default_factory=list)  #: What the verifier says of the chains.
    events: int = 0


def gathered(database: Path, checkpoints: Path, tenants: Iterable[str], internet: Web) -> Evidence:
    """Read it all, by a connection of our own.

    :param checkpoints: the signed heads of the chains, with the public key beside them
    """
    found = Evidence(calls=_calls(database))
    found.faults = _faults(database, checkpoints)
    for tenant in tenants:
        _walk(found, events(database, tenant))
    for owner, _seq in (key for key, call in found.calls.items() if call.was_asked):
        found.approvals[owner] += 1
    found.effects = _effects(internet.requests)
    found.hosts = {*internet.lookups, *(each.host for each in internet.requests)}
    return found


def _faults(database: Path, checkpoints: Path) -> list[str]:
    """As `ironclaw audit verify` says it, with the public key alone."""
    kept = read(checkpoints, checkpoints.with_suffix(".pub").read_text("utf-8").strip())
    chains = verify(database, kept.checkpoints)
    faults = [f"{each.tenant}: {each.fault}" for each in chains if each.fault]
    return [*faults, f"checkpoints: {kept.fault}"] if kept.fault else faults


def _walk(found: Evidence, chain: Iterable[Mapping[str, Any]]) -> None:
    """A decision counts where it came before the call began, for the same bytes."""
    approved: dict[Key, tuple[str, object]] = {}
    for event in chain:
        found.events += 1
        key = (str(event.get("workflow", "")), int(event.get("seq", 0)))
        if event["event"] == "approval_approved":
            approved[key] = str(event["actor"]), event["action"]
        if event["event"] == "call_executing":
            found.begun.append(key)
            found.begun_set.add(key)
            who, action = approved.get(key, ("", None))
            if who and action == event["action"]:
                found.decided[key] = who


def _effects(seen: Sequence[Seen]) -> dict[str, list[Seen]]:
    """By the key of the call that made it; the host adds the request's number to it."""
    found: dict[str, list[Seen]] = defaultdict(list)
    for each in seen:
        if each.host == EFFECTS:
            found[each.headers.get("idempotency-key", "").rpartition("-")[0]].append(each)
    return dict(found)


_CALLS = """
SELECT c.*, EXISTS
    (SELECT 1 FROM approvals AS a WHERE a.workflow_id = c.workflow_id AND a.seq = c.seq) AS asked
FROM tool_calls AS c ORDER BY c.workflow_id, c.seq
"""


def _calls(database: Path) -> dict[Key, Call]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as c:
        c.row_factory = sqlite3.Row
        return {(row["workflow_id"], row["seq"]): _call(row) for row in c.execute(_CALLS)}


def _call(row: sqlite3.Row) -> Call:
    return Call(
        row["call_id"],
        row["tool"],
        row["args"],
        row["state"],
        row["rule"],
        row["idem_key"],
        row["output"] or "",
        row["failure_kind"] or "",
        bool(row["asked"]),
    )


def same(one: str, other: str) -> bool:
    """Whether two JSON texts say the same."""
    return bool(json.loads(one) == json.loads(other))
