"""Decides each tool call: the verdict, people's decisions, and the last gate before it runs."""

from __future__ import annotations

from collections.abc import Callable

from ironclaw.errors import Refused
from ironclaw.plugin_manager import Hooks
from ironclaw.registry import Registry, Tool
from ironclaw.sandbox.contents import Contents
from ironclaw.store import CallRow, Flow, Store
from ironclaw.task import ApprovalView, Decision, DoubtView, Opinion, Principal, ToolCall, Verdict
from ironclaw.tenancy import Tenancy
from ironclaw.terms import GrantScope
from ironclaw.veto.asked import Asked
from ironclaw.veto.binding import Seals, idem_key, tool_call
from ironclaw.veto.burden import NO_TENANT
from ironclaw.veto.deciding import Deciding
from ironclaw.veto.ending import Ending
from ironclaw.veto.evidence import Evidence
from ironclaw.veto.gate import Gate, LastGate
from ironclaw.veto.grants import Grants
from ironclaw.veto.judging import BoundVerdict, Judging
from ironclaw.veto.tickets import Ticket, Tickets
from ironclaw.veto.witnesses import Witnesses


class Veto:
    """Decides each tool call: allow, deny, advise, or ask a human.  Its parts do the work."""

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
        self.seals = seals = Seals(key)
        self.witnesses = Witnesses(hooks, tenancy, seals)
        self.grants = grants = Grants(store, hooks, tenancy, seals, clock)
        self._store = store
        self._hooks = hooks
        self._tenancy = tenancy
        self._clock = clock
        self._tickets = Tickets(key)
        self._asked = asked = Asked(store, hooks, registry, contents, clock)
        self._judging = Judging(store, hooks, tenancy, grants, clock)
        self._ending = Ending(store, asked, clock)
        self._deciding = Deciding(store, hooks, tenancy, asked, self._ending, seals, grants, clock)
        evidence = Evidence(hooks, tenancy, seals)
        self._gate = LastGate(store, hooks, asked, seals, evidence, self.witnesses, grants, clock)

    # Verdicts

    async def judge(self, call: ToolCall, denial: Opinion | None = None, cards: int = 1) -> BoundVerdict:
        """The verdict on one call, bound to its bytes, its tool and the policy of this moment.

        :param denial: why it could not work in any case: policy is not asked, and no person either
        :param cards: that its turn would ask people with, were they asked about this too
        """
        return await self._judging.judge(call, denial, cards)

    async def judge_edited(self, call: ToolCall, asked: ApprovalView, denial: Opinion | None) -> BoundVerdict:
        """The verdict on a call with a person's arguments.  Whatever policy allows it: it waits, as it did.

        :param asked: the version that it takes the place of, with the terms of now
        :param denial: why it could not work in any case
        :raises Refused: policy is against it
        :raises BadRequest: nobody could be shown it
        """
        return await self._judging.judge_edited(call, asked, denial)

    # The last gate, and what goes through it

    async def gate(self, flow: Flow, call: CallRow) -> Gate:
        """The last gate, just before the ticket is spent.

        What would run is what was judged, policy of this moment does not forbid it, and where people were
        asked, enough unforged decisions are there of people who may still make them; or a grant is.
        """
        return await self._gate.look(flow, call)

    async def not_run_at(self, flow: Flow, call: CallRow) -> float:
        """When people had said that a call's last attempt did not run, unix seconds; 0.0: they have not.

        What was said before that attempt began is not about it, whatever a row counts.
        """
        return await self._gate.not_run_at(flow, call)

    async def asked_now(self, doubt: DoubtView) -> ApprovalView:
        """The review of a call with the terms of now; where nobody was asked, what stands for it."""
        return await self._asked.in_doubt(doubt)

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
        return self._tenancy.serves(tenant_id)

    def has_left(self, tenant_id: str) -> bool:
        """Whether nothing will ever be done for this tenant again."""
        return self._tenancy.is_gone(tenant_id)

    async def denials_left(self, flow: Flow) -> int:
        """How many more calls of a workflow people may deny before it ends; 0 and less: none."""
        tenant = self._tenancy.tenant(flow.tenant) or NO_TENANT
        asked = await self._store.approvals.asked(flow.tenant, flow.requester, flow.id, self._clock(), 0)
        return tenant.denials - asked.denied

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
        return await self._deciding.decide(
            principal, approval_id, decision, version=version, reason=reason, factor=factor, grant=grant
        )

    async def entitled(
        self, principal: Principal, approval_id: str, decision: Decision, version: int | None = None
    ) -> ApprovalView:
        """A review with the terms of now, once it is sure that this person may say this of it now.

        :raises NotFound, Refused, Conflict, Expired: as :meth:`decide`
        """
        return await self._deciding.entitled(principal, approval_id, decision, version)

    def button(self, approval: ApprovalView) -> str:
        """The opaque value of a card's buttons: id, version and a MAC over both and the action."""
        return self._deciding.button(approval)

    async def pressed(self, principal: Principal, value: str) -> tuple[ApprovalView, int]:
        """The approval behind a button's value, and the version that was drawn.

        :raises NotFound: the value is not one that we made for this tenant
        """
        return await self._deciding.pressed(principal, value)

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

    # Reviews that end without a person

    async def tighten(self, rest: float = 0.0) -> tuple[ApprovalView, ...]:
        """After a change of policy or tools: end the reviews of what could not run any more as it was asked.

        It never lets one of them run.

        :param rest: times as long as it works, it lets others work
        :return: those that ended
        """
        return await self._ending.tighten(rest)

    async def expire(self) -> tuple[ApprovalView, ...]:
        """End every review whose time is over.

        :return: those that this call ended
        """
        return await self._ending.expire()
