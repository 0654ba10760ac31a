"""What the local door does for the command line: tasks, and what waits for people."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from ironclaw.errors import Conflict, QueueFull, Refused, StepUpNeeded, Suspended
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
from ironclaw_bot.local.operating import Operating
from ironclaw_bot.local.showing import shown_approval, shown_grant, shown_question, shown_workflow

NO_APPROVER = (
    "You are {name} here, and no approver: put that name into approvers in ironclaw.toml, under "
    "[tenants.{tenant}] where there is such a table, and start a running bot again."
)
OTHER_CALL = "This is not the call that you saw: its digest is another one. Look again: ironclaw approvals."


class Door(Operating):
    """What the command line asks for, on behalf of one local person."""

    __slots__ = ()

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

    async def follow(self, tenant: str, workflow_id: str, seen: str, wait: float) -> Json:
        """How a task stands, and what its model writes: once it rests, or that is another text, or in time.

        :param seen: the text that the caller has
        """
        own = self._principal(tenant).tenant
        rest = asyncio.create_task(self.app.wait(own, workflow_id, wait))
        news = asyncio.create_task(self.screen.news(workflow_id, seen))
        try:
            await asyncio.wait((rest, news), return_when=asyncio.FIRST_COMPLETED)
            draft = self.screen.text(workflow_id)
            if rest.done():
                self.screen.leave(workflow_id)
            view = rest.result() if rest.done() else await self.app.workflow(own, workflow_id)
        finally:
            rest.cancel()
            news.cancel()
        return {**await self._with_doubt(view), "draft": draft}

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
        digest: str = "",
    ) -> Json:
        """Decide, then wait for what comes of it.

        :param grant: how far a yes reaches: "workflow", "tool", or "" for this call alone
        :param code: of the person's second factor, where they give one
        :param digest: how the digest begins of the call that they saw; "" where they do not say
        :raises Conflict: it is another call
        """
        principal = self._principal(tenant)
        scope = GrantScope(grant) if grant else None
        version = await self._version_of(principal, approval_id, digest) if digest else None
        if code and decision == Decision.APPROVE.value:
            decided = await self.app.step_ups.approve_with_code(
                principal, approval_id, code, version=version, reason=reason, grant=scope
            )
        else:
            decided = await self.app.decide(
                principal, approval_id, Decision(decision), version=version, reason=reason, grant=scope
            )
        return await self._with_doubt(await self.app.wait(principal.tenant, decided.workflow_id, wait))

    async def _version_of(self, principal: Principal, approval_id: str, digest: str) -> int:
        """
        :raises Conflict: what waits is not the call of this digest
        """
        approval = await self.app.approval(principal.tenant, approval_id)
        if not approval.action_sha256.startswith(digest):
            raise Conflict(OTHER_CALL)
        return approval.version

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


METHODS = (
    "run",
    "follow",
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
