"""Who may decide: approvers and groups that the operator named.  The requester may only take it back."""

from __future__ import annotations

from ironclaw.hookspecs import Services, hookimpl
from ironclaw.task import ApprovalView, Decision, Opinion, Principal, Verdict
from ironclaw.terms import Group


class VetoRules:
    """An empty list of approvers is nobody."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @hookimpl
    async def ironclaw_may_decide(
        self, approval: ApprovalView, principal: Principal, decision: Decision
    ) -> Opinion:
        tenant = self._services.tenant(approval.tenant)
        ids = (principal.id, approval.requester)
        is_own = len({self._services.person(approval.tenant, each) for each in ids}) == 1
        if tenant is None or principal.tenant != approval.tenant:
            return Opinion(Verdict.DENY, "other-tenant", "This is not yours to decide.")
        if decision is Decision.DENY and is_own:
            return Opinion(Verdict.ALLOW, "withdrawn")
        roles = principal.roles & self._services.roles(approval.tenant, principal.id)
        if not roles or (decision is Decision.APPROVE and not _may_approve(approval, roles)):
            return Opinion(Verdict.DENY, "not-an-approver", _whom_to_ask(approval))
        if is_own and not tenant.self_approval:
            return Opinion(
                Verdict.DENY,
                "own-call",
                "This is your own request: another approver must approve it. You may deny it.",
            )
        return Opinion(Verdict.ALLOW, "approver")


def _may_approve(approval: ApprovalView, roles: frozenset[str]) -> bool:
    """An approver of the tenant; where the rule names groups a member of each, instead or as well."""
    if approval.terms.asks_approvers and "approver" not in roles:
        return False
    return all(_is_of(group, approval, roles) for group in approval.terms.groups)


def _is_of(group: Group, approval: ApprovalView, roles: frozenset[str]) -> bool:
    """Its other group counts once that was said on the card, and no sooner than this very rule has it."""
    begins = approval.created_at + group.after_minutes * 60
    is_escalated = approval.escalated_at > 0 and approval.escalated_at >= begins
    return f"group:{group.name}" in roles or (is_escalated and f"group:{group.or_else}" in roles)


def _whom_to_ask(approval: ApprovalView) -> str:
    names = sorted(group.name for group in approval.terms.groups)
    if names and approval.terms.approvers:
        names.insert(0, "the approvers")
    if not names:
        return "You are not an approver here. Ask one to decide."
    return f"This needs somebody of {' and '.join(names)}, and you are not."
