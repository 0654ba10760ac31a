"""What people say of a call of which nobody knows whether it ran.  The only door for it."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from dataclasses import replace

from ironclaw.errors import Conflict, NotFound, Refused, StepUpNeeded
from ironclaw.store import Store, Sworn
from ironclaw.task import (
    ApprovalView,
    Decision,
    DoubtView,
    Principal,
    Said,
    Testimony,
    Verdict,
    Vote,
)
from ironclaw.tenancy import Tenancy
from ironclaw.veto.core import Veto

NOT_YOU = (
    "Whether it ran is for somebody to say whose approval of this call would count, and yours would not."
)
RAN = "A person ({who}) says that it ran. What it gave is not known. Do not repeat it."
OTHER = "This is asked about another call now. Press the button on its card again."


def check_meant(doubt: DoubtView, action_sha256: str, attempt: int) -> None:
    """
    :raises Conflict: the doubt is about another call, or another attempt; "" and 0 mean any
    """
    is_same = not action_sha256 or hmac.compare_digest(action_sha256.encode(), doubt.action_sha256.encode())
    if not is_same or attempt not in (0, doubt.attempt):
        raise Conflict(OTHER)


class Doubts:
    """Takes testimonies: from a button, HTTP and the command line alike."""

    def __init__(self, store: Store, veto: Veto, tenancy: Tenancy, clock: Callable[[], float]) -> None:
        self._store = store
        self._veto = veto
        self._tenancy = tenancy
        self._clock = clock

    async def testify(
        self,
        principal: Principal,
        doubt_id: str,
        said: Said,
        *,
        factor: str = "",
        action_sha256: str = "",
        attempt: int = 0,
    ) -> DoubtView:
        """One person's word.  That it ran ends the doubt at once; that it did not needs the rule's quorum.

        :param principal: as a door verified it, never from the payload
        :param factor: "totp" where the door has seen a second factor of this person for this
        :param action_sha256: of the call that the person saw; "" when the door shows none
        :param attempt: that they mean; 0: the one that is asked about
        :raises NotFound: no such doubt of the principal's tenant
        :raises Refused: this person's approval of the call would not count
        :raises StepUpNeeded: it would, once they show a second factor
        :raises Conflict: answered before (``by`` whom, ``at`` when), or by this person already; or they saw
            another call
        """
        doubt, asked = await self.entitled(principal, doubt_id)
        check_meant(doubt, action_sha256, attempt)
        if asked.terms.step_up and factor != "totp":
            raise StepUpNeeded
        now = self._clock()
        told = Testimony(principal.id, said, round(now, 3), factor)
        person = self._tenancy.person(doubt.tenant, principal.id)
        sworn = Sworn(told, person, self._veto.seals.testimony(doubt, told))
        seen = json.dumps({"output": RAN.format(who=principal.id)}, ensure_ascii=False)
        return await self._store.doubts.testify(doubt, sworn, asked.terms.quorum, seen, now)

    async def entitled(self, principal: Principal, doubt_id: str) -> tuple[DoubtView, ApprovalView]:
        """A doubt, and the review of its call with the terms of now, for somebody who may speak of it.

        :raises NotFound, Refused: as :meth:`testify`
        """
        self._tenancy.check_served(principal.tenant)
        doubt = await self._store.doubts.view(principal.tenant, doubt_id)
        asked = await self._veto.asked_now(doubt)
        opinion = await self._veto.witnesses.may_testify(asked, principal)
        if opinion.verdict is not Verdict.ALLOW:
            await self._store.doubts.refused(doubt, principal.id, opinion.rule, self._clock())
            raise Refused(NOT_YOU)
        return doubt, asked

    async def review_of(self, doubt: DoubtView) -> ApprovalView:
        """Who may speak of it, as a review: with the terms of now, and who says that it did not run."""
        asked = await self._veto.asked_now(doubt)
        votes = [
            Vote(each.principal, Decision.APPROVE, each.at, factor=each.factor)
            for each in doubt.testimonies
            if each.said is Said.NOT_RUN
        ]
        return replace(asked, votes=tuple(votes))

    def button(self, doubt: DoubtView) -> str:
        """The opaque value of its buttons: its id and a MAC over it and the action."""
        return f"{doubt.id}.{self._veto.seals.doubt_button(doubt)}"

    async def pressed(self, principal: Principal, value: str) -> DoubtView:
        """The doubt behind a button's value.

        :raises NotFound: the value is not one that we made for this tenant
        """
        doubt_id, _, seal = value.partition(".")
        doubt = await self._store.doubts.view(principal.tenant, doubt_id)
        if not hmac.compare_digest(seal.encode(), self._veto.seals.doubt_button(doubt).encode()):
            raise NotFound("There is no such doubt.")
        return doubt
