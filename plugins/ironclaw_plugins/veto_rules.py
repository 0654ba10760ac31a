"""Who may decide: approvers that the operator named, and not the requester."""

from __future__ import annotations

from ironclaw.hookspecs import Services, hookimpl
from ironclaw.task import ApprovalView, Opinion, Principal, Verdict


class VetoRules:
    """An empty list of approvers is nobody."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @hookimpl
    async def ironclaw_may_decide(self, approval: ApprovalView, principal: Principal) -> Opinion:
        tenant = self._services.tenant(approval.tenant)
        if tenant is None or principal.tenant != approval.tenant:
            return Opinion(Verdict.DENY, "other-tenant", "This is not yours to decide.")
        if principal.id not in tenant.approvers or not principal.is_approver:
            return Opinion(
                Verdict.DENY, "not-an-approver", "You are not an approver here. Ask one to decide."
            )
        if principal.id == approval.requester and not tenant.self_approval:
            return Opinion(
                Verdict.DENY, "own-call", "This is your own request: another approver must decide."
            )
        return Opinion(Verdict.ALLOW, "approver")
