"""What the local door does for the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironclaw.app import Ironclaw
from ironclaw.errors import BadRequest, QueueFull, Refused, StepUpNeeded, Suspended
from ironclaw.settings import PERSON
from ironclaw.store.mcp_tools import State
from ironclaw.task import (
    Address,
    ApprovalView,
    Decision,
    Json,
    Principal,
    Said,
    Task,
    WorkflowView,
)
from ironclaw.terms import GrantScope
from ironclaw_bot.doubting import shown_doubt
from ironclaw_bot.keeper import Keeper
from ironclaw_bot.local.names import chosen_tenant
from ironclaw_bot.local.showing import shown_approval, shown_grant, shown_question, shown_workflow
from ironclaw_bot.mcp_server.calls import Calls
from ironclaw_bot.memories import Rememberer
from ironclaw_bot.scheduling import Scheduler
from ironclaw_bot.tenanting import Operator

CONNECT = 15.0  #: Seconds that MCP servers have to be connected before somebody looks at them.
NO_APPROVER = (
    "You are {name} here, and no approver: put that name into approvers in ironclaw.toml, under "
    "[tenants.{tenant}] where there is such a table, and start a running bot again."
)


@dataclass(frozen=True, slots=True)
class Door:
    """What the command line asks for, on behalf of one local person."""

    app: Ironclaw
    person: str  #: Login name.

    async def answer(self, method: str, words: dict[str, Any]) -> Json:
        """Carry out one of METHODS; a refusal says how a local person becomes one who may.

        :raises IronclawError: as the method raises it
        """
        try:
            return await getattr(self, method)(**words)
        except (StepUpNeeded, QueueFull, Suspended):
            raise
        except Refused as error:
            principal = self._principal(words.get("tenant", ""))
            if principal.is_approver:
                raise
            raise Refused(
                f"{error} {NO_APPROVER.format(name=principal.id, tenant=principal.tenant)}"
            ) from None

    async def run(
        self, tenant: str, task: str, brain: str, wait: float, tools: Sequence[str] | None = None
    ) -> Json:
        """Submit a task and wait for it.

        :param tools: the only ones that it may use; None: all of them
        :raises BadRequest: there is no such tool
        """
        principal = self._principal(tenant)
        only = None if tools is None else tuple(tools)
        asked = Task(principal.tenant, principal.id, task, Address("cli"), tools=only, brain=brain)
        workflow_id = await self.app.submit(asked)
        return await self._with_doubt(await self.app.wait(principal.tenant, workflow_id, wait))

    async def approvals(self, tenant: str) -> Json:
        """What waits for people."""
        own = self._principal(tenant).tenant
        return [self._waiting(each) for each in await self.app.approvals(own)]

    async def decide(
        self,
        tenant: str,
        approval_id: str,
        decision: str,
        reason: str,
        wait: float,
        grant: str = "",
        code: str = "",
    ) -> Json:
        """Decide, then wait for what comes of it.

        :param grant: how far a yes reaches: "workflow", "tool", or "" for this call alone
        :param code: of the person's second factor, where they give one
        """
        principal = self._principal(tenant)
        scope = GrantScope(grant) if grant else None
        if code and decision == Decision.APPROVE.value:
            decided = await self.app.step_ups.approve_with_code(
                principal, approval_id, code, reason=reason, grant=scope
            )
        else:
            decided = await self.app.decide(
                principal, approval_id, Decision(decision), reason=reason, grant=scope
            )
        return await self._with_doubt(await self.app.wait(principal.tenant, decided.workflow_id, wait))

    async def doubts(self, tenant: str) -> Json:
        """Calls of which nobody knows whether they ran."""
        own = self._principal(tenant).tenant
        return [await shown_doubt(self.app, each) for each in await self.app.doubts.open_ones(own)]

    async def settle(self, tenant: str, doubt_id: str, said: str, code: str, wait: float) -> Json:
        """Say whether one ran, then wait for what comes of it."""
        principal = self._principal(tenant)
        doubt = await self.app.doubts.testify(principal, doubt_id, Said(said), code=code)
        return await self._with_doubt(await self.app.wait(principal.tenant, doubt.workflow_id, wait))

    async def questions(self, tenant: str) -> Json:
        """What the brain asks of people."""
        own = self._principal(tenant).tenant
        return [shown_question(each) for each in await self.app.questions.open_ones(own)]

    async def answer_question(self, tenant: str, question_id: str, text: str, wait: float) -> Json:
        """Answer a question, then wait for what comes of it."""
        principal = self._principal(tenant)
        done = await self.app.questions.answer(principal, question_id, text)
        return await self._with_doubt(await self.app.wait(principal.tenant, done.workflow_id, wait))

    async def status(self, tenant: str, workflow_id: str, limit: int) -> Json:
        """How the latest tasks of a tenant stand, or the one that is named: all of it is its operator's."""
        own = self._principal(tenant).tenant
        if workflow_id:
            return [shown_workflow(await self.app.workflow(own, workflow_id))]
        return [shown_workflow(each) for each in await self.app.workflows(own, limit)]

    async def cancel(self, tenant: str, workflow_id: str) -> Json:
        """Stop one."""
        return [shown_workflow(await self.app.stopping.cancel(self._principal(tenant), workflow_id))]

    async def retry(self, tenant: str, workflow_id: str, wait: float) -> Json:
        """Have one done again, and wait for it."""
        principal = self._principal(tenant)
        again = await self.app.retrying.retry(principal, workflow_id, Address("cli"))
        return await self._with_doubt(await self.app.wait(principal.tenant, again, wait))

    async def edit(self, tenant: str, approval_id: str, arguments: str) -> Json:
        """Change the arguments of what waits."""
        return shown_approval(await self.app.edit(self._principal(tenant), approval_id, arguments))

    async def grants(self, tenant: str) -> Json:
        """What runs without asking."""
        return [shown_grant(each) for each in await self.app.grants(self._principal(tenant).tenant)]

    async def revoke(self, tenant: str, grant_id: str) -> Json:
        """Take a grant back."""
        return shown_grant(await self.app.revoke(self._principal(tenant), grant_id))

    async def _with_doubt(self, view: WorkflowView) -> Json:
        """A workflow as JSON, with the doubt or the answer that it waits for."""
        doubt = await shown_doubt(self.app, view.doubt) if view.doubt else None
        question = shown_question(view.question) if view.question else None
        return {**self._shown(view), "doubt": doubt, "question": question}

    def _shown(self, view: WorkflowView) -> Json:
        """A workflow as JSON."""
        approval = self._waiting(view.approval) if view.approval else None
        return {
            "workflow_id": view.id,
            "tenant": view.tenant,
            "state": view.state.value,
            "outcome": view.outcome,
            "approval": approval,
        }

    def _waiting(self, approval: ApprovalView) -> Json:
        """An approval as JSON, with those who may be asked to decide."""
        found = self.app.deciders(approval)
        deciders = {"words": found.words(), "groups": list(found.groups), "problem": found.problem}
        return {**shown_approval(approval), "deciders": deciders}

    async def reload(self) -> Json:
        """Take up toolboxes that were added, upgraded or removed."""
        await self.app.reload(f"local:{self.person}")

    async def mcp_servers(
        self, verb: str, name: str = "", component: str = "", manifest: str = "", state: str = "approved"
    ) -> Json:
        """What ``ironclaw mcp-server`` asks: list, show, or decide of exactly what was shown.

        :param component, manifest: digests of what was shown
        :raises NotFound, Conflict: there is no such server, or it lists something else by now
        """
        servers = self.app.mcp
        await servers.settled(CONNECT)
        if verb == "list":
            return servers.listed()
        if verb == "decide":
            chosen: State = "approved" if state == "approved" else "rejected"
            await servers.decide(name, component, manifest, chosen, f"local:{self.person}")
        return servers.shown(name)

    async def mcp(self, tenant: str, verb: str, **words: Any) -> Json:
        """What ``ironclaw mcp`` asks for its client."""
        return await Calls(self.app, self._principal(tenant)).do(verb, **words)

    async def tenants(self, verb: str, name: str = "") -> Json:
        """What ``ironclaw tenant`` does."""
        return await Operator(self.app, f"local:{self.person}").do(verb, name)

    async def reload_policy(self) -> Json:
        """Take up what changed in the files of policy.

        :return: the version in force
        """
        await self.app.policies.reload()
        return self.app.policies.version

    async def backup(self, file: str) -> Json:
        """Write a copy of the database."""
        await self.app.back_up(Path(file), f"local:{self.person}")

    async def schedules(self, tenant: str, verb: str, **words: str) -> Json:
        """What ``ironclaw schedule`` does with one tenant's schedules."""
        return await Scheduler(self.app, self._principal(tenant)).do(verb, **words)

    async def memories(self, tenant: str, verb: str, **words: Any) -> Json:
        """What ``ironclaw memory`` does with one tenant's memories."""
        return await Rememberer(self.app, self._principal(tenant)).do(verb, **words)

    async def secrets(self, tenant: str, verb: str, **words: Any) -> Json:
        """What ``ironclaw secrets`` does with one tenant's secrets."""
        principal = self._principal(tenant)
        return await Keeper(self.app.vault, principal.id).keep(verb, principal.tenant, **words)

    async def rotate_secrets(self) -> Json:
        """Seal everybody's secrets anew."""
        return await Keeper(self.app.vault, f"local:{self.person}").rotate()

    async def factors(self, tenant: str, verb: str, person: str, replace: bool = False) -> Json:
        """What ``ironclaw user`` does with one tenant's second factors."""
        principal = self._principal(tenant)
        factors = self.app.factors
        if verb == "enroll":
            if not PERSON.fullmatch(person):
                raise BadRequest(f"{person!r} is nobody: slack:TEAM:USER, jwt:ISSUER|SUBJECT or local:NAME.")
            uri = await factors.enroll(principal.tenant, person, principal.id, replace=replace)
            return {"uri": uri, "warning": self._no_decider(principal.tenant, person)}
        if verb == "remove":
            await factors.remove(principal.tenant, person, principal.id)
        return {"people": list(await factors.people(principal.tenant))}

    def _no_decider(self, tenant: str, person: str) -> str:
        """That a person's factor is of no use in a tenant; "" where it is."""
        if self.app.roles(tenant, person):
            return ""
        others = [each for each in sorted(self.app.tenant_ids - {tenant}) if self.app.roles(each, person)]
        where = f" They are in {', '.join(others)}: name it with --tenant." if others else ""
        return f"{person} is no approver, and of no group, of the tenant {tenant}.{where}"

    def _principal(self, tenant: str) -> Principal:
        tenant = chosen_tenant(tenant, self.app.tenant_ids)
        name = f"local:{self.person}"
        return Principal(tenant, name, self.app.roles(tenant, name))


METHODS = (
    "run",
    "approvals",
    "decide",
    "doubts",
    "settle",
    "questions",
    "answer_question",
    "status",
    "cancel",
    "retry",
    "edit",
    "grants",
    "revoke",
    "reload",
    "tenants",
    "reload_policy",
    "mcp",
    "mcp_servers",
    "schedules",
    "memories",
    "secrets",
    "rotate_secrets",
    "factors",
    "backup",
)
