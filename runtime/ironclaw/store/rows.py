"""SQL by name, and what its rows mean."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiosql

from ironclaw.canonical import canonical
from ironclaw.task import (
    Address,
    ApprovalState,
    ApprovalView,
    CallState,
    Decision,
    Message,
    Notice,
    NoticeKind,
    ProposedCall,
    Risk,
    Role,
    Vote,
    WorkflowState,
    WorkflowView,
)

#: A statement runs by its name in queries.sql, on a connection; only this package names one.
sql: Any = aiosql.from_path(Path(__file__).with_name("queries.sql"), "sqlite3", mandatory_parameters=False)

#: Doors that read the rows instead of being told.
ANSWERS_WHEN_ASKED = frozenset({"http", "cli"})
FIRST_LINK = "0" * 64  #: What the first audit row of a tenant has before it.


@dataclass(frozen=True, slots=True)
class Head:
    """Where one tenant's audit chain ends."""

    tenant: str
    n: int  #: How many events it has.
    hash: str  #: Of the last one.


def text(value: object) -> str:
    """A JSON value as the text that columns hold."""
    return canonical(value).decode()


def link(prev: str, n: int, event: str) -> str:
    """The hash of one audit row: over the one before it, its number and its event.

    The RFC 8785 text of the three, which the standard library writes alike for two strings and a small
    number, and six times as fast.
    """
    chained = json.dumps([prev, n, event], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(chained.encode()).hexdigest()


def note(c: sqlite3.Connection, tenant: str, at: float, event: str, actor: str, **detail: object) -> None:
    """Append one event to the tenant's audit chain, in the caller's transaction."""
    head = sql.audit_head(c, tenant=tenant)
    n, prev = (head["n"] + 1, head["hash"]) if head else (1, FIRST_LINK)
    body = text({"at": round(at, 3), "event": event, "actor": actor, **detail})
    sql.add_audit(c, tenant=tenant, n=n, event=body, prev=prev, hash=link(prev, n, body))


def tell(
    c: sqlite3.Connection,
    now: float,
    tenant: str,
    workflow_id: str,
    subject: str,
    kind: NoticeKind,
    address: Address,
    body: Mapping[str, object],
) -> None:
    """Put one notice into the outbox, in the caller's transaction."""
    if address.door in ANSWERS_WHEN_ASKED:
        return
    sql.add_notice(
        c,
        tenant=tenant,
        workflow_id=workflow_id,
        subject=subject,
        kind=kind.value,
        door=address.door,
        place=text(dict(address.place)),
        body=text(dict(body)),
        now=now,
    )


def address_of(row: sqlite3.Row) -> Address:
    return Address(row["door"], json.loads(row["place"]))


def message(row: sqlite3.Row) -> Message:
    calls = tuple(
        ProposedCall(call["id"], call["tool"], call["arguments"]) for call in json.loads(row["calls"])
    )
    return Message(Role(row["role"]), row["text"], calls, row["call_id"])


def calls_text(calls: tuple[ProposedCall, ...]) -> str:
    return json.dumps([{"id": call.id, "tool": call.tool, "arguments": call.arguments} for call in calls])


def notice(row: sqlite3.Row) -> Notice:
    return Notice(
        id=row["id"],
        tenant=row["tenant"],
        workflow_id=row["workflow_id"],
        subject=row["subject"],
        kind=NoticeKind(row["kind"]),
        address=address_of(row),
        body=json.loads(row["body"]),
        ref=json.loads(row["known_ref"]) if row["known_ref"] else None,
        attempts=row["attempts"],
    )


def workflow_view(row: sqlite3.Row, approval: ApprovalView | None = None) -> WorkflowView:
    return WorkflowView(
        id=row["id"],
        tenant=row["tenant"],
        requester=row["requester"],
        text=row["text"],
        state=WorkflowState(row["state"]),
        outcome=row["outcome"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        approval=approval,
    )


def vote(row: sqlite3.Row) -> Vote:
    return Vote(row["principal"], Decision(row["decision"]), row["at"], row["reason"])


def approval_view(row: sqlite3.Row, votes: tuple[Vote, ...]) -> ApprovalView:
    return ApprovalView(
        id=row["id"],
        version=row["version"],
        tenant=row["tenant"],
        workflow_id=row["workflow_id"],
        requester=row["requester"],
        tool=row["tool"],
        risk=Risk(row["risk"]),
        args=row["args"],
        action_sha256=row["action_sha256"],
        component_sha256=row["component_sha256"],
        rule=row["rule"],
        state=ApprovalState(row["state"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        votes=votes,
        call_state=CallState(row["call_state"]),
    )


def load_approval(c: sqlite3.Connection, approval_id: str) -> ApprovalView | None:
    row = sql.approval(c, id=approval_id)
    if row is None:
        return None
    return approval_view(row, tuple(vote(each) for each in sql.decisions(c, approval_id=approval_id)))
