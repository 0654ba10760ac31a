"""Whose word about a call still counts: sealed by this host, and of somebody whose yes would count now."""

from __future__ import annotations

from collections.abc import Iterable

from ironclaw.plugin_manager import Hooks
from ironclaw.store import Sworn
from ironclaw.task import (
    ApprovalState,
    ApprovalView,
    Decision,
    DoubtView,
    Opinion,
    Principal,
    Said,
    Verdict,
)
from ironclaw.tenancy import Tenancy
from ironclaw.veto.binding import Seals


class Witnesses:
    """Reads testimonies as the last gate reads them."""

    def __init__(self, hooks: Hooks, tenancy: Tenancy, seals: Seals) -> None:
        self._hooks = hooks
        self._tenancy = tenancy
        self._seals = seals

    async def may_testify(self, asked: ApprovalView, principal: Principal) -> Opinion:
        """Whether this person's yes to the call would count, and so does their word about it.

        :param asked: the review of the call with the terms of now
        """
        return await self._hooks.may_decide(asked, principal, Decision.APPROVE)

    async def not_run_at(self, doubt: DoubtView, sworn: Iterable[Sworn], asked: ApprovalView) -> float:
        """When enough people had said that it did not run, unix seconds; 0.0 where they have not."""
        good = [each for each in sworn if await self._counts(doubt, each, asked)]
        people = {self._tenancy.person(doubt.tenant, each.testimony.principal) for each in good}
        enough = len(people) >= asked.terms.quorum
        return max(each.testimony.at for each in good) if good and enough else 0.0

    async def _counts(self, doubt: DoubtView, sworn: Sworn, asked: ApprovalView) -> bool:
        told = sworn.testimony
        if told.said is not Said.NOT_RUN or not self._seals.is_testimony(doubt, told, sworn.mac):
            return False
        if asked.terms.step_up and told.factor != "totp":
            return False
        roles = self._tenancy.roles(doubt.tenant, told.principal)
        opinion = await self.may_testify(asked, Principal(doubt.tenant, told.principal, roles))
        return opinion.verdict is Verdict.ALLOW


def in_place_of_review(doubt: DoubtView) -> ApprovalView:
    """What stands for the review of a call that nobody was asked about: any approver may speak of it."""
    return ApprovalView(
        id=doubt.id,
        version=1,
        tenant=doubt.tenant,
        workflow_id=doubt.workflow_id,
        seq=doubt.seq,
        requester=doubt.requester,
        tool=doubt.tool,
        risk=doubt.risk,
        args=doubt.args,
        action_sha256=doubt.action_sha256,
        component_sha256=doubt.component_sha256,
        rule=doubt.rule,
        state=ApprovalState.PENDING,
        created_at=doubt.created_at,
        expires_at=0.0,
        policy_version=doubt.policy_version,
        circumstances=doubt.circumstances,
        door=doubt.door,
    )
