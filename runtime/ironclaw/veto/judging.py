"""The verdict on one call, bound to its bytes, its tool and the policy of this moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ironclaw.errors import BadRequest, Refused
from ironclaw.plugin_manager import Hooks
from ironclaw.showing import Unshowable, show
from ironclaw.store import Store
from ironclaw.task import ApprovalView, Opinion, ToolCall, Verdict
from ironclaw.tenancy import Tenancy
from ironclaw.veto.binding import NOT_ASKED, action
from ironclaw.veto.burden import NO_TENANT, too_much
from ironclaw.veto.grants import RULE, Grants


@dataclass(frozen=True, slots=True)
class BoundVerdict:
    """A verdict with what it is bound to."""

    opinion: Opinion
    policy_version: str
    expires_at: float  #: 0 unless the verdict is REVIEW.
    asked_at: float  #: So too.
    action_sha256: str = ""

    def of(self, call: ToolCall) -> BoundVerdict:
        """The same verdict, bound to what people will be shown of the call as well."""
        terms = self.opinion.terms if self.asked_at else NOT_ASKED
        bound = action(call, self.policy_version, self.expires_at, terms, self.asked_at)
        return replace(self, action_sha256=bound)


class Judging:
    """Asks policy, then whether a grant spares people the question, or whether they can be asked at all."""

    def __init__(
        self, store: Store, hooks: Hooks, tenancy: Tenancy, grants: Grants, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._tenancy = tenancy
        self._grants = grants
        self._clock = clock

    async def judge(self, call: ToolCall, denial: Opinion | None = None, cards: int = 1) -> BoundVerdict:
        """The verdict on one call, bound to its bytes, its tool and the policy of this moment.

        :param denial: why it could not work in any case: policy is not asked, and no person either
        :param cards: that its turn would ask people with, were they asked about this too
        """
        version, opinion = await self._judged(call, denial)
        if granted := await self._grants.covering(call, opinion):
            opinion = Opinion(Verdict.ALLOW, RULE + granted.view.id)
        tenant = self._tenancy.tenant(call.tenant) or NO_TENANT
        if opinion.verdict is Verdict.REVIEW:
            why_not = _unshowable(call) or await too_much(self._store, call, tenant, self._clock(), cards)
            opinion = why_not or opinion
        return self._bound(call, version, opinion)

    async def judge_edited(self, call: ToolCall, asked: ApprovalView, denial: Opinion | None) -> BoundVerdict:
        """The verdict on a call with a person's arguments.  Whatever policy allows it: it waits, as it did.

        :param asked: the version that it takes the place of, with the terms of now
        :param denial: why it could not work in any case
        :raises Refused: policy is against it
        :raises BadRequest: nobody could be shown it
        """
        version, opinion = await self._judged(call, denial)
        if opinion.verdict not in (Verdict.ALLOW, Verdict.REVIEW):
            raise Refused(f"{opinion.reason or 'Policy does not allow this.'} The request is as it was.")
        if why_not := _unshowable(call):
            raise BadRequest(f"{why_not.reason} The request is as it was.")
        if opinion.verdict is Verdict.ALLOW:
            opinion = Opinion(Verdict.REVIEW, asked.rule, terms=asked.terms)
        else:
            opinion = replace(opinion, terms=asked.terms.within(opinion.terms))
        return self._bound(call, version, opinion)

    async def _judged(self, call: ToolCall, denial: Opinion | None) -> tuple[str, Opinion]:
        """What policy says, under the version that said so: it may be reloaded meanwhile."""
        while True:
            version = self._hooks.policy_version()
            opinion = denial or await self._hooks.verdict(call)
            if self._hooks.policy_version() == version:
                return version, opinion

    def _bound(self, call: ToolCall, version: str, opinion: Opinion) -> BoundVerdict:
        if opinion.verdict is not Verdict.REVIEW:
            return BoundVerdict(opinion, version, 0.0, 0.0).of(call)
        most = (self._tenancy.tenant(call.tenant) or NO_TENANT).approval_minutes
        minutes = min(opinion.terms.minutes or most, most)
        now = self._clock()
        return BoundVerdict(opinion, version, round(now + minutes * 60, 3), round(now, 3)).of(call)


def _unshowable(call: ToolCall) -> Opinion | None:
    """What cannot be shown to a person cannot be approved: then nobody is asked."""
    try:
        show(call.args)
    except Unshowable as why:
        return Opinion(Verdict.DENY, "not-showable", f"Its arguments cannot be shown to a person: {why}.")
    return None
