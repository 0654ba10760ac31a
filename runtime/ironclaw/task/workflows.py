"""The execution of one task."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ironclaw.task.brains import ModelTotal
from ironclaw.task.doubts import DoubtView
from ironclaw.task.questions import QuestionView
from ironclaw.task.reviews import ApprovalView


class WorkflowState(Enum):
    """Where the execution of one task stands."""

    QUEUED = "queued"  #: Accepted; not begun.
    RUNNING = "running"  #: The brain or a tool is at work.
    PAUSED = "paused"  #: Waits for people; costs rows and nothing else.
    DONE = "done"  #: Answered.
    FAILED = "failed"  #: Ended without an answer; the outcome says why.
    CANCELLED = "cancelled"  #: A person stopped it.

    @property
    def is_final(self) -> bool:
        return self in (WorkflowState.DONE, WorkflowState.FAILED, WorkflowState.CANCELLED)


@dataclass(frozen=True, slots=True)
class WorkflowView:
    """One workflow, as rows have it."""

    id: str
    tenant: str
    requester: str
    text: str  #: The task.
    state: WorkflowState
    outcome: str  #: The answer, or the sentence that says why it failed; "" before the end.
    created_at: float
    updated_at: float
    approval: ApprovalView | None = None  #: What it waits for while paused.
    doubt: DoubtView | None = None  #: So too, where nobody knows whether a call of it ran.
    question: QuestionView | None = None  #: So too, where the brain has asked.
    behind: str = ""  #: The workflow of its thread that must end before it begins, while it is queued.
    steps: int = 0  #: Turns of the brain so far.
    stop_by: str = ""  #: Who wants it stopped as soon as the tool that runs has ended.
    retry_of: str = ""  #: The workflow that it repeats.
    door: str = ""  #: Where the task came from.
    models: ModelTotal | None = None  #: What it used of models; None where no model was asked.
