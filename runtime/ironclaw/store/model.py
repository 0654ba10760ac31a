"""What the store hands out, and what it takes to be written."""

from __future__ import annotations

from dataclasses import dataclass

from ironclaw.task import (
    Address,
    CallState,
    Decision,
    Effect,
    GrantView,
    Message,
    ModelUse,
    Risk,
    WorkflowState,
)
from ironclaw.terms import Circumstances, Terms


@dataclass(frozen=True, slots=True)
class CallRow:
    """One tool call as it stands."""

    seq: int
    call_id: str
    tool: str
    args: str
    risk: Risk
    effect: Effect
    component_sha256: str
    manifest_sha256: str
    policy_version: str
    rule: str
    action_sha256: str
    state: CallState
    idem_key: str
    attempts: int
    effect_begun_at: float | None
    circumstances: Circumstances = Circumstances()


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier task of the thread that was answered."""

    asked: str
    answered: str
    requester: str


@dataclass(frozen=True, slots=True)
class Flow:
    """One workflow as it stands: everything that ``run`` needs to go on."""

    id: str
    tenant: str
    requester: str
    door: str  #: Where it came in.
    address: Address  #: Where it speaks.
    thread: str
    tools: tuple[str, ...] | None
    brain: str
    state: WorkflowState
    version: int
    steps: int
    tokens: int
    worked: float
    created_at: float
    messages: tuple[Message, ...]
    calls: tuple[CallRow, ...]
    past: tuple[Past, ...]  #: Of the thread before, oldest first.
    past_taint: frozenset[str] = frozenset()  #: What earlier tasks of the thread had read.
    read_also: frozenset[str] = frozenset()  #: What it was given beside results: sources, as in a taint.
    schedule_id: str = ""  #: The schedule that began it; "" where a person did.
    stop_by: str = ""  #: Who wants it stopped as soon as what runs has ended; "" for nobody.
    behind: str = ""  #: The workflow that must end before this one begins; "" for none.
    epoch: int = 0  #: How often a process has taken it over: whoever writes names the one that it was given.
    is_leased: bool = False  #: Whether a process has it; never where only one can.


@dataclass(frozen=True, slots=True)
class Judged:
    """One call of a move with its verdict, ready to be written.

    ``state`` is DENIED (``refusal`` says why), APPROVED, or PENDING (with ``approval_id``, ``expires_at``).
    """

    seq: int
    call_id: str
    tool: str
    state: CallState
    rule: str
    refusal: str = ""
    args: str = "{}"
    risk: Risk = Risk.HIGH
    effect: Effect = Effect.ONCE
    component_sha256: str = ""
    manifest_sha256: str = ""
    policy_version: str = ""
    action_sha256: str = ""
    idem_key: str = ""
    approval_id: str = ""
    expires_at: float = 0.0
    asked_at: float = 0.0
    terms: Terms = Terms()
    circumstances: Circumstances = Circumstances()


@dataclass(frozen=True, slots=True)
class Edited:
    """The version that takes the place of one that waits: the same call with a person's arguments."""

    approval_id: str
    editor: str  #: A Principal's id.
    args: str
    circumstances: Circumstances
    rule: str
    policy_version: str
    action_sha256: str
    terms: Terms
    expires_at: float
    asked_at: float


@dataclass(frozen=True, slots=True)
class SealedGrant:
    """A grant with the seal that its row has."""

    view: GrantView
    mac: str


@dataclass(frozen=True, slots=True)
class GrantUse:
    """One use of a grant as it was read."""

    grant: SealedGrant
    mac: str  #: The seal of what is left of it then.


@dataclass(frozen=True, slots=True)
class Spent:
    """What one turn or call cost the workflow's budgets."""

    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0
    uses: tuple[ModelUse, ...] = ()  #: Of each request to a model.


@dataclass(frozen=True, slots=True)
class Signed:
    """One person's decision, sealed with the host's key."""

    principal: str
    decision: Decision
    reason: str
    at: float
    mac: str
    person: str = ""  #: Whoever has several identities is one person.
    factor: str = ""  #: "totp" where a second factor was shown.
