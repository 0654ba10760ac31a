"""People's decisions: who may say what of a review, now, and the seal of what they said."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace

import structlog

from ironclaw.errors import Conflict, Expired, NotFound, Refused, StepUpNeeded
from ironclaw.plugin_manager import Hooks
from ironclaw.store import SealedGrant, Signed, Store
from ironclaw.task import (
    ApprovalState,
    ApprovalView,
    Decision,
    Opinion,
    Principal,
    ToolCall,
    Verdict,
    observation,
)
from ironclaw.tenancy import Tenancy
from ironclaw.terms import GrantScope
from ironclaw.veto.asked import NOT_ALLOWED, Asked, outdated
from ironclaw.veto.binding import Seals
from ironclaw.veto.ending import Ending
from ironclaw.veto.grants import Grants, check_decision

DENIED = "Denied by a person. Nothing was run. Do not propose the same call again."

log = structlog.get_logger(__name__)


class Deciding:
    """Takes decisions: from a button, HTTP and the command line alike."""

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        tenancy: Tenancy,
        asked: Asked,
        ending: Ending,
        seals: Seals,
        grants: Grants,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._tenancy = tenancy
        self._asked = asked
        self._ending = ending
        self._seals = seals
        self._grants = grants
        self._clock = clock

    async def decide(
        self,
        principal: Principal,
        approval_id: str,
        decision: Decision,
        *,
        version: int | None = None,
        reason: str = "",
        factor: str = "",
        grant: GrantScope | None = None,
    ) -> ApprovalView:
        """One person's decision: the only door, behind button, command and HTTP alike.

        :param principal: as a door verified it, never from the payload
        :param version: the version that the person saw; None when the door shows none
        :param factor: "totp" where the door has seen a second factor of this person for this approval
        :param grant: how far this yes reaches beyond this call
        :raises NotFound: no such approval of the principal's tenant
        :raises Refused: this person may not decide this, or the rule that asked does not allow such a grant
        :raises StepUpNeeded: this person may, once they show a second factor
        :raises Conflict: decided before (``by`` whom, ``at`` when), or a newer version exists
        :raises Expired: nobody decided in time
        """
        approval = await self.entitled(principal, approval_id, decision, version)
        now = self._clock()
        if decision is Decision.APPROVE and approval.terms.step_up and factor != "totp":
            raise StepUpNeeded
        granted = await self._granted(approval, principal, decision, grant)
        text = f"{DENIED} Reason given: {reason}" if reason else DENIED
        seen = observation("denied", text, by=principal.id, reason=reason)
        signed = self.sign(approval, principal, decision, reason, factor, now)
        return await self._store.approvals.vote(approval, signed, approval.terms.quorum, seen, now, granted)

    async def entitled(
        self, principal: Principal, approval_id: str, decision: Decision, version: int | None = None
    ) -> ApprovalView:
        """A review with the terms of now, once it is sure that this person may say this of it now.

        :raises NotFound, Refused, Conflict, Expired: as :meth:`decide`
        """
        self._tenancy.check_served(principal.tenant)
        stored = await self._store.approvals.view(principal.tenant, approval_id)
        current = await self._asked.call_behind(stored)
        opinion = await self._asked.opinion_now(stored, current)
        approval = self._asked.tightened(stored, opinion)
        await self._check_person(approval, principal, decision)
        await self._check_open(approval, version)
        if decision is Decision.APPROVE:
            await self._check_unchanged(stored, current, opinion)
        return approval

    def button(self, approval: ApprovalView) -> str:
        """The opaque value of a card's buttons: id, version and a MAC over both and the action."""
        return f"{approval.id}.{approval.version}.{self._seals.button(approval)}"

    async def pressed(self, principal: Principal, value: str) -> tuple[ApprovalView, int]:
        """The approval behind a button's value, and the version that was drawn.

        :raises NotFound: the value is not one that we made for this tenant
        """
        approval_id, _, rest = value.partition(".")
        version, _, seal = rest.partition(".")
        approval = await self._store.approvals.view(principal.tenant, approval_id)
        if not hmac.compare_digest(seal.encode(), self._seals.button(approval, version).encode()):
            raise NotFound("There is no such approval.")
        return approval, int(version)

    async def press(
        self,
        principal: Principal,
        value: str,
        decision: Decision,
        reason: str = "",
        *,
        factor: str = "",
        grant: GrantScope | None = None,
    ) -> ApprovalView:
        """A decision by a card's button.

        :raises NotFound: the value is not one that we made for this tenant
        :raises Refused, StepUpNeeded, Conflict, Expired: as :meth:`decide`
        """
        approval, version = await self.pressed(principal, value)
        return await self.decide(
            principal, approval.id, decision, version=version, reason=reason, factor=factor, grant=grant
        )

    def sign(
        self,
        approval: ApprovalView,
        principal: Principal,
        decision: Decision,
        reason: str,
        factor: str,
        now: float,
    ) -> Signed:
        """One person's decision with this host's seal."""
        person = self._tenancy.person(approval.tenant, principal.id)
        unsealed = Signed(principal.id, decision, reason, round(now, 3), "", person, factor)
        return replace(unsealed, mac=self._seals.decision(approval, unsealed))

    async def _granted(
        self, approval: ApprovalView, principal: Principal, decision: Decision, scope: GrantScope | None
    ) -> SealedGrant | None:
        call = await self._asked.call_behind(approval) if scope else None
        if scope is None or call is None:
            return None
        check_decision(decision)
        return await self._grants.made(approval, call, scope, principal)

    async def _check_open(self, approval: ApprovalView, version: int | None) -> None:
        """
        :raises Expired: nobody decided in time
        :raises Conflict: a newer version took its place
        """
        if approval.state is ApprovalState.PENDING and self._clock() >= approval.expires_at:
            raise Expired("This approval has expired; nothing was run. Ask again to get a new one.")
        is_old = version is not None and version != approval.version
        if approval.state is ApprovalState.SUPERSEDED:
            newest = await self._store.approvals.of_call(approval.workflow_id, approval.seq)
            is_old = newest is not None and newest[0].id != approval.id
        if is_old:
            raise Conflict("A newer version of this request exists; look at its card.")

    async def _check_person(self, approval: ApprovalView, principal: Principal, decision: Decision) -> None:
        opinion = await self._hooks.may_decide(approval, principal, decision)
        if opinion.verdict is not Verdict.ALLOW:
            await self._store.approvals.refused(approval, principal.id, opinion.rule, self._clock())
            raise Refused(opinion.reason or "You may not decide this.")

    async def _check_unchanged(
        self, approval: ApprovalView, current: ToolCall | None, opinion: Opinion
    ) -> None:
        """
        :param approval: with the terms that it was asked on
        :raises Conflict: what would run is not what was asked, or policy forbids it now; the review ended
        """
        why = outdated(approval, current, opinion)
        if not why:
            return
        await self._ending.supersede(approval, why)
        if why == NOT_ALLOWED:
            raise Conflict(f"Policy does not allow this any more; nothing was run. {opinion.reason}".strip())
        log.error("action_differs", tenant=approval.tenant, approval=approval.id)
        raise Conflict("The call or its tool changed since this was asked; nothing was run.")
