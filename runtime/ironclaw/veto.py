"""The veto: one verdict, one decide(), one ticket.  Nothing runs but by it."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from ironclaw.canonical import digest, mac, subkey
from ironclaw.errors import Conflict, Expired, NotFound, Refused
from ironclaw.plugin_manager import Hooks
from ironclaw.registry import Registry, Tool
from ironclaw.settings import TenantSettings
from ironclaw.showing import Unshowable, show
from ironclaw.store import CallRow, Flow, Signed, Store
from ironclaw.task import (
    ApprovalState,
    ApprovalView,
    Decision,
    Opinion,
    Principal,
    ToolCall,
    Verdict,
    observation,
)

SCHEMA = 1  #: Version of what an approval is bound to.
DENIED = "Denied by a person. Nothing was run. Do not propose the same call again."
CHANGED = "The tool or the policy changed after this was judged. Nothing was run. Propose it again if needed."


@dataclass(frozen=True, slots=True)
class BoundVerdict:
    """A verdict with what it is bound to."""

    opinion: Opinion
    policy_version: str
    expires_at: float  #: 0 unless the verdict is REVIEW.
    action_sha256: str


class Veto:
    """Decides each tool call: allow, deny, or ask a human."""

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        registry: Registry,
        tenant: Callable[[str], TenantSettings | None],
        key: bytes,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._registry = registry
        self._tenant = tenant
        self._button_key = subkey(key, "button")
        self._decision_key = subkey(key, "decision")
        self._clock = clock

    async def judge(self, call: ToolCall, denial: Opinion | None = None) -> BoundVerdict:
        """The verdict on one call, bound to its bytes, its tool and the policy of this moment.

        :param denial: why it could not work in any case: policy is not asked, and no person either
        """
        version = self._hooks.policy_version()
        opinion = denial or await self._hooks.verdict(call)
        if opinion.verdict is Verdict.REVIEW:
            opinion = _if_showable(call, opinion)
        expires_at = 0.0
        if opinion.verdict is Verdict.REVIEW:
            settings = self._tenant(call.tenant) or TenantSettings.model_validate({})
            expires_at = round(self._clock() + settings.approval_minutes * 60, 3)
        return BoundVerdict(opinion, version, expires_at, action(call, version, expires_at))

    async def decide(
        self,
        principal: Principal,
        approval_id: str,
        decision: Decision,
        *,
        version: int | None = None,
        reason: str = "",
    ) -> ApprovalView:
        """One person's decision: the only door, behind button, command and HTTP alike.

        :param principal: as a door verified it, never from the payload
        :param version: the version that the person saw; None when the door shows none
        :raises NotFound: no such approval of the principal's tenant
        :raises Refused: this person may not decide this
        :raises Conflict: decided before (``by`` whom, ``at`` when), or a newer version exists
        :raises Expired: nobody decided in time
        """
        approval = await self._store.approvals.view(principal.tenant, approval_id)
        await self._check_person(approval, principal, decision)
        now = self._clock()
        _check_open(approval, version, now)
        if decision is Decision.APPROVE and not await self._still_the_same(approval):
            await self._store.approvals.close(
                approval, ApprovalState.SUPERSEDED, observation("superseded", CHANGED), now
            )
            raise Conflict("The tool or the policy changed since this was asked; nothing was run.")
        text = f"{DENIED} Reason given: {reason}" if reason else DENIED
        seen = observation("denied", text, by=principal.id, reason=reason)
        signed = self._sign(approval, principal, decision, reason, now)
        await self._store.approvals.settle(approval, signed, seen, now)
        return await self._store.approvals.view(principal.tenant, approval_id)

    async def may_run(self, flow: Flow, call: CallRow) -> bool:
        """The last gate, just before the ticket is spent: is what was allowed still what would run?

        The same policy says yes again to the same bytes of the same tool, and where people were asked,
        an unforged decision of somebody who is still an approver is there.
        """
        current = self._as_it_would_run(flow, call)
        if current is None or call.policy_version != self._hooks.policy_version():
            return False
        opinion = await self._hooks.verdict(current)
        found = await self._store.approvals.of_call(flow.id, call.seq)
        if found is None:
            bound = action(current, call.policy_version, 0.0)
            return opinion.verdict is Verdict.ALLOW and hmac.compare_digest(bound, call.action_sha256)
        approval, decisions = found
        bound = action(current, call.policy_version, approval.expires_at)
        if opinion.verdict is Verdict.DENY or not hmac.compare_digest(bound, call.action_sha256):
            return False
        return approval.state is ApprovalState.APPROVED and await self._all_approved(approval, decisions)

    def button(self, approval: ApprovalView) -> str:
        """The opaque value of a card's buttons: id, version and a MAC over both and the action."""
        return f"{approval.id}.{approval.version}.{self._button_mac(approval)}"

    async def press(
        self, principal: Principal, value: str, decision: Decision, reason: str = ""
    ) -> ApprovalView:
        """A decision by a card's button.

        :raises NotFound: the value is not one that we made for this tenant
        :raises Refused, Conflict, Expired: as :meth:`decide`
        """
        approval_id, _, rest = value.partition(".")
        version, _, seal = rest.partition(".")
        approval = await self._store.approvals.view(principal.tenant, approval_id)
        if not hmac.compare_digest(seal.encode(), self._button_mac(approval, version).encode()):
            raise NotFound("There is no such approval.")
        return await self.decide(principal, approval_id, decision, version=int(version), reason=reason)

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

    async def supersede(self) -> tuple[ApprovalView, ...]:
        """End every review of what would no longer run as it was shown: the tools have changed.

        :return: those that this call ended
        """
        text, now = observation("superseded", CHANGED), self._clock()
        tenants = await self._store.tenant_ids()
        waiting = [each for tenant in tenants for each in await self._store.approvals.pending(tenant)]
        return tuple(
            [
                each
                for each in waiting
                if not await self._still_the_same(each)
                and await self._store.approvals.close(each, ApprovalState.SUPERSEDED, text, now)
            ]
        )

    async def _check_person(self, approval: ApprovalView, principal: Principal, decision: Decision) -> None:
        opinion = await self._hooks.may_decide(approval, principal, decision)
        if opinion.verdict is not Verdict.ALLOW:
            await self._store.approvals.refused(approval, principal.id, opinion.rule, self._clock())
            raise Refused(opinion.reason or "You may not decide this.")

    async def _still_the_same(self, approval: ApprovalView) -> bool:
        """Whether a call of the workflow, as it would run now, is what the approval is bound to."""
        flow = await self._store.workflows.load(approval.workflow_id)
        version = self._hooks.policy_version()
        as_now = (self._as_it_would_run(flow, call) for call in flow.calls)
        return any(
            call is not None and action(call, version, approval.expires_at) == approval.action_sha256
            for call in as_now
        )

    def _as_it_would_run(self, flow: Flow, call: CallRow) -> ToolCall | None:
        tool = self._registry.get(call.tool)
        return None if tool is None else tool_call(flow, call.seq, tool, call.args)

    async def _all_approved(self, approval: ApprovalView, decisions: tuple[Signed, ...]) -> bool:
        for signed in decisions:
            if not await self._approved(approval, signed):
                return False
        return bool(decisions)

    async def _approved(self, approval: ApprovalView, signed: Signed) -> bool:
        """Whether it is a yes, sealed by this host, of somebody who may say it now too."""
        seal = self._decision_mac(approval, signed.principal, signed.decision, signed.at)
        is_genuine = hmac.compare_digest(signed.mac.encode(), seal.encode())
        if not is_genuine or signed.decision is not Decision.APPROVE:
            return False
        roles = self._roles(approval.tenant, signed.principal)
        person = Principal(approval.tenant, signed.principal, roles)
        opinion = await self._hooks.may_decide(approval, person, signed.decision)
        return opinion.verdict is Verdict.ALLOW

    def _roles(self, tenant: str, principal_id: str) -> frozenset[str]:
        settings = self._tenant(tenant)
        return frozenset({"approver"}) if settings and principal_id in settings.approvers else frozenset()

    def _sign(
        self, approval: ApprovalView, principal: Principal, decision: Decision, reason: str, now: float
    ) -> Signed:
        at = round(now, 3)
        seal = self._decision_mac(approval, principal.id, decision, at)
        return Signed(principal.id, decision, reason, at, seal)

    def _decision_mac(self, approval: ApprovalView, principal_id: str, decision: Decision, at: float) -> str:
        return mac(
            self._decision_key, [approval.id, approval.action_sha256, principal_id, decision.value, at]
        )

    def _button_mac(self, approval: ApprovalView, version: str | None = None) -> str:
        shown = str(approval.version) if version is None else version
        bound = [approval.tenant, approval.id, shown, approval.action_sha256]
        return mac(self._button_key, bound)[:32]


