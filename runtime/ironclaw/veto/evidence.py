"""Whose yes still counts: sealed by this host, and of somebody who may say it now too."""

from __future__ import annotations

from collections.abc import Iterable

from ironclaw.plugin_manager import Hooks
from ironclaw.store import Signed
from ironclaw.task import ApprovalView, Principal, Verdict
from ironclaw.tenancy import Tenancy
from ironclaw.veto.binding import Seals


class Evidence:
    """Reads decisions as the last gate reads them."""

    def __init__(self, hooks: Hooks, tenancy: Tenancy, seals: Seals) -> None:
        self._hooks = hooks
        self._tenancy = tenancy
        self._seals = seals

    async def approvers(self, approval: ApprovalView, decisions: Iterable[Signed]) -> frozenset[str]:
        """The principals whose yes counts.

        :param approval: with the terms of now
        """
        return frozenset([each.principal for each in decisions if await self._counts(approval, each)])

    async def people(self, approval: ApprovalView, decisions: Iterable[Signed]) -> frozenset[str]:
        """The people behind :meth:`approvers`: whoever has several identities is one."""
        found = await self.approvers(approval, decisions)
        return frozenset(self._tenancy.person(approval.tenant, each) for each in found)

    async def _counts(self, approval: ApprovalView, signed: Signed) -> bool:
        if not self._seals.is_approval(approval, signed):
            return False
        if approval.terms.step_up and signed.factor != "totp":
            return False
        roles = self._tenancy.roles(approval.tenant, signed.principal)
        person = Principal(approval.tenant, signed.principal, roles)
        opinion = await self._hooks.may_decide(approval, person, signed.decision)
        return opinion.verdict is Verdict.ALLOW
