"""An engine in memory: the face of ironclaw.app.Ironclaw with real identities and rules, and no tools.

A task's first word decides what becomes of it: ``ask`` pauses for an approval, ``queue`` stays queued,
``slow`` runs until :meth:`MemoryEngine.finish`, ``fail`` fails, ``crash`` and ``locked`` raise, ``full``
finds no room; anything else is done.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import structlog

from ironclaw.canonical import digest
from ironclaw.deciders import Deciders, deciders
from ironclaw.errors import (
    BadRequest,
    Conflict,
    Expired,
    IdentityError,
    NotFound,
    QueueFull,
    Refused,
    StepUpNeeded,
    StoreError,
)
from ironclaw.settings import Settings
from ironclaw.task import (
    Address,
    ApprovalState,
    ApprovalView,
    CallState,
    Credential,
    Decision,
    DoubtView,
    GrantView,
    Principal,
    QuestionView,
    Risk,
    Task,
    ToolOffer,
    Vote,
    WorkflowState,
    WorkflowView,
)
from ironclaw.tenancy import Tenancy
from ironclaw.terms import GrantScope
from ironclaw_plugins.auth_jwt import AuthJwt
from ironclaw_plugins.auth_slack import AuthSlack
from tests.fakes.services import PlainServices

STATES = {
    "ask": WorkflowState.PAUSED,
    "fail": WorkflowState.FAILED,
    "queue": WorkflowState.QUEUED,
    "slow": WorkflowState.RUNNING,
}
FAULTS = {
    "crash": RuntimeError("the engine broke"),
    "locked": StoreError("the file /secret/place is locked"),
    "full": QueueFull("Too many tasks wait already <now>."),
}
LEAKS = "hunter2"  #: What this engine's leak guard knows.
DECIDED = {
    Decision.APPROVE: (ApprovalState.APPROVED, CallState.SUCCEEDED),
    Decision.DENY: (ApprovalState.DENIED, CallState.DENIED),
}


class MemoryCards:
    """Where cards were shown: the door's tests say it, as the outbox would."""

    def __init__(self, engine: MemoryEngine) -> None:
        self._engine = engine
        self.refs: dict[str, list[Mapping[str, str]]] = {}

    async def behind(self, principal: Principal, value: str) -> tuple[ApprovalView, int]:
        approval_id, _, rest = value.partition(".")
        version, _, seal = rest.partition(".")
        approval = await self._engine.approval(principal.tenant, approval_id)
        if seal != "mac":
            raise NotFound("There is no such approval here.")
        return approval, int(version)

    async def is_shown_at(self, tenant: str, card: str, spot: Mapping[str, str]) -> bool:
        return spot in self.refs.get(card, ())

    async def copied(
        self, approvals: Collection[ApprovalView], address: Address, ref: Mapping[str, str]
    ) -> None:
        for each in approvals:
            self.refs.setdefault(each.card, []).append(ref)

    async def waiting_for(self, principal: Principal) -> tuple[ApprovalView, ...]:
        waiting = await self._engine.approvals(principal.tenant)
        is_open = [each for each in waiting if each.state is ApprovalState.PENDING]
        return tuple(each for each in is_open if principal.is_approver and each.requester != principal.id)


class MemoryGroups:
    """Slack's user groups as they were learned."""

    def __init__(self, settings: Settings) -> None:
        self.tenancy = Tenancy(settings)

    def of(self, tenant: str) -> frozenset[str]:
        return self.tenancy.slack_groups(tenant)

    async def learn(self, tenant: str, group_id: str, members: Collection[str]) -> None:
        self.tenancy.learn_group(tenant, group_id, members)


class MemoryQuestions:
    """Nothing is asked."""

    async def open_for(self, principal: Principal) -> tuple[QuestionView, ...]:
        return ()

    async def in_thread(self, principal: Principal, thread: str) -> QuestionView | None:
        return None

    async def view(self, tenant: str, question_id: str) -> QuestionView:
        raise NotFound("There is no such question.")


class MemoryDoubts:
    """Nothing is in doubt here."""

    async def open_ones(self, tenant: str) -> tuple[DoubtView, ...]:
        return ()

    async def view(self, tenant: str, doubt_id: str) -> DoubtView:
        raise NotFound("There is no such doubt.")


class MemoryStepUps:
    """Gives a link for anybody."""

    async def link(self, principal: Principal, approval_id: str) -> str:
        return f"https://gate.test/step-up/{approval_id}"


