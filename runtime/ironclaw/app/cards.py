"""Cards as the doors need them: where each one was shown, and who may decide what on it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from ironclaw.plugin_manager import Hooks
from ironclaw.store import Store
from ironclaw.task import Address, ApprovalView, Decision, Principal, Verdict
from ironclaw.veto import Veto

MOMENT, PATIENCE = 0.05, 20  #: Seconds between looks, and how many: a click must be answered within three.


class Cards:
    """What is asked of people, and where."""

    def __init__(self, store: Store, hooks: Hooks, veto: Veto) -> None:
        self._store = store
        self._hooks = hooks
        self._veto = veto

    async def behind(self, principal: Principal, value: str) -> tuple[ApprovalView, int]:
        """The approval behind a button's value, and the version that was drawn.

        :raises NotFound: the value is not one that we made for this tenant
        """
        return await self._veto.pressed(principal, value)

    async def is_shown_at(self, tenant: str, card: str, spot: Mapping[str, str]) -> bool:
        """Whether a card was shown there, as the doors said: only there does a press of its buttons count."""
        return await self.stands_at(tenant, f"card:{card}", spot)

    async def places(self, tenant: str, subject: str) -> tuple[Mapping[str, str], ...]:
        """Everywhere that whatever a notice is about was shown, as the doors said."""
        return await self._store.outbox.refs(tenant, subject)

    async def is_coming(self, tenant: str, subject: str) -> bool:
        """Whether something of it is still to be told."""
        return await self._store.outbox.is_waiting(tenant, subject)

    async def stands_at(self, tenant: str, subject: str, spot: Mapping[str, str]) -> bool:
        """The same of whatever a notice is about.

        Who presses while a door still posts it is faster than the note of where it stands, which is awaited.
        """
        for _ in range(PATIENCE):
            if not spot or spot in await self._store.outbox.refs(tenant, subject):
                return bool(spot)
            if not await self._store.outbox.is_waiting(tenant, subject):
                return False
            await asyncio.sleep(MOMENT)
        return False

    async def copied(
        self, approvals: Collection[ApprovalView], address: Address, ref: Mapping[str, str]
    ) -> None:
        """A door shows their cards in one more place: from now on a press there counts, and changes are told.

        :param ref: what identifies that place in :meth:`is_shown_at`
        """
        await self._store.outbox.copied(approvals, address, ref)

    async def waiting_for(self, principal: Principal) -> tuple[ApprovalView, ...]:
        """What waits that this person may approve and has not, oldest first."""
        pending = await self._store.approvals.pending(principal.tenant)
        return tuple([each for each in pending if await self._may_approve(each, principal)])

    async def _may_approve(self, approval: ApprovalView, principal: Principal) -> bool:
        if any(vote.principal == principal.id for vote in approval.votes):
            return False
        opinion = await self._hooks.may_decide(approval, principal, Decision.APPROVE)
        return opinion.verdict is Verdict.ALLOW
