"""What people decide: approvals, their decisions, and grants."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ironclaw.task.calls import CallState, Risk, Usage
from ironclaw.terms import Circumstances, GrantScope, Terms


class ApprovalState(Enum):
    """Where one review stands."""

    PENDING = "pending"  #: Waiting for people.
    APPROVED = "approved"  #: Decided yes.
    DENIED = "denied"  #: Decided no.
    EXPIRED = "expired"  #: Nobody decided in time; nothing was run.
    CANCELLED = "cancelled"  #: The workflow was stopped first.
    SUPERSEDED = "superseded"  #: The call, its tool or the policy changed; nothing was run.


class Decision(Enum):
    """What one person said of one approval."""

    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Vote:
    """One decision of one person."""

    principal: str
    decision: Decision
    at: float  #: Unix seconds.
    reason: str = ""
    factor: str = ""  #: What the person showed beside their door's identity: "totp", or nothing.


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """One review, as rows have it: what a card is drawn from."""

    id: str
    version: int
    tenant: str
    workflow_id: str
    seq: int  #: Of the call within the workflow.
    requester: str
    tool: str
    risk: Risk
    args: str  #: The stored canonical JSON text: exactly the bytes that would run.
    action_sha256: str  #: What the approval is bound to: see veto.action.
    component_sha256: str
    rule: str  #: Which policy rule asked.
    state: ApprovalState
    created_at: float
    expires_at: float
    policy_version: str = ""  #: Of the policy that asked.
    votes: tuple[Vote, ...] = ()
    #: Of the call behind it: approved, executing, succeeded ... once decided.
    call_state: CallState = CallState.PENDING
    usage: Usage | None = None  #: Of the call, once it has ended.
    card: str = ""  #: The id of the first approval on the same card: the calls of one turn share one.
    terms: Terms = Terms()  #: What it asked for when it was asked; policy may have tightened since.
    circumstances: Circumstances = Circumstances()
    door: str = ""  #: Where the task came from.
    #: When the other groups of its terms began to count; 0 before.
    escalated_at: float = 0.0
    last_usage: Usage | None = None  #: Of the tool's last call for this tenant, while this one waits.
    was_restored: bool = False  #: It waited in a backup: it may have been decided and run since.


@dataclass(frozen=True, slots=True)
class GrantView:
    """A yes that is remembered: calls like the one that was approved need no new one, for a while."""

    id: str
    tenant: str
    scope: GrantScope
    workflow_id: str  #: Where it was given; of the scope WORKFLOW also where it holds.
    tool: str
    requester: str  #: Only for calls of theirs.
    place: str  #: Only where they asked from: the door, and the channel within it.
    hosts: frozenset[str]  #: Only for calls that may ask exactly these.
    taint: frozenset[str]  #: Only while the brain has read nothing from elsewhere than these.
    args_sha256: str  #: Only for exactly these arguments and what is in the files they name; "" for any.
    component_sha256: str
    manifest_sha256: str
    approval_id: str  #: Of the review in which it was given.
    granted_by: str  #: A Principal's id.
    created_at: float
    expires_at: float
    max_uses: int
    used: int = 0
    revoked_at: float = 0.0
