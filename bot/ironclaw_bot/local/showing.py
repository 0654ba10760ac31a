"""What the local door answers, as JSON."""

from __future__ import annotations

from ironclaw.sentences import sentence, used
from ironclaw.showing import show_effects
from ironclaw.task import (
    ApprovalView,
    GrantView,
    Json,
    QuestionView,
    Vote,
    WorkflowView,
)


def shown_workflow(view: WorkflowView) -> Json:
    """A workflow as JSON, for a list."""
    return {
        "workflow_id": view.id,
        "requester": view.requester,
        "text": view.text,
        "state": view.state.value,
        "sentence": sentence(view),
        "outcome": view.outcome,
        "steps": view.steps,
        "used": used(view.models) if view.models else "",
        "retry_of": view.retry_of,
        "created_at": view.created_at,
    }


def shown_approval(approval: ApprovalView) -> Json:
    """An approval as JSON."""
    preview = approval.circumstances.preview
    return {
        "id": approval.id,
        "tool": approval.tool,
        "risk": approval.risk.value,
        "args": approval.args,
        "action_sha256": approval.action_sha256,
        "requester": approval.requester,
        "rule": approval.rule,
        "terms": approval.terms.as_json(),
        "scheduled": approval.circumstances.scheduled,
        "votes": [_shown_vote(vote) for vote in approval.votes],
        "expires_at": approval.expires_at,
        "effects": list(show_effects(preview)) if preview else [],
        "problem": preview.problem if preview else "",
    }


def _shown_vote(vote: Vote) -> Json:
    return {"by": vote.principal, "decision": vote.decision.value, "at": vote.at, "factor": vote.factor}


def shown_grant(grant: GrantView) -> Json:
    """A grant as JSON."""
    return {
        "id": grant.id,
        "scope": grant.scope.value,
        "tool": grant.tool,
        "hosts": sorted(grant.hosts),
        "same_arguments": bool(grant.args_sha256),
        "requester": grant.requester,
        "granted_by": grant.granted_by,
        "used": grant.used,
        "max_uses": grant.max_uses,
        "expires_at": grant.expires_at,
    }


def shown_question(question: QuestionView) -> Json:
    """A question as JSON."""
    return {
        "id": question.id,
        "workflow_id": question.workflow_id,
        "requester": question.requester,
        "text": question.text,
        "choices": list(question.choices),
        "state": question.state.value,
        "expires_at": question.expires_at,
    }
