"""Decides each tool call: the verdict, people's decisions, and the last gate before it runs."""

from __future__ import annotations

import asyncio
import functools
import hmac
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import structlog

from ironclaw.errors import BadRequest, Conflict, Expired, NotFound, Refused, StepUpNeeded
from ironclaw.plugin_manager import Hooks
from ironclaw.registry import Registry, Tool
from ironclaw.sandbox.contents import Contents
from ironclaw.showing import Unshowable, show
from ironclaw.store import CallRow, Flow, GrantUse, SealedGrant, Signed, Standing, Store
from ironclaw.task import (
    ApprovalState,
    ApprovalView,
    Decision,
    DoubtView,
    Opinion,
    Principal,
    ToolCall,
    Verdict,
    observation,
)
from ironclaw.tenancy import Tenancy
from ironclaw.terms import GrantScope
from ironclaw.veto.binding import NOT_ASKED, Seals, action, action_asked, asked_call, idem_key, tool_call
from ironclaw.veto.burden import NO_TENANT, too_much
from ironclaw.veto.evidence import Evidence
from ironclaw.veto.grants import RULE, Grants, check_decision
from ironclaw.veto.tickets import Ticket, Tickets
from ironclaw.veto.witnesses import Witnesses, in_place_of_review

DENIED = "Denied by a person. Nothing was run. Do not propose the same call again."
CHANGED = "The tool changed after this was judged. Nothing was run. Propose it again if it is still needed."
NOT_ALLOWED = "Policy does not allow this any more. Nothing was run."
NOT_DECIDED = "Its approval does not count any more. Nothing was run. Propose it again if it is still needed."
NOT_GRANTED = "Its grant does not count any more. Nothing was run. Propose it again: a person is asked then."
UNSETTLED = "Nobody who may say so has said that it did not run. Do not repeat it: look first."
SPENT = "It was begun before. Do not repeat it: look first whether it happened."
TOO_LATE = "It was approved, but could not begin in time. Nothing was run. Propose it again if still needed."
EXECUTION_WINDOW = 600.0  #: Seconds after the last yes in which an approved call may begin, expiry or not.
TOGETHER = 50  #: Reviews that are read at once where all are looked through.

log = structlog.get_logger(__name__)


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


@dataclass(frozen=True, slots=True)
class Gate:
    """What the last gate says of a call."""

    obstacle: str = ""  #: Why it may not run now; "" when it may.
    use: GrantUse | None = None  #: Of the grant by which it may.


