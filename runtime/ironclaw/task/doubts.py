"""Calls of which nobody knows whether they ran, and what people say of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ironclaw.task.calls import CallState, Effect, Risk
from ironclaw.terms import Circumstances


class DoubtState(Enum):
    """Where one doubt stands: whether a call ran that a crash interrupted."""

    OPEN = "open"  #: Nobody has said whether it ran.
    RAN = "ran"  #: A person says that it ran: it is not begun again.
    NOT_RUN = "not_run"  #: People say that it did not: it may begin once more.
    CANCELLED = "cancelled"  #: The workflow was stopped first.


class Said(Enum):
    """What one person said of one doubt."""

    RAN = "ran"
    NOT_RUN = "not_run"


@dataclass(frozen=True, slots=True)
class Testimony:
    """What one person said of a doubt."""

    principal: str
    said: Said
    at: float  #: Unix seconds.
    factor: str = ""  #: As of a Vote.


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One line of the audit log about a call."""

    at: float  #: Unix seconds.
    event: str
    actor: str


@dataclass(frozen=True, slots=True)
class DoubtView:
    """A call of which nobody knows whether it ran, as rows have it: what people are asked with."""

    id: str
    tenant: str
    workflow_id: str
    seq: int  #: Of the call within the workflow.
    attempt: int  #: Which beginning of it is meant, from 1.
    state: DoubtState
    created_at: float
    requester: str
    tool: str
    risk: Risk
    effect: Effect
    args: str  #: The stored canonical JSON text: exactly the bytes that ran, if it did.
    action_sha256: str
    component_sha256: str
    rule: str  #: By which it was to run.
    policy_version: str
    idem_key: str  #: Each changing request had it, and its own number.
    call_state: CallState
    effect_begun_at: float | None  #: When something outside was about to be changed; None: nothing was.
    circumstances: Circumstances
    door: str  #: Where the task came from.
    answered_by: str = ""  #: A Principal's id.
    answered_at: float = 0.0
    testimonies: tuple[Testimony, ...] = ()
    events: tuple[CallEvent, ...] = ()  #: What the audit log says of the call, oldest first.

    @property
    def begun_at(self) -> float | None:
        """When the call began, the last time; None where the audit log does not say."""
        return max((each.at for each in self.events if each.event == "call_executing"), default=None)