def _check_open(approval: ApprovalView, version: int | None, now: float) -> None:
    if approval.state is ApprovalState.PENDING and now >= approval.expires_at:
        raise Expired("This approval has expired; nothing was run. Ask again to get a new one.")
    if version is not None and version != approval.version:
        raise Conflict("A newer version of this request exists; look at its card.")


def tool_call(flow: Flow, seq: int, tool: Tool, args: str) -> ToolCall:
    """A call as it would run now."""
    return ToolCall(
        tenant=flow.tenant,
        requester=flow.requester,
        workflow_id=flow.id,
        seq=seq,
        tool=tool.name,
        args=args,
        risk=tool.risk,
        effect=tool.effect,
        capabilities=tool.capabilities,
        component_sha256=tool.toolbox.component_sha256,
        manifest_sha256=tool.toolbox.manifest_sha256,
        door=flow.address.door,
    )


def _if_showable(call: ToolCall, opinion: Opinion) -> Opinion:
    """What cannot be shown to a person cannot be approved: then nobody is asked."""
    try:
        show(call.args)
    except Unshowable as why:
        return Opinion(Verdict.DENY, "not-showable", f"Its arguments cannot be shown to a person: {why}.")
    return opinion


def action(call: ToolCall, policy_version: str, expires_at: float) -> str:
    """What an approval is bound to: exactly this call and no other."""
    return digest(
        [
            SCHEMA,
            call.tenant,
            call.requester,
            call.workflow_id,
            call.seq,
            call.tool,
            call.component_sha256,
            call.manifest_sha256,
            policy_version,
            call.args,
            expires_at,
        ]
    )


def new_id() -> str:
    """128 random bits: not to be guessed, with no order."""
    return secrets.token_hex(16)
