"""Who may decide: approvers that the operator named.  The requester may only take their request back."""

from __future__ import annotations

import re

from ironclaw.hookspecs import Services, hookimpl
from ironclaw.task import ApprovalView, Decision, Opinion, Principal, Verdict

_SLACK_USER = re.compile(r"slack:[^:]*:([^:]+)")


class VetoRules:
    """An empty list of approvers is nobody."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @hookimpl
    async def ironclaw_may_decide(
        self, approval: ApprovalView, principal: Principal, decision: Decision
    ) -> Opinion:
        tenant = self._services.tenant(approval.tenant)
        if tenant is None or principal.tenant != approval.tenant:
            return Opinion(Verdict.DENY, "other-tenant", "This is not yours to decide.")
        if decision is Decision.DENY and same_person(principal.id, approval.requester):
            return Opinion(Verdict.ALLOW, "withdrawn")
        if principal.id not in tenant.approvers or not principal.is_approver:
            return Opinion(
                Verdict.DENY, "not-an-approver", "You are not an approver here. Ask one to decide."
            )
        if same_person(principal.id, approval.requester) and not tenant.self_approval:
            return Opinion(
                Verdict.DENY,
                "own-call",
                "This is your own request: another approver must approve it. You may deny it.",
            )
        return Opinion(Verdict.ALLOW, "approver")


def same_person(one: str, other: str) -> bool:
    """Whether two principals may be one human.

    The workspaces of one organisation share their people: the same user id is the same person in each.
    """
    user, other_user = (_SLACK_USER.fullmatch(each) for each in (one, other))
    return one == other or (user is not None and other_user is not None and user[1] == other_user[1])