class Veto:
    """Decides each tool call: allow, deny, advise, or ask a human."""

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        registry: Registry,
        tenancy: Tenancy,
        contents: Contents,
        key: bytes,
        clock: Callable[[], float],
    ) -> None:
        self.contents = contents
        self._tickets = Tickets(key)
        self._store = store
        self._hooks = hooks
        self._registry = registry
        self._tenancy = tenancy
        self.seals = Seals(key)
        self._evidence = Evidence(hooks, tenancy, self.seals)
        self.witnesses = Witnesses(hooks, tenancy, self.seals)
        self.grants = Grants(store, hooks, tenancy, self.seals, clock)
        self._clock = clock

    # Verdicts

    async def judge(self, call: ToolCall, denial: Opinion | None = None, cards: int = 1) -> BoundVerdict:
        """The verdict on one call, bound to its bytes, its tool and the policy of this moment.

        :param denial: why it could not work in any case: policy is not asked, and no person either
        :param cards: that its turn would ask people with, were they asked about this too
        """
        version, opinion = await self._judged(call, denial)
        if granted := await self.grants.covering(call, opinion):
            opinion = Opinion(Verdict.ALLOW, RULE + granted.view.id)
        tenant = self._tenancy.tenant(call.tenant) or NO_TENANT
        if opinion.verdict is Verdict.REVIEW:
            why_not = _unshowable(call) or await too_much(self._store, call, tenant, self._clock(), cards)
            opinion = why_not or opinion
        return self._bound(call, version, opinion)

    async def gate(self, flow: Flow, call: CallRow) -> Gate:
        """The last gate, just before the ticket is spent.

        What would run is what was judged, policy of this moment does not forbid it, and where people were
        asked, enough unforged decisions are there of people who may still make them; or a grant is.
        """
        while True:
            version = self._hooks.policy_version()
            gate = await self._gate(flow, call)
            if self._hooks.policy_version() == version:
                return gate

    async def _gate(self, flow: Flow, call: CallRow) -> Gate:
        is_ours = functools.partial(self.seals.is_retry, flow, call)
        standing = await self._store.calls.standing(flow, call, is_ours)
        if standing is Standing.SPENT:
            log.error("call_begun_before", tenant=flow.tenant, workflow=flow.id, seq=call.seq)
            return Gate(SPENT)
        renewed_at = await self.not_run_at(flow, call) if standing is Standing.SETTLED else 0.0
        if standing is Standing.SETTLED and not renewed_at:
            log.error("call_not_settled", tenant=flow.tenant, workflow=flow.id, seq=call.seq)
            return Gate(UNSETTLED)
        current = await self._as_it_would_run(flow, call)
        if current is None:
            return Gate(CHANGED)
        opinion = await self._hooks.verdict(current)
        found = await self._store.approvals.of_call(flow.id, call.seq)
        bound = action_asked(current, found[0]) if found else action(current, call.policy_version, 0.0)
        if not hmac.compare_digest(bound, call.action_sha256):
            log.error("action_differs", tenant=flow.tenant, workflow=flow.id, seq=call.seq)
            return Gate(CHANGED)
        if found is None:
            return await self._unasked(call, current, opinion)
        if opinion.verdict not in (Verdict.ALLOW, Verdict.REVIEW):
            return Gate(NOT_ALLOWED)
        approval, decisions = found
        if not _is_for(approval, flow, call):
            log.error("approval_differs", tenant=flow.tenant, workflow=flow.id, seq=call.seq)
            return Gate(CHANGED)
        tightened = self._tightened(approval, opinion)
        return Gate(await self._approval_obstacle(tightened, decisions, renewed_at))

    async def not_run_at(self, flow: Flow, call: CallRow) -> float:
        """When people had said that a call's last attempt did not run, unix seconds; 0.0: they have not.

        What was said before that attempt began is not about it, whatever a row counts.
        """
        since = await self._store.calls.begun_at(flow, call)
        for doubt, sworn in await self._store.doubts.of_call(flow.id, call.seq):
            is_its = (doubt.tenant, doubt.attempt) == (flow.tenant, call.attempts)
            late = [each for each in sworn if each.testimony.at >= since]
            if is_its and (at := await self.witnesses.not_run_at(doubt, late, await self.asked_now(doubt))):
                return at
        return 0.0

    async def asked_now(self, doubt: DoubtView) -> ApprovalView:
        """The review of a call with the terms of now; where nobody was asked, what stands for it."""
        found = await self._store.approvals.of_call(doubt.workflow_id, doubt.seq)
        asked = found[0] if found else in_place_of_review(doubt)
        opinion = await self._opinion_now(asked, await self._current(asked))
        if found or opinion.verdict is not Verdict.REVIEW:
            return self._tightened(asked, opinion)
        return replace(asked, terms=opinion.terms)

    async def admit(self, flow: Flow, call: CallRow, tool: Tool, gate: Gate) -> Ticket:
        """Spend what allows the call, durably, and give the right to run it once.

        :param gate: of this moment, with no obstacle
        :raises Conflict: it is not approved for exactly these bytes, or was begun already
        """
        await self._store.calls.begin(flow, call, self._clock(), gate.use)
        planned = tool_call(flow, call.seq, tool, call.args, call.circumstances)
        return self._tickets.mint(planned, tool, idem_key(flow.id, call.seq))

    async def admit_check(self, planned: ToolCall, check: Tool) -> Ticket:
        """The right to ask a tool's check once about a call, by that one's key.

        :param planned: the check, as a call with the arguments, workflow and number of the other
        :raises Refused: policy would not let it run without asking anybody
        """
        opinion = await self._hooks.verdict(planned)
        if opinion.verdict is not Verdict.ALLOW:
            raise Refused(opinion.reason or "Policy does not allow this check.")
        key = idem_key(planned.workflow_id, planned.seq)
        return self._tickets.mint(planned, check, key, is_check=True)

    def take(self, ticket: Ticket) -> Ticket:
        """
        :raises NotAuthorized: it is none of ours, or it was taken before
        """
        return self._tickets.spend(ticket)

    def serves(self, tenant_id: str) -> bool:
        """Whether anything may be done for this tenant now."""
        return self._tenancy.tenant(tenant_id) is not None

    def has_left(self, tenant_id: str) -> bool:
        """Whether nothing will ever be done for this tenant again."""
        return self._tenancy.is_gone(tenant_id)

    async def denials_left(self, flow: Flow) -> int:
        """How many more calls of a workflow people may deny before it ends; 0 and less: none."""
        tenant = self._tenancy.tenant(flow.tenant) or NO_TENANT
        asked = await self._store.approvals.asked(flow.tenant, flow.requester, flow.id, self._clock())
        return tenant.denials - asked.denied

    async def tighten(self, rest: float = 0.0) -> tuple[ApprovalView, ...]:
        """After a change of policy or tools: end the reviews of what could not run any more as it was asked.

        It never lets one of them run.

        :param rest: times as long as it works, it lets others work
        :return: those that ended
        """
        ended = []
        for tenant in sorted(await self._store.tenant_ids()):
            async for approval in self._waiting(tenant, rest):
                current = await self._current(approval)
                opinion = await self._opinion_now(approval, current)
                outdated = _outdated(approval, current, opinion)
                if outdated and await self._supersede(approval, outdated):
                    ended.append(approval)
        return tuple(ended)

    # Decisions

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
        signed = self._sign(approval, principal, decision, reason, factor, now)
        return await self._store.approvals.vote(approval, signed, approval.terms.quorum, seen, now, granted)

    async def _granted(
        self, approval: ApprovalView, principal: Principal, decision: Decision, scope: GrantScope | None
    ) -> SealedGrant | None:
        call = await self._current(approval) if scope else None
        if scope is None or call is None:
            return None
        check_decision(decision)
        return await self.grants.made(approval, call, scope, principal)

    async def entitled(
        self, principal: Principal, approval_id: str, decision: Decision, version: int | None = None
    ) -> ApprovalView:
        """A review with the terms of now, once it is sure that this person may say this of it now.

        :raises NotFound, Refused, Conflict, Expired: as :meth:`decide`
        """
        stored = await self._store.approvals.view(principal.tenant, approval_id)
        current = await self._current(stored)
        opinion = await self._opinion_now(stored, current)
        approval = self._tightened(stored, opinion)
        await self._check_person(approval, principal, decision)
        await self._check_open(approval, version)
        if decision is Decision.APPROVE:
            await self._check_unchanged(stored, current, opinion)
        return approval

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

    def button(self, approval: ApprovalView) -> str:
        """The opaque value of a card's buttons: id, version and a MAC over both and the action."""
        return f"{approval.id}.{approval.version}.{self.seals.button(approval)}"

    async def pressed(self, principal: Principal, value: str) -> tuple[ApprovalView, int]:
        """The approval behind a button's value, and the version that was drawn.

        :raises NotFound: the value is not one that we made for this tenant
        """
        approval_id, _, rest = value.partition(".")
        version, _, seal = rest.partition(".")
        approval = await self._store.approvals.view(principal.tenant, approval_id)
        if not hmac.compare_digest(seal.encode(), self.seals.button(approval, version).encode()):
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

    async def expire(self) -> tuple[ApprovalView, ...]:
        """End every review whose time is over.

        :return: those that this call ended
        """
        now = self._clock()
        text = observation("expired", "Nobody decided in time. Nothing was run.")
        due = await self._store.approvals.due(now)
        return tuple(
            [
                each
                for each in due
                if await self._store.approvals.close(each, ApprovalState.EXPIRED, text, now)
            ]
        )

    # Inside

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

    async def _waiting(self, tenant: str, rest: float) -> AsyncIterator[ApprovalView]:
        """What waits, some at a time, so that others have their turn between."""
        end: tuple[float, str] | None = (0.0, "")
        while end:
            some, end = await self._store.approvals.pending_after(tenant, end, TOGETHER)
            for each in some:
                began = time.monotonic()
                yield each
                await asyncio.sleep(rest * (time.monotonic() - began))

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
        outdated = _outdated(approval, current, opinion)
        if not outdated:
            return
        await self._supersede(approval, outdated)
        if outdated == NOT_ALLOWED:
            raise Conflict(f"Policy does not allow this any more; nothing was run. {opinion.reason}".strip())
        log.error("action_differs", tenant=approval.tenant, approval=approval.id)
        raise Conflict("The call or its tool changed since this was asked; nothing was run.")

    async def _supersede(self, approval: ApprovalView, sentence: str) -> bool:
        """:return: False when a person was first"""
        seen = observation("superseded", sentence)
        return await self._store.approvals.close(approval, ApprovalState.SUPERSEDED, seen, self._clock())

    async def _opinion_now(self, approval: ApprovalView, current: ToolCall | None) -> Opinion:
        """What policy says now of what was asked.

        :param current: it, as it would run now
        """
        if current is None:
            return Opinion(Verdict.REVIEW, "tool-gone", terms=approval.terms)
        return await self._hooks.verdict(current)

    async def _current(self, approval: ApprovalView) -> ToolCall | None:
        """The call behind a review as it would run now; None where its tool or its files are gone."""
        tool = self._registry.get(approval.tool)
        return None if tool is None else await self._with_files(asked_call(approval, tool), tool)

    async def _as_it_would_run(self, flow: Flow, call: CallRow) -> ToolCall | None:
        tool = self._registry.get(call.tool)
        if tool is None:
            return None
        return await self._with_files(tool_call(flow, call.seq, tool, call.args, call.circumstances), tool)

    async def _with_files(self, call: ToolCall, tool: Tool) -> ToolCall | None:
        """With what is in its files now; None where there is nothing."""
        if not tool.files:
            return call
        try:
            files = await self.contents.of(call.tenant, tool.files, call.args)
        except (BadRequest, ValueError):
            return None
        return replace(call, circumstances=replace(call.circumstances, files=files))

    async def _unasked(self, call: CallRow, current: ToolCall, opinion: Opinion) -> Gate:
        """The last gate for a call that nobody was asked about."""
        if opinion.verdict is Verdict.ALLOW:
            return Gate()
        if opinion.verdict is not Verdict.REVIEW or not call.rule.startswith(RULE):
            return Gate(NOT_ALLOWED)
        granted = await self.grants.covering(current, opinion)
        return Gate(use=self.grants.use(granted)) if granted else Gate(NOT_GRANTED)

    async def _approval_obstacle(
        self, approval: ApprovalView, decisions: tuple[Signed, ...], renewed_at: float
    ) -> str:
        """:param renewed_at: when people said that it did not run: it may begin for a while from then on"""
        if approval.state is not ApprovalState.APPROVED:
            return NOT_DECIDED
        said = [each.at for each in decisions if self.seals.is_approval(approval, each)]
        if self._clock() > max([approval.expires_at, *(at + EXECUTION_WINDOW for at in (*said, renewed_at))]):
            return TOO_LATE
        people = await self._evidence.people(approval, decisions)
        return "" if len(people) >= approval.terms.quorum else NOT_DECIDED

    def _tightened(self, approval: ApprovalView, opinion: Opinion) -> ApprovalView:
        """With the terms of both moments: when it was asked, and now."""
        # Nothing of a time that is to come has happened, whatever a row says.
        known = replace(approval, escalated_at=min(approval.escalated_at, self._clock()))
        if opinion.verdict is not Verdict.REVIEW:
            return known
        return replace(known, terms=approval.terms.within(opinion.terms))

    def _sign(
        self,
        approval: ApprovalView,
        principal: Principal,
        decision: Decision,
        reason: str,
        factor: str,
        now: float,
    ) -> Signed:
        person = self._tenancy.person(approval.tenant, principal.id)
        unsealed = Signed(principal.id, decision, reason, round(now, 3), "", person, factor)
        return replace(unsealed, mac=self.seals.decision(approval, unsealed))


def _is_for(approval: ApprovalView, flow: Flow, call: CallRow) -> bool:
    """Whether what people were asked is this very call: their seals are over the approval's own row."""
    is_same = hmac.compare_digest(approval.action_sha256, call.action_sha256)
    return is_same and approval.tenant == flow.tenant


def _outdated(approval: ApprovalView, current: ToolCall | None, opinion: Opinion) -> str:
    """Why what was asked could not run now, in a sentence for the brain; "" when it could.

    :param approval: with the terms that it was asked on
    :param current: it, as it would run now
    :param opinion: on that, of the policy of now
    """
    if opinion.verdict not in (Verdict.ALLOW, Verdict.REVIEW):
        return NOT_ALLOWED
    bound = current and action_asked(current, approval)
    return "" if bound == approval.action_sha256 else CHANGED


def _unshowable(call: ToolCall) -> Opinion | None:
    """What cannot be shown to a person cannot be approved: then nobody is asked."""
    try:
        show(call.args)
    except Unshowable as why:
        return Opinion(Verdict.DENY, "not-showable", f"Its arguments cannot be shown to a person: {why}.")
    return None
