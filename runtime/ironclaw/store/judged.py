"""Calls as they were judged, read beside a running bot."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ironclaw.store.looking import look
from ironclaw.store.sql import Row, sql
from ironclaw.task import CallState
from ironclaw.terms import Circumstances


@dataclass(frozen=True, slots=True)
class JudgedCall:
    """One call that policy was asked about."""

    name: str  #: Of its workflow, and which one in it.
    tenant: str
    requester: str
    door: str
    tool: str
    args: str  #: JSON text.
    rule: str
    verdict: str  #: "allow", "review", or "refuse" for deny and correct.
    circumstances: Circumstances
    at: float  #: Unix seconds: when it was asked about, or its workflow began.


def judged_calls(path: Path, tenant: str, limit: int, url: str = "") -> tuple[JudgedCall, ...]:
    """The newest calls, oldest first.

    :param tenant: "" for all
    :param url: of the PostgreSQL in the place of SQLite's file
    :raises StoreError: there is no database, or it is not of this version
    """
    rows = look(path, url, lambda c: list(sql.judged_calls(c, tenant=tenant, limit=limit)))
    return tuple(map(_call, reversed(rows)))


def _call(row: Row) -> JudgedCall:
    return JudgedCall(
        name=f"{row['workflow_id'][:8]}/{row['seq']}",
        tenant=row["tenant"],
        requester=row["requester"],
        door=row["door"],
        tool=row["tool"],
        args=row["args"],
        rule=row["rule"],
        verdict=_verdict(row),
        circumstances=Circumstances.from_json(json.loads(row["circumstances"])),
        at=row["at"],
    )


def _verdict(row: Row) -> str:
    """What policy said: a call that a grant let run was one for review."""
    if row["is_asked"] or row["rule"].startswith("grant:"):
        return "review"
    return "refuse" if row["state"] == CallState.DENIED.value else "allow"
