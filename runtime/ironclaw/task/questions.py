"""What the brain has asked of the person who asked for the task."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class QuestionState(Enum):
    """Where one question stands that the brain has asked."""

    OPEN = "open"  #: Who asked for the task has not answered.
    ANSWERED = "answered"  #: They have: their words are data, and allow nothing.
    CANCELLED = "cancelled"  #: The workflow was stopped first.
    EXPIRED = "expired"  #: Nobody answered in time; the brain was told so.


@dataclass(frozen=True, slots=True)
class QuestionView:
    """What the brain wants to know of the person who asked, as rows have it."""

    id: str
    tenant: str
    workflow_id: str
    n: int  #: Of the workflow's questions, from 1.
    requester: str  #: Whose answer counts, by whatever identity of theirs.
    text: str  #: Model-made and untrusted, without secrets.
    choices: tuple[str, ...]  #: So too; none: any text will do.
    state: QuestionState
    asked_at: float
    expires_at: float
    door: str  #: Where the workflow speaks.
    answered_by: str = ""  #: A Principal's id.
    answered_at: float = 0.0
    answer: str = ""
