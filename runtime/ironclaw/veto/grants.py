"""What is remembered of a yes: calls that need no new one, for a while and a few times.

A grant lifts a review and nothing else: whatever policy denies stays denied.  It is good for as long as the
approval behind it would be good too: its decision genuine, and its approver still one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from ironclaw.canonical import digest
from ironclaw.errors import NotFound, Refused
from ironclaw.plugin_manager import Hooks
from ironclaw.store import GrantUse, SealedGrant, Store
from ironclaw.task import (
    Address,
    ApprovalState,
    ApprovalView,
    Decision,
    GrantView,
    Opinion,
    Principal,
    Risk,
    ToolCall,
    Verdict,
)
from ironclaw.tenancy import Tenancy
from ironclaw.terms import GrantScope, Terms
from ironclaw.veto.binding import Seals, new_id
from ironclaw.veto.evidence import Evidence

RULE = "grant:"  #: What the rule of a call begins with that runs by a grant; its id follows.
MAX_USES = 20
GOOD_FOR = 7 * 24 * 3600.0  #: Seconds.

log = structlog.get_logger(__name__)


class Grants:
    """Makes grants, finds the one that covers a call, and takes them back."""

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        tenancy: Tenancy,
        seals: Seals,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._tenancy = tenancy
        self._seals = seals
        self._evidence = Evidence(hooks, tenancy, seals)
        self._clock = clock

    async def made(
        self, approval: ApprovalView, call: ToolCall, scope: GrantScope, by: Principal
    ) -> SealedGrant:
        """What is remembered of a yes, ready to be written with it.

        :param approval: with the terms of now
        :raises Refused: they do not allow it
        """
        if not _allows(approval.terms, scope):
            raise Refused(f"The rule that asked does not allow a grant for this {scope.value}. Approve once.")
        now = round(self._clock(), 3)
        grant = GrantView(
            id=new_id(),
            tenant=call.tenant,
            scope=scope,
            workflow_id=call.workflow_id,
            tool=call.tool,
            requester=call.requester,
            place=_place(await self._store.grants.asked_from(call.workflow_id), call),
            hosts=call.circumstances.hosts,
            # What the approved call itself brings before the brain was approved with it.
            taint=call.circumstances.taint | call.circumstances.taints,
            args_sha256=_asked(call) if call.risk is Risk.HIGH else "",
            component_sha256=call.component_sha256,
            manifest_sha256=call.manifest_sha256,
            approval_id=approval.id,
            granted_by=by.id,
            created_at=now,
            expires_at=now + GOOD_FOR,
            max_uses=MAX_USES,
        )
        return SealedGrant(grant, self._seals.grant(grant))

    async def covering(self, call: ToolCall, opinion: Opinion) -> SealedGrant | None:
        """A grant by which this call needs no person, or None.

        :param opinion: policy's of now; a grant helps only against REVIEW
        """
        if opinion.verdict is not Verdict.REVIEW or not any(_allows(opinion.terms, s) for s in GrantScope):
            return None
        found = await self._store.grants.live(call.tenant, self._clock(), call.tool)
        if not found:
            return None
        place = _place(await self._store.grants.asked_from(call.workflow_id), call)
        for sealed in found:
            grant = sealed.view
            fits = _allows(opinion.terms, grant.scope) and _covers(grant, call, place)
            if fits and await self._is_in_force(sealed) and await self._is_still_given(grant, opinion):
                return sealed
        return None

    def use(self, sealed: SealedGrant) -> GrantUse:
        """One use of it, with the seal of what is left."""
        left = replace(sealed.view, used=sealed.view.used + 1)
        return GrantUse(sealed, self._seals.grant(left))

    async def of(self, tenant: str) -> tuple[GrantView, ...]:
        """What still counts in a tenant, newest first."""
        found = await self._store.grants.live(tenant, self._clock())
        return tuple([sealed.view for sealed in found if await self._is_in_force(sealed)])

    async def revoke(self, principal: Principal, grant_id: str) -> GrantView:
        """Take a grant back: what has not begun by it does not begin.

        :raises NotFound: no such grant of the principal's tenant
        :raises Refused: they are no approver, and did not give it
        :raises Conflict: it was revoked before
        """
        self._tenancy.check_served(principal.tenant)
        grant = await self._store.grants.view(principal.tenant, grant_id)
        roles = principal.roles & self._tenancy.roles(principal.tenant, principal.id)
        if not roles and principal.id != grant.granted_by:
            raise Refused("Only an approver, or who gave it, may revoke a grant.")
        await self._store.grants.revoke(grant, principal.id, self._clock())
        return await self._store.grants.view(principal.tenant, grant_id)

    def _is_genuine(self, sealed: SealedGrant) -> bool:
        genuine = self._seals.is_grant(sealed)
        if not genuine:
            log.error("grant_forged", tenant=sealed.view.tenant, grant=sealed.view.id)
        return genuine

    async def _is_in_force(self, sealed: SealedGrant) -> bool:
        """Whether it is genuine, and not a row of before: of that the seal is genuine too."""
        if not self._is_genuine(sealed):
            return False
        is_newest = await self._store.grants.is_as_told(sealed.view)
        if not is_newest:
            log.error("grant_put_back", tenant=sealed.view.tenant, grant=sealed.view.id)
        return is_newest

    async def _is_still_given(self, grant: GrantView, opinion: Opinion) -> bool:
        """Whether its approval is there, and who gave it may give it under the terms of now."""
        try:
            stored, decisions = await self._store.approvals.with_decisions(grant.tenant, grant.approval_id)
        except NotFound:
            return False
        terms = stored.terms.within(opinion.terms)
        escalated_at = min(stored.escalated_at, self._clock())
        approval = replace(stored, terms=terms, requester=grant.requester, escalated_at=escalated_at)
        if approval.state is not ApprovalState.APPROVED or not _allows(terms, grant.scope):
            return False
        return grant.granted_by in await self._evidence.approvers(approval, decisions)


def check_decision(decision: Decision) -> None:
    """
    :raises Refused: a no is not remembered
    """
    if decision is not Decision.APPROVE:
        raise Refused("Only a yes can be remembered.")


def _allows(terms: Terms, scope: GrantScope) -> bool:
    """Whether a rule lets one yes stand for others."""
    return scope in terms.scopes


def _place(address: Address, call: ToolCall) -> str:
    """From where somebody asks: the door, and the channel within it.

    Who said yes to what a person asked for did not say it to what runs unattended, nor the other way about.
    """
    attended = "" if not call.circumstances.scheduled else ":scheduled"
    return f"{address.door}:{address.place.get('team', '')}:{address.place.get('channel', '')}{attended}"


def _asked(call: ToolCall) -> str:
    """The arguments, with what is in the files that they name."""
    return digest([call.args, [list(each) for each in call.circumstances.files]])


def _covers(grant: GrantView, call: ToolCall, place: str) -> bool:
    """Whether a call is like the one that was approved, as far as the grant reaches."""
    if call.risk is Risk.HIGH and not grant.args_sha256:
        return False
    return (
        (grant.tenant, grant.requester, grant.tool) == (call.tenant, call.requester, call.tool)
        and (grant.component_sha256, grant.manifest_sha256) == (call.component_sha256, call.manifest_sha256)
        and (grant.place, grant.hosts) == (place, call.circumstances.hosts)
        and grant.args_sha256 in ("", _asked(call))
        and call.circumstances.taint <= grant.taint
        and (grant.scope is GrantScope.TOOL or grant.workflow_id == call.workflow_id)
    )
