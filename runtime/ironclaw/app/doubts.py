"""Calls of which nobody knows whether they ran, as the doors need them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ironclaw.app.cards import Cards
from ironclaw.deciders import Deciders, deciders
from ironclaw.factors import Factors
from ironclaw.store import Store
from ironclaw.task import DoubtView, Principal, Said
from ironclaw.tenancy import Tenancy
from ironclaw.veto import Doubts as Testimonies


class Doubts:
    """What people are asked, where, and what they say."""

    def __init__(
        self,
        store: Store,
        tenancy: Tenancy,
        testimonies: Testimonies,
        cards: Cards,
        factors: Factors,
        wake: Callable[[str, str], None],
    ) -> None:
        self._store = store
        self._tenancy = tenancy
        self._testimonies = testimonies
        self._cards = cards
        self._factors = factors
        self._wake = wake

    async def open_ones(self, tenant: str) -> tuple[DoubtView, ...]:
        """What people are asked now, oldest first."""
        return await self._store.doubts.open_ones(tenant)

    async def view(self, tenant: str, doubt_id: str) -> DoubtView:
        """
        :raises NotFound: no such doubt of this tenant
        """
        return await self._store.doubts.view(tenant, doubt_id)

    async def deciders(self, doubt: DoubtView) -> Deciders:
        """Whom to name as those whose word would count, or why there is nobody."""
        return deciders(self._tenancy, await self._testimonies.review_of(doubt))

    async def check_entitled(self, principal: Principal, doubt_id: str) -> None:
        """
        :raises NotFound, Refused: see :meth:`ironclaw.veto.Doubts.testify`
        """
        await self._testimonies.entitled(principal, doubt_id)

    async def testify(self, principal: Principal, doubt_id: str, said: Said, *, code: str = "") -> DoubtView:
        """One person's word; the workflow goes on in the background.

        :param code: of their second factor, where they give one
        :raises NotFound, Refused, StepUpNeeded, Conflict: see :meth:`ironclaw.veto.Doubts.testify`; Refused
            also where the code is not right
        """
        if code:
            await self._testimonies.entitled(principal, doubt_id)  # Before the code is used up.
            await self._factors.check(principal.tenant, principal.id, code)
        doubt = await self._testimonies.testify(principal, doubt_id, said, factor="totp" if code else "")
        self._wake(doubt.workflow_id, doubt.tenant)
        return doubt

    def button(self, doubt: DoubtView) -> str:
        """The opaque value of its buttons."""
        return self._testimonies.button(doubt)

    async def behind(self, principal: Principal, value: str) -> DoubtView:
        """The doubt behind a button's value.

        :raises NotFound: the value is not one that we made for this tenant
        """
        return await self._testimonies.pressed(principal, value)

    async def is_shown_at(self, doubt: DoubtView, spot: Mapping[str, str]) -> bool:
        """Whether it was shown there: only there does a press of its buttons count."""
        return await self._cards.stands_at(doubt.tenant, f"doubt:{doubt.id}", spot)
