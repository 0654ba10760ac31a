"""SQL by name, and what its rows mean."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache

import structlog

from ironclaw.store.model import CallRow, Signed
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.task import (
    Address,
    ApprovalState,
    ApprovalView,
    CallState,
    Decision,
    Effect,
    Message,
    Notice,
    NoticeKind,
    ProposedCall,
    Risk,
    Role,
    Usage,
    Vote,
    WorkflowState,
    WorkflowView,
)
from ironclaw.terms import Circumstances, Terms

log = structlog.get_logger(__name__)
RESTORED = "restored"  #: In place of a failure: people were asked about it when a backup was made.


def address_of(row: Row) -> Address:
    return Address(row["door"], place(row))


def place(row: Row) -> dict[str, str]:
    """
    :raises ValueError: it is no place as we write them
    """
    place = json.loads(row["place"])
    if not isinstance(place, dict) or not all(isinstance(each, str) for each in place.values()):
        raise ValueError("not a place")
    return place


def message(row: Row) -> Message:
    calls = () if row["calls"] == "[]" else _proposed(row["calls"])
    return Message(Role(row["role"]), row["text"], calls, row["call_id"], row["source"], row["seq"])


def _proposed(text: str) -> tuple[ProposedCall, ...]:
    return tuple(ProposedCall(call["id"], call["tool"], call["arguments"]) for call in json.loads(text))


@lru_cache(maxsize=256)
def terms(text: str) -> Terms:
    """
    :raises ValueError, TypeError, LookupError, AttributeError: they are none as we write them
    """
    return Terms.from_json(json.loads(text))


@lru_cache(maxsize=256)
def circumstances(text: str) -> Circumstances:
    """
    :raises ValueError, TypeError, LookupError, AttributeError: they are none as we write them
    """
    return Circumstances.from_json(json.loads(text))


def calls_text(calls: tuple[ProposedCall, ...]) -> str:
    return json.dumps([{"id": call.id, "tool": call.tool, "arguments": call.arguments} for call in calls])


def notice(row: Row) -> Notice:
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
        tried_at=float(row["tried_at"] or 0),
    )


def workflow_view(row: Row, approval: ApprovalView | None = None) -> WorkflowView:
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
        steps=row["steps"],
        stop_by=row["stop_by"] if row["state"] == WorkflowState.RUNNING.value else "",
        retry_of=row["retry_of"],
        door=row["door"],
    )


def vote(row: Row) -> Vote:
    return Vote(row["principal"], Decision(row["decision"]), row["at"], row["reason"], row["factor"])


def signed(row: Row) -> Signed:
    return Signed(
        row["principal"],
        Decision(row["decision"]),
        row["reason"],
        row["at"],
        row["mac"],
        row["person"],
        row["factor"],
    )


def approval_view(row: Row, votes: tuple[Vote, ...], last_usage: Usage | None) -> ApprovalView:
    return ApprovalView(
        id=row["id"],
        version=row["version"],
        tenant=row["tenant"],
        workflow_id=row["workflow_id"],
        seq=row["seq"],
        requester=row["requester"],
        tool=row["tool"],
        risk=Risk(row["risk"]),
        args=row["args"],
        action_sha256=row["action_sha256"],
        component_sha256=row["component_sha256"],
        rule=row["rule"],
        policy_version=row["policy_version"],
        state=ApprovalState(row["state"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        votes=votes,
        call_state=CallState(row["call_state"]),
        usage=usage(row),
        card=row["card"],
        terms=terms(row["terms"]),
        circumstances=circumstances(row["circumstances"]),
        door=row["door"],
        escalated_at=row["escalated_at"],
        last_usage=last_usage,
        was_restored=row["state"] == ApprovalState.SUPERSEDED.value and row["failure_kind"] == RESTORED,
    )


def usage(row: Row) -> Usage | None:
    """What a call used; None while it has not ended."""
    if row["seconds"] is None:
        return None
    return Usage(row["fuel"], row["memory_bytes"], row["seconds"], row["bytes_in"], row["bytes_out"])


def load_approval(c: Connection, approval_id: str) -> ApprovalView | None:
    """A review with its votes, or None for no such one."""
    row = sql.approval(c, id=approval_id)
    if row is None:
        return None
    votes = tuple(vote(each) for each in sql.decisions(c, approval_id=approval_id))
    return approval_view(row, votes, _last_usage(c, row))


def load_approvals(c: Connection, found: Iterable[Row]) -> tuple[ApprovalView, ...]:
    """Those of the rows' ids that can be read, in their order: one that cannot takes no other with it."""
    approvals = (_readable_approval(c, row["id"]) for row in list(found))
    return tuple(approval for approval in approvals if approval)


def _readable_approval(c: Connection, approval_id: str) -> ApprovalView | None:
    try:
        return load_approval(c, approval_id)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        log.error("approval_unreadable", approval=approval_id)
        return None


def _last_usage(c: Connection, row: Row) -> Usage | None:
    """What the tool used last time, for who decides now."""
    if row["state"] != ApprovalState.PENDING.value:
        return None
    last = sql.last_use(c, tool=row["tool"], tenant=row["tenant"])
    return usage(last) if last else None


def call_row(row: Row) -> CallRow:
    return CallRow(
        seq=row["seq"],
        call_id=row["call_id"],
        tool=row["tool"],
        args=row["args"],
        risk=Risk(row["risk"]),
        effect=Effect(row["effect"]),
        component_sha256=row["component_sha256"],
        manifest_sha256=row["manifest_sha256"],
        policy_version=row["policy_version"],
        rule=row["rule"],
        action_sha256=row["action_sha256"],
        state=CallState(row["state"]),
        idem_key=row["idem_key"],
        attempts=row["attempts"],
        effect_begun_at=row["effect_begun_at"],
        circumstances=circumstances(row["circumstances"]),
    )


def behind(c: Connection, row: Row, workflow_id: str) -> str:
    """What must end before a workflow begins: the head of its thread; "" for nothing."""
    if row["state"] != WorkflowState.QUEUED.value or not row["thread"]:
        return ""
    head = sql.thread_head(c, tenant=row["tenant"], thread=row["thread"])
    return "" if head is None or head["id"] == workflow_id else str(head["id"])
