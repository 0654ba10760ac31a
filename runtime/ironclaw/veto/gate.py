"""The last gate: what is true of a call just before its ticket is spent, whatever was true before."""

from __future__ import annotations

import functools
import hmac
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ironclaw.plugin_manager import Hooks
from ironclaw.store import CallRow, Flow, GrantUse, Signed, Standing, Store
from ironclaw.task import ApprovalState, ApprovalView, Opinion, ToolCall, Verdict
from ironclaw.veto.asked import CHANGED, NOT_ALLOWED, Asked, is_for
from ironclaw.veto.binding import Seals, action, action_asked
from ironclaw.veto.evidence import Evidence
from ironclaw.veto.grants import RULE, Grants
from ironclaw.veto.witnesses import Witnesses

NOT_DECIDED = "Its approval does not count any more. Nothing was run. Propose it again if it is still needed."
NOT_GRANTED = "Its grant does not count any more. Nothing was run. Propose it again: a person is asked then."
UNSETTLED = "Nobody who may say so has said that it did not run. Do not repeat it: look first."
SPENT = "It was begun before. Do not repeat it: look first whether it happened."
TOO_LATE = "It was approved, but could not begin in time. Nothing was run. Propose it again if still needed."
EXECUTION_WINDOW = 600.0  #: Seconds after the last yes in which an approved call may begin, expiry or not.

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Gate:
    """What the last gate says of a call."""

    obstacle: str = ""  #: Why it may not run now; "" when it may.
    use: GrantUse | None = None  #: Of the grant by which it may.


class LastGate:
    """Looks once more at a call, its decisions, its grant and what became of it before."""

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        asked: Asked,
        seals: Seals,
        evidence: Evidence,
        witnesses: Witnesses,
        grants: Grants,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._asked = asked
        self._seals = seals
        self._evidence = evidence
        self._witnesses = witnesses
        self._grants = grants
        self._clock = clock

    async def look(self, flow: Flow, call: CallRow) -> Gate:
        """The last gate, just before the ticket is spent.

        What would run is what was judged, policy of this moment does not forbid it, and where people were
        asked, enough unforged decisions are there of people who may still make them; or a grant is.  All of
        it under one version of policy.
        """
        while True:
            version = self._hooks.policy_version()
            gate = await self._gate(flow, call)
            if self._hooks.policy_version() == version:
                return gate

    async def not_run_at(self, flow: Flow, call: CallRow) -> float:
        """When people had said that a call's last attempt did not run, unix seconds; 0.0: they have not.

        What was said before that attempt began is not about it, whatever a row counts.
        """
        since = await self._store.calls.begun_at(flow, call)
        for doubt, sworn in await self._store.doubts.of_call(flow.id, call.seq):
            is_its = (doubt.tenant, doubt.attempt) == (flow.tenant, call.attempts)
            late = [each for each in sworn if each.testimony.at >= since]
            if is_its and (
                at := await self._witnesses.not_run_at(doubt, late, await self._asked.in_doubt(doubt))
            ):
                return at
        return 0.0

    async def _gate(self, flow: Flow, call: CallRow) -> Gate:
        is_ours = functools.partial(self._seals.is_retry, flow, call)
        standing = await self._store.calls.standing(flow, call, is_ours)
        if standing is Standing.SPENT:
            log.error("call_begun_before", tenant=flow.tenant, workflow=flow.id, seq=call.seq)
            return Gate(SPENT)
        renewed_at = await self.not_run_at(flow, call) if standing is Standing.SETTLED else 0.0
        if standing is Standing.SETTLED and not renewed_at:
            log.error("call_not_settled", tenant=flow.tenant, workflow=flow.id, seq=call.seq)
            return Gate(UNSETTLED)
        current = await self._asked.as_it_would_run(flow, call)
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
        if not is_for(approval, flow, call):
            log.error("approval_differs", tenant=flow.tenant, workflow=flow.id, seq=call.seq)
            return Gate(CHANGED)
        tightened = self._asked.tightened(approval, opinion)
        return Gate(await self._approval_obstacle(tightened, decisions, renewed_at))

    async def _unasked(self, call: CallRow, current: ToolCall, opinion: Opinion) -> Gate:
        """The last gate for a call that nobody was asked about."""
        if opinion.verdict is Verdict.ALLOW:
            return Gate()
        if opinion.verdict is not Verdict.REVIEW or not call.rule.startswith(RULE):
            return Gate(NOT_ALLOWED)
        granted = await self._grants.covering(current, opinion)
        return Gate(use=self._grants.use(granted)) if granted else Gate(NOT_GRANTED)

    async def _approval_obstacle(
        self, approval: ApprovalView, decisions: tuple[Signed, ...], renewed_at: float
    ) -> str:
        """:param renewed_at: when people said that it did not run: it may begin for a while from then on"""
        if approval.state is not ApprovalState.APPROVED:
            return NOT_DECIDED
        said = [each.at for each in decisions if self._seals.is_approval(approval, each)]
        if self._clock() > max([approval.expires_at, *(at + EXECUTION_WINDOW for at in (*said, renewed_at))]):
            return TOO_LATE
        people = await self._evidence.people(approval, decisions)
        return "" if len(people) >= approval.terms.quorum else NOT_DECIDED
