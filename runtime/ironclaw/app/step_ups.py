"""Approving with a second factor: the link on the card, the page behind it, and the code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ironclaw.errors import Conflict, NotFound
from ironclaw.factors import Factors
from ironclaw.store import Store
from ironclaw.task import ApprovalView, Decision, Principal
from ironclaw.tenancy import Tenancy
from ironclaw.terms import GrantScope
from ironclaw.veto import Links, StepUp

CHANGED = "This request has changed since the link was made. Look at its card."


class StepUps:
    """What the doors do for people whose yes needs a code."""

    def __init__(
        self,
        store: Store,
        tenancy: Tenancy,
        factors: Factors,
        links: Links,
        decide: Callable[..., Awaitable[ApprovalView]],
        clock: Callable[[], float],
    ) -> None:
        self._approvals = store.approvals
        self._inbox = store.outbox
        self._tenancy = tenancy
        self._factors = factors
        self._links = links
        self._decide = decide
        self._clock = clock
        self.base_url = ""  #: Of the gateway, as browsers reach it.

    async def link(self, principal: Principal, approval_id: str) -> str:
        """The address of the page for one person and the call as it is now; good for ten minutes.

        :raises NotFound: no such approval of the principal's tenant
        """
        approval = await self._approvals.view(principal.tenant, approval_id)
        return f"{self.base_url}/step-up/{self._links.make(approval, principal.id, self._clock())}"

    async def page(self, token: str) -> tuple[ApprovalView, StepUp]:
        """What the page shows, and to whom.

        :raises NotFound: not a link of ours, or its time is over
        :raises Suspended: nothing is done for its tenant now
        :raises Conflict: the call is not as it was when the link was made
        """
        asked = self._links.read(token, self._clock())
        self._tenancy.check_served(asked.tenant)
        approval = await self._approvals.view(asked.tenant, asked.approval_id)
        if (approval.version, approval.action_sha256) != (asked.version, asked.action_sha256):
            raise Conflict(CHANGED)
        return approval, asked

    async def approve(self, token: str, code: str) -> ApprovalView:
        """The person's yes, with their code; the link is used up by it.

        :raises NotFound, Conflict: as :meth:`page`; or the link was used
        :raises Refused, Expired: the code is not right, or as :meth:`Deciding.decide`
        """
        approval, asked = await self.page(token)
        await self._factors.check(asked.tenant, asked.principal, code)
        if not await self._inbox.remember("step-up", token.rpartition(".")[2], asked.expires_at):
            raise NotFound("This link was used. Press Approve on the card again.")
        roles = self._tenancy.roles(asked.tenant, asked.principal)
        person = Principal(asked.tenant, asked.principal, roles)
        return await self._decide(person, approval.id, Decision.APPROVE, version=asked.version, factor="totp")

    async def approve_with_code(
        self,
        principal: Principal,
        approval_id: str,
        code: str,
        *,
        version: int | None = None,
        reason: str = "",
        grant: GrantScope | None = None,
    ) -> ApprovalView:
        """The yes of somebody whom a door knows by itself, with their code; without a page.

        :param version: the version that they saw; None where the door shows none, then the one of now
        :raises NotFound: no such approval of the principal's tenant
        :raises Conflict: the call has changed since
        :raises Refused, Expired: the code is not right, or as :meth:`Deciding.decide`
        """
        approval = await self._approvals.view(principal.tenant, approval_id)
        if version not in (None, approval.version):
            raise Conflict(CHANGED)  # Before the code is used up.
        await self._factors.check(principal.tenant, principal.id, code)
        return await self._decide(
            principal,
            approval_id,
            Decision.APPROVE,
            version=approval.version,
            reason=reason,
            factor="totp",
            grant=grant,
        )