class MemoryEngine:
    """Workflows and approvals in dicts.

    :ivar tasks: what was submitted, once for each delivery
    :ivar refused: (address, text) of what was turned down
    :ivar broken: raised by the next submits and presses, as often as it says
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.tasks: list[Task] = []
        self.refused: list[tuple[Address, str]] = []
        self.broken: list[Exception] = []
        self.reviews: dict[str, ApprovalView] = {}
        self.offered = (ToolOffer("files.write", "Write a file & <more>.", {}),)
        self.accepted = asyncio.Event()
        self.checks = {"database": True, "sandbox": True}
        self._workflows: dict[str, WorkflowView] = {}
        self._deliveries: dict[tuple[str, str], str] = {}
        self._ids = itertools.count(1)
        self._moved = asyncio.Event()
        self.remembered: list[GrantView] = []
        self.edits: list[tuple[str, str]] = []
        self.granted: list[GrantScope] = []
        self.cards = MemoryCards(self)
        self.slack_groups = MemoryGroups(settings)
        self.step_ups = MemoryStepUps()
        self.doubts = MemoryDoubts()
        self.questions = MemoryQuestions()
        services = PlainServices(settings, tenancy=self.slack_groups.tenancy)
        self.tenant = services.tenant
        self._doors = (AuthJwt(services), AuthSlack(services))

    def tools(self, tenant: str) -> tuple[ToolOffer, ...]:
        return self.offered

    async def authenticate(self, credential: Credential) -> Principal:
        for door in self._doors:
            if principal := await door.ironclaw_authenticate(credential):
                structlog.contextvars.bind_contextvars(tenant=principal.tenant)
                return principal
        raise IdentityError

    async def ready(self) -> dict[str, bool]:
        return self.checks

    async def submit(self, task: Task) -> str:
        verb = task.text.split()[0]
        self._break(FAULTS.get(verb))
        if task.tools and "files.read" not in task.tools:
            raise BadRequest("There is no such tool.", "/tools/0")
        if task.delivery in self._deliveries:
            return self._deliveries[task.delivery]
        self.tasks.append(task)
        self.accepted.set()
        view = self._begin(task, STATES.get(verb, WorkflowState.DONE))
        if task.delivery:
            self._deliveries[task.delivery] = view.id
        return view.id

    def _break(self, fault: Exception | None = None) -> None:
        if self.broken:
            raise self.broken.pop()
        if fault:
            raise fault

    def _begin(self, task: Task, state: WorkflowState) -> WorkflowView:
        outcome = "" if not state.is_final else f"{state.value}: {task.text}"
        key, now = f"wf_{next(self._ids)}", self.clock()
        view = WorkflowView(key, task.tenant, task.requester, task.text, state, outcome, now, now)
        if state is WorkflowState.PAUSED:
            view = replace(view, approval=self._ask(view))
        self._workflows[key] = view
        return view

    def _ask(self, view: WorkflowView) -> ApprovalView:
        approval = ApprovalView(
            id=f"ap_{next(self._ids)}",
            version=1,
            tenant=view.tenant,
            workflow_id=view.id,
            seq=1,
            requester=view.requester,
            tool="files.write",
            risk=Risk.HIGH,
            args='{"path":"a","text":"b"}',
            action_sha256=digest(view.text),
            component_sha256=digest("component"),
            rule="any-approval",
            state=ApprovalState.PENDING,
            created_at=view.created_at,
            expires_at=view.created_at + 3600,
        )
        self.reviews[approval.id] = replace(approval, card=approval.id)
        return approval

    async def wait(self, tenant: str, workflow_id: str, seconds: float) -> WorkflowView:
        try:
            async with asyncio.timeout(seconds):
                while (await self.workflow(tenant, workflow_id)).state is WorkflowState.RUNNING:
                    await self._moved.wait()
        except TimeoutError:
            pass
        return await self.workflow(tenant, workflow_id)

    def finish(self, workflow_id: str) -> None:
        """End a slow or paused workflow."""
        view = self._workflows[workflow_id]
        self._workflows[workflow_id] = replace(view, state=WorkflowState.DONE, outcome="done", approval=None)
        self._moved.set()

    async def refuse(
        self, tenant: str, address: Address, text: str, delivery: tuple[str, str] | None = None
    ) -> None:
        self.refused.append((address, text))

    async def workflow(self, tenant: str, workflow_id: str) -> WorkflowView:
        view = self._workflows.get(workflow_id)
        if view is None or view.tenant != tenant:
            raise NotFound("There is no such task here.")
        return view

    async def workflows(self, tenant: str, limit: int = 20) -> tuple[WorkflowView, ...]:
        return tuple(view for view in self._workflows.values() if view.tenant == tenant)[:limit]

    async def workflows_for(self, principal: Principal, limit: int = 20) -> tuple[WorkflowView, ...]:
        found = await self.workflows(principal.tenant, limit)
        return tuple(each for each in found if principal.is_approver or each.requester == principal.id)

    async def workflow_for(self, principal: Principal, workflow_id: str) -> WorkflowView:
        view = await self.workflow(principal.tenant, workflow_id)
        if view not in await self.workflows_for(principal):
            raise NotFound("There is no such task here.")
        return view

    async def approvals(self, tenant: str) -> tuple[ApprovalView, ...]:
        return tuple(one for one in self.reviews.values() if one.tenant == tenant)

    async def approval(self, tenant: str, approval_id: str) -> ApprovalView:
        found = self.reviews.get(approval_id)
        if found is None or found.tenant != tenant:
            raise NotFound("There is no such approval here.")
        return found

    async def card(self, tenant: str, card: str) -> tuple[ApprovalView, ...]:
        return tuple(each for each in self.reviews.values() if (each.tenant, each.card) == (tenant, card))

    def is_suspended(self, tenant_id: str) -> bool:
        return not self.slack_groups.tenancy.serves(tenant_id)

    def deciders(self, approval: ApprovalView) -> Deciders:
        return deciders(self.slack_groups.tenancy, approval)

    def button(self, approval: ApprovalView) -> str:
        return f"{approval.id}.{approval.version}.mac"

    async def press(
        self,
        principal: Principal,
        value: str,
        decision: Decision,
        reason: str = "",
        grant: GrantScope | None = None,
    ) -> ApprovalView:
        self._break()
        approval, version = await self.cards.behind(principal, value)
        decided = await self.decide(principal, approval.id, decision, version=version, reason=reason)
        self.granted += [grant] if grant else []
        return decided

    async def edit(
        self, principal: Principal, approval_id: str, arguments: str, *, version: int | None = None
    ) -> ApprovalView:
        self._break()
        approval = await self.approval(principal.tenant, approval_id)
        if not principal.is_approver:
            raise Refused("You are not an approver here.")
        self._check_open(approval, version)
        self.edits.append((approval_id, arguments))
        edited = replace(approval, version=approval.version + 1, args=arguments)
        self.reviews[approval_id] = edited
        return edited

    def redact(self, tenant: str, text: str) -> str:
        return text.replace(LEAKS, "[redacted]")

    async def grants(self, tenant: str) -> tuple[GrantView, ...]:
        return tuple(each for each in self.remembered if each.tenant == tenant)

    async def revoke(self, principal: Principal, grant_id: str) -> None:
        if not principal.is_approver:
            raise Refused("You are not an approver here.")
        self.remembered = [each for each in self.remembered if each.id != grant_id]

    async def decide(
        self,
        principal: Principal,
        approval_id: str,
        decision: Decision,
        *,
        version: int | None = None,
        reason: str = "",
        grant: GrantScope | None = None,
    ) -> ApprovalView:
        approval = await self.approval(principal.tenant, approval_id)
        if not principal.is_approver:
            raise Refused("You are not an approver here.")
        self._check_open(approval, version)
        if approval.terms.step_up and decision is Decision.APPROVE:
            raise StepUpNeeded
        state, call_state = DECIDED[decision]
        vote = Vote(principal.id, decision, self.clock(), reason)
        decided = replace(approval, state=state, votes=(vote,), call_state=call_state)
        self.reviews[approval_id] = decided
        if approval.workflow_id in self._workflows:
            self.finish(approval.workflow_id)
        return decided

    def _check_open(self, approval: ApprovalView, version: int | None) -> None:
        if approval.votes:
            raise Conflict("This was decided before.", approval.votes[0].principal, approval.votes[0].at)
        if approval.state is ApprovalState.EXPIRED or self.clock() >= approval.expires_at:
            raise Expired
        if version not in (None, approval.version):
            raise Conflict("This approval has a newer version.")
