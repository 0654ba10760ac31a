"""The things that travel: frozen, and every state with its sentence.

``asked`` is what a door brings and ``people`` who acts; ``conversation`` is what a brain sees and ``brains``
what it wants; ``calls`` may run once ``verdicts`` allow them; ``reviews``, ``doubts`` and ``questions`` wait
for people; ``workflows`` is how it all stands, and ``notices`` what is told of it.
"""

from ironclaw.canonical import Json
from ironclaw.failure import FailureKind, ToolFailure
from ironclaw.task.asked import Address, Task
from ironclaw.task.brains import Brain, ModelTotal, ModelUse, Move, PricedBrain, Question, SummarisingBrain
from ironclaw.task.calls import CallState, Effect, Risk, ToolCall, ToolResult, Usage
from ironclaw.task.conversation import (
    CONTEXT_MARKER,
    Conversation,
    Message,
    ProposedCall,
    Role,
    ToolOffer,
    observation,
)
from ironclaw.task.doubts import CallEvent, DoubtState, DoubtView, Said, Testimony
from ironclaw.task.notices import Draft, Drafter, Notice, NoticeKind, Sender
from ironclaw.task.people import Bearer, Credential, Principal, SlackIdentity, TenantState
from ironclaw.task.questions import QuestionState, QuestionView
from ironclaw.task.reviews import ApprovalState, ApprovalView, Decision, GrantView, Vote
from ironclaw.task.verdicts import Opinion, Verdict
from ironclaw.task.workflows import WorkflowState, WorkflowView

__all__ = [
    "CONTEXT_MARKER",
    "Address",
    "ApprovalState",
    "ApprovalView",
    "Bearer",
    "Brain",
    "CallEvent",
    "CallState",
    "Conversation",
    "Credential",
    "Decision",
    "DoubtState",
    "DoubtView",
    "Draft",
    "Drafter",
    "Effect",
    "FailureKind",
    "GrantView",
    "Json",
    "Message",
    "ModelTotal",
    "ModelUse",
    "Move",
    "Notice",
    "NoticeKind",
    "Opinion",
    "PricedBrain",
    "Principal",
    "ProposedCall",
    "Question",
    "QuestionState",
    "QuestionView",
    "Risk",
    "Role",
    "Said",
    "Sender",
    "SlackIdentity",
    "SummarisingBrain",
    "Task",
    "TenantState",
    "Testimony",
    "ToolCall",
    "ToolFailure",
    "ToolOffer",
    "ToolResult",
    "Usage",
    "Verdict",
    "Vote",
    "WorkflowState",
    "WorkflowView",
    "observation",
]
