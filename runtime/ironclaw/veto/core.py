"""Decides each tool call: the verdict, people's decisions, and the last gate before it runs."""

from __future__ import annotations

from collections.abc import Callable

from ironclaw.errors import Refused
from ironclaw.plugin_manager import Hooks
from ironclaw.registry import Registry, Tool
from ironclaw.sandbox.contents import Contents
from ironclaw.store import CallRow, Flow, Store
from ironclaw.task import ToolCall, Verdict
from ironclaw.tenancy import Tenancy
from ironclaw.veto.asked import Asked
from ironclaw.veto.binding import Seals, idem_key, tool_call
from ironclaw.veto.burden import NO_TENANT
from ironclaw.veto.deciding import Deciding
from ironclaw.veto.ending import Ending
from ironclaw.veto.evidence import Evidence
from ironclaw.veto.gate import Gate, LastGate
from ironclaw.veto.grants import Grants
from ironclaw.veto.judging import Judging
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
        # Each is described where it is done: one place for each, behind every door.
        asked = Asked(store, hooks, registry, contents, clock)
        self.asked_now = asked.in_doubt
        judging = Judging(store, hooks, tenancy, grants, clock)
        self.judge, self.judge_edited = judging.judge, judging.judge_edited
        gate = LastGate(
            store, hooks, asked, seals, Evidence(hooks, tenancy, seals), self.witnesses, grants, clock
        )
        self.gate, self.not_run_at = gate.look, gate.not_run_at
        ending = Ending(store, asked, clock)
        self.tighten, self.expire = ending.tighten, ending.expire
        self._deciding = deciding = Deciding(store, hooks, tenancy, asked, ending, seals, grants, clock)
        self.decide, self.entitled = deciding.decide, deciding.entitled
        self.button, self.pressed, self.press = deciding.button, deciding.pressed, deciding.press

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
