"""Calls of which nobody knows whether they ran, as the doors need them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ironclaw.app.cards import Cards
from ironclaw.deciders import Deciders, deciders
from ironclaw.errors import NotFound
from ironclaw.factors import Factors
from ironclaw.failpoints import Point, reached
from ironclaw.store import Store
from ironclaw.task import DoubtView, Principal, Said
from ironclaw.tenancy import Tenancy
from ironclaw.veto import Doubts as Testimonies
from ironclaw.veto import WordLink, WordLinks, check_meant


class Doubts:
    """What people are asked, where, and what they say."""

    def __init__(
        self,
        store: Store,
        tenancy: Tenancy,
        testimonies: Testimonies,
        cards: Cards,
        factors: Factors,
        links: WordLinks,
        base_url: Callable[[], str],
        wake: Callable[[str, str], None],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._tenancy = tenancy
        self._testimonies = testimonies
        self._cards = cards
        self._factors = factors
        self._links = links
        self._wake = wake
        self._clock = clock
        self._base_url = base_url  #: Of the gateway, as browsers reach it.

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

    async def testify(
        self, principal: Principal, doubt_id: str, said: Said, *, code: str = "", action_sha256: str = ""
    ) -> DoubtView:
        """One person's word; the workflow goes on in the background.

        :param code: of their second factor, where they give one
        :param action_sha256: of the call that they saw; "" for whatever is asked about
        :raises NotFound, Refused, StepUpNeeded, Conflict: see :meth:`ironclaw.veto.Doubts.testify`; Refused
            also where the code is not right
        """
        if code:
            doubt, _ = await self._testimonies.entitled(principal, doubt_id)  # Before the code is used up.
            check_meant(doubt, action_sha256, 0)
            await self._factors.check(principal.tenant, principal.id, code)
        factor = "totp" if code else ""
        done = await self._testimonies.testify(
            principal, doubt_id, said, factor=factor, action_sha256=action_sha256
        )
        return self._testified(done)

    # With a second factor, for people of Slack

    def link(self, principal: Principal, doubt: DoubtView, said: Said) -> str:
        """The address of the page on which one person says it with their code; good for ten minutes."""
        return f"{self._base_url()}/doubt/{self._links.make(doubt, principal.id, said, self._clock())}"

    async def page(self, token: str) -> tuple[DoubtView, WordLink]:
        """What the page shows, and to whom.

        :raises NotFound: not a link of ours, or its time is over
        :raises Suspended: nothing is done for its tenant now
        :raises Conflict: the doubt is not about the call any more that the link was made for
        """
        asked = self._links.read(token, self._clock())
        self._tenancy.check_served(asked.tenant)
        doubt = await self.view(asked.tenant, asked.doubt_id)
        check_meant(doubt, asked.action_sha256, asked.attempt)
        return doubt, asked

    async def testify_by(self, token: str, code: str) -> DoubtView:
        """The person's word, with their code; the link is used up by it.

        :raises NotFound: as :meth:`page`; or the link was used
        :raises Refused, Conflict: as :meth:`testify`
        """
        doubt, asked = await self.page(token)
        roles = self._tenancy.roles(asked.tenant, asked.principal)
        person = Principal(asked.tenant, asked.principal, roles)
        await self._testimonies.entitled(person, doubt.id)
        await self._factors.check(asked.tenant, asked.principal, code)
        if not await self._store.outbox.remember("step-up", token.rpartition(".")[2], asked.expires_at):
            raise NotFound("This link was used. Press the button on the card again.")
        done = await self._testimonies.testify(
            person,
            doubt.id,
            Said(asked.said),
            factor="totp",
            action_sha256=asked.action_sha256,
            attempt=asked.attempt,
        )
        return self._testified(done)

    def _testified(self, doubt: DoubtView) -> DoubtView:
        reached(Point.CLICK_COMMITTED)
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
