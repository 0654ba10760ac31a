"""What people decide: approvals and grants."""

from __future__ import annotations

from collections.abc import Awaitable

from ironclaw.app.engine.running import Running
from ironclaw.deciders import Deciders, deciders
from ironclaw.errors import Conflict
from ironclaw.failpoints import Point, reached
from ironclaw.task import ApprovalView, Decision, GrantView, Principal
from ironclaw.terms import GrantScope


class Reviews(Running):
    """What waits for people, and what they say of it; the workflow goes on from there."""

    # Approvals

    async def approvals(self, tenant: str) -> tuple[ApprovalView, ...]:
        """What waits for people, oldest first."""
        return await self._store.approvals.pending(tenant)

    async def approval(self, tenant: str, approval_id: str) -> ApprovalView:
        """
        :raises NotFound: no such approval of this tenant
        """
        return await self._store.approvals.view(tenant, approval_id)

    def deciders(self, approval: ApprovalView) -> Deciders:
        """Whom to name as those whose yes would count, or why there is nobody."""
        return deciders(self._tenancy, approval)

    async def card(self, tenant: str, card: str) -> tuple[ApprovalView, ...]:
        """What one card shows: the reviews of one turn, in order; none of another tenant's."""
        return await self._store.approvals.on_card(tenant, card)

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
        """One person's decision; the workflow goes on in the background.

        :raises NotFound, Refused, StepUpNeeded, Conflict, Expired: see :meth:`Deciding.decide`
        """
        return await self._decided(
            self._veto.decide(
                principal, approval_id, decision, version=version, reason=reason, factor=factor, grant=grant
            )
        )

    async def edit(
        self, principal: Principal, approval_id: str, arguments: str, *, version: int | None = None
    ) -> ApprovalView:
        """Put a person's arguments in the place of those that wait: a new version, which waits too.

        :param arguments: JSON text, an object
        :raises NotFound, Refused, BadRequest, Conflict, Expired: see :meth:`Editor.edit`
        """
        return await self._decided(self._editor.edit(principal, approval_id, arguments, version))

    def button(self, approval: ApprovalView) -> str:
        """The opaque value of a card's buttons."""
        return self._veto.button(approval)

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

        :raises NotFound, Refused, Conflict, Expired: see :meth:`Deciding.press`
        """
        return await self._decided(
            self._veto.press(principal, value, decision, reason, factor=factor, grant=grant)
        )

    # Grants

    async def grants(self, tenant: str) -> tuple[GrantView, ...]:
        """What may run without asking, because somebody said so; newest first."""
        return await self._veto.grants.of(tenant)

    async def revoke(self, principal: Principal, grant_id: str) -> GrantView:
        """Take a grant back.

        :raises NotFound, Refused, Conflict: see :meth:`ironclaw.veto.grants.Grants.revoke`
        """
        return await self._veto.grants.revoke(principal, grant_id)

    async def _decided(self, decision: Awaitable[ApprovalView]) -> ApprovalView:
        try:
            approval = await decision
        except Conflict:
            await self._reconcile()  # A call that was superseded moves its workflow too.
            raise
        reached(Point.CLICK_COMMITTED)
        self._dispatcher.wake(approval.workflow_id, approval.tenant)
        return approval
