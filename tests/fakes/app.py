"""An engine in memory: the face of ironclaw.app.Ironclaw with real rules and no tools.

A task's first word decides what becomes of it: ``ask`` pauses for an approval, ``queue`` stays queued,
``slow`` runs until :meth:`FakeApp.finish`, ``fail`` fails, ``crash`` and ``locked`` raise, ``full`` finds
no room; anything else is done.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from ironclaw.canonical import digest
from ironclaw.errors import BadRequest, Conflict, Expired, IdentityError, NotFound, Refused, StoreError
from ironclaw.settings import Settings, TenantSettings
from ironclaw.task import (
    ApprovalState,
    ApprovalView,
    Credential,
    Decision,
    Principal,
    Risk,
    Task,
    Vote,
    WorkflowState,
    WorkflowView,
)
from ironclaw_plugins.auth_jwt import AuthJwt

STATES = {
    "ask": WorkflowState.PAUSED,
    "fail": WorkflowState.FAILED,
    "queue": WorkflowState.QUEUED,
    "slow": WorkflowState.RUNNING,
}
DECIDED = {Decision.APPROVE: ApprovalState.APPROVED, Decision.DENY: ApprovalState.DENIED}


class FakeApp:
    """Tenants, workflows and approvals in dicts."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.clock = clock
        self.tasks: list[Task] = []
        self.accepted = asyncio.Event()
        self.checks = {"database": True, "sandbox": True}
        self._ids = itertools.count(1)
        self._workflows: dict[str, WorkflowView] = {}
        self._approvals: dict[str, ApprovalView] = {}
        self._deliveries: dict[tuple[str, str], str] = {}
        self._remembered: set[tuple[str, str]] = set()
        self._moved = asyncio.Event()
        self._auth = AuthJwt(self)

    def tenant(self, tenant_id: str) -> TenantSettings | None:
        return self.settings.tenants.get(tenant_id)

    def tenant_of_workspace(self, team_id: str, enterprise_id: str = "") -> str | None:
        return None

    async def remember(self, source: str, event_id: str, until: float) -> bool:
        new = (source, event_id) not in self._remembered
        self._remembered.add((source, event_id))
        return new

    async def authenticate(self, credential: Credential) -> Principal:
        principal = await self._auth.ironclaw_authenticate(credential)
        if principal is None:
            raise IdentityError
        structlog.contextvars.bind_contextvars(tenant=principal.tenant)
        return principal

    async def ready(self) -> dict[str, bool]:
        return self.checks

    async def submit(self, task: Task) -> str:
        verb = task.text.split()[0]
        if verb == "crash":
            raise RuntimeError("the engine broke")
        if verb == "locked":
            raise StoreError("the file /secret/place is locked")
        if verb == "full":
            raise Refused("Too many tasks wait already.")
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

    def _begin(self, task: Task, state: WorkflowState) -> WorkflowView:
        outcome = "" if not state.is_final else f"{state.value}: {task.text}"
        now = self.clock()
        view = WorkflowView(
            f"w{next(self._ids)}", task.tenant, task.requester, task.text, state, outcome, now, now
        )
        if state is WorkflowState.PAUSED:
            view = replace(view, approval=self._ask(view))
        self._workflows[view.id] = view
        return view

    def _ask(self, view: WorkflowView) -> ApprovalView:
        approval = ApprovalView(
            id=f"a{next(self._ids)}",
            version=1,
            tenant=view.tenant,
            workflow_id=view.id,
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
        self._approvals[approval.id] = approval
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
        """End a slow workflow."""
        view = self._workflows[workflow_id]
        self._workflows[workflow_id] = replace(view, state=WorkflowState.DONE, outcome="done", approval=None)
        self._moved.set()

    async def workflow(self, tenant: str, workflow_id: str) -> WorkflowView:
        view = self._workflows.get(workflow_id)
        if view is None or view.tenant != tenant:
            raise NotFound(f"no workflow {workflow_id} of {tenant}")
        return view

    async def decide(
        self,
        principal: Principal,
        approval_id: str,
        decision: Decision,
        *,
        version: int | None = None,
        reason: str = "",
    ) -> ApprovalView:
        approval = self._approvals.get(approval_id)
        if approval is None or approval.tenant != principal.tenant:
            raise NotFound(f"no approval {approval_id} of {principal.tenant}")
        if not principal.is_approver:
            raise Refused("You are not an approver of this tenant.")
        self._check_open(approval, version)
        vote = Vote(principal.id, decision, self.clock(), reason)
        decided = replace(approval, state=DECIDED[decision], votes=(vote,))
        self._approvals[approval_id] = decided
        self.finish(approval.workflow_id)
        return decided

    def _check_open(self, approval: ApprovalView, version: int | None) -> None:
        if approval.votes:
            raise Conflict("This was decided before.", approval.votes[0].principal, approval.votes[0].at)
        if self.clock() >= approval.expires_at:
            raise Expired
        if version not in (None, approval.version):
            raise Conflict("This approval has a newer version.")
