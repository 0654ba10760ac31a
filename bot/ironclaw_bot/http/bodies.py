"""The bodies that go out; those that come in are in ``requests``."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from ironclaw.budgets import MICROS
from ironclaw.canonical import parse
from ironclaw.showing import show_effects
from ironclaw.task import (
    ApprovalView,
    DoubtView,
    Json,
    ModelTotal,
    QuestionView,
    WorkflowState,
    WorkflowView,
)


class Strict(BaseModel):
    """No unknown field, no value bent into another type."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class VoteBody(Strict):
    """One person's decision."""

    by: str
    decision: str
    at: str
    reason: str


class PreviewBody(Strict):
    """What a call will do, as its tool's dry run says."""

    effects: list[str]  #: One line each, followed by the lines of what it consists of.
    problem: str  #: Why nobody knows, and the run is held to nothing; "" where somebody does.


class ApprovalBody(Strict):
    """What a workflow waits for, with exactly the arguments that would run."""

    id: str
    version: int
    state: str
    tool: str
    risk: str
    args: Json
    action_sha256: str
    requester: str
    expires_at: str
    votes: list[VoteBody]
    preview: PreviewBody | None = None  #: None where the tool has none.
    scheduled: bool | None = None  #: True where a schedule's run asks, which nobody attends.


class ApprovalsResponse(Strict):
    """What waits for people, oldest first."""

    approvals: list[ApprovalBody]


class TestimonyBody(Strict):
    """What one person said of a doubt."""

    by: str
    answer: str
    at: str


class DoubtBody(Strict):
    """A call of which nobody knows whether it ran, with exactly the arguments that it had."""

    id: str
    workflow_id: str
    seq: int  #: Of the call within the workflow.
    attempt: int
    state: str  #: open, ran, not_run or cancelled.
    tool: str
    effect: str
    args: Json
    action_sha256: str
    requester: str
    idempotency_key: str  #: Its changing requests had it with "-1", "-2" and so on.
    hosts: list[str]
    begun_at: str | None = None
    effect_begun_at: str | None = None  #: When something was about to be changed; not there: nothing was.
    testimonies: list[TestimonyBody]
    asked_at: str


class QuestionBody(Strict):
    """What the brain asks of whoever gave it the task; its words are model-made and untrusted."""

    id: str
    workflow_id: str
    state: str  #: open, answered, cancelled or expired.
    text: str
    choices: list[str]  #: Any other words are an answer too.
    requester: str  #: Whose answer counts.
    asked_at: str
    expires_at: str
    answer: str | None = None
    answered_by: str | None = None


class UsageBody(Strict):
    """What the models of a workflow used, as their providers count."""

    requests: int
    tokens_in: int
    tokens_cached: int  #: Of those in, what the provider had read before.
    tokens_out: int
    cost: float | None = None  #: Dollars, by the operator's prices; not there where a model has none.


class RunResponse(Strict):
    """How a workflow stands."""

    workflow_id: str
    status: str  #: running, paused, done, failed or cancelled.
    answer: str | None = None  #: When done; model-made and untrusted.
    reason: str | None = None  #: When failed or cancelled.
    approval: ApprovalBody | None = None
    doubt: DoubtBody | None = None
    question: QuestionBody | None = None
    usage: UsageBody | None = None  #: Not there where no model was asked.
    created_at: str
    updated_at: str


def run_response(
    view: WorkflowView,
    decided: ApprovalView | None = None,
    doubted: DoubtView | None = None,
    answered: QuestionView | None = None,
) -> RunResponse:
    """
    :param decided: shown unless the workflow waits for an approval
    :param doubted: shown unless it waits for somebody's word
    :param answered: shown unless it waits for another answer
    """
    shown, doubt, question = view.approval or decided, view.doubt or doubted, view.question or answered
    # Outside, what is queued runs: the caller can do nothing with the difference.
    status = "running" if view.state is WorkflowState.QUEUED else view.state.value
    done, final = view.state is WorkflowState.DONE, view.state.is_final
    return RunResponse(
        workflow_id=view.id,
        status=status,
        answer=view.outcome if done else None,
        reason=view.outcome if final and not done else None,
        approval=approval_body(shown) if shown else None,
        doubt=doubt_body(doubt) if doubt else None,
        question=question_body(question) if question else None,
        usage=usage_body(view.models) if view.models else None,
        created_at=moment(view.created_at),
        updated_at=moment(view.updated_at),
    )


def usage_body(total: ModelTotal) -> UsageBody:
    return UsageBody(
        requests=total.requests,
        tokens_in=total.tokens_in,
        tokens_cached=total.tokens_cached,
        tokens_out=total.tokens_out,
        cost=None if total.micros is None else total.micros / MICROS,
    )


def approval_body(view: ApprovalView) -> ApprovalBody:
    """One review as a caller sees it: the bytes that would run, parsed."""
    votes = [
        VoteBody(by=vote.principal, decision=vote.decision.value, at=moment(vote.at), reason=vote.reason)
        for vote in view.votes
    ]
    preview = view.circumstances.preview
    effects = list(show_effects(preview)) if preview else []
    return ApprovalBody(
        id=view.id,
        version=view.version,
        state=view.state.value,
        tool=view.tool,
        risk=view.risk.value,
        args=parse(view.args),
        action_sha256=view.action_sha256,
        requester=view.requester,
        expires_at=moment(view.expires_at),
        votes=votes,
        preview=PreviewBody(effects=effects, problem=preview.problem) if preview else None,
        scheduled=view.circumstances.scheduled or None,
    )


def doubt_body(view: DoubtView) -> DoubtBody:
    told = [
        TestimonyBody(by=each.principal, answer=each.said.value, at=moment(each.at))
        for each in view.testimonies
    ]
    return DoubtBody(
        id=view.id,
        workflow_id=view.workflow_id,
        seq=view.seq,
        attempt=view.attempt,
        state=view.state.value,
        tool=view.tool,
        effect=view.effect.value,
        args=parse(view.args),
        action_sha256=view.action_sha256,
        requester=view.requester,
        idempotency_key=view.idem_key,
        hosts=sorted(view.circumstances.hosts),
        begun_at=moment(view.begun_at) if view.begun_at else None,
        effect_begun_at=moment(view.effect_begun_at) if view.effect_begun_at else None,
        testimonies=told,
        asked_at=moment(view.created_at),
    )


def question_body(view: QuestionView) -> QuestionBody:
    return QuestionBody(
        id=view.id,
        workflow_id=view.workflow_id,
        state=view.state.value,
        text=view.text,
        choices=list(view.choices),
        requester=view.requester,
        asked_at=moment(view.asked_at),
        expires_at=moment(view.expires_at),
        answer=view.answer or None,
        answered_by=view.answered_by or None,
    )


def moment(seconds: float) -> str:
    """Unix seconds as RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
