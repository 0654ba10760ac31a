"""An engine in memory for the Slack door: the contract's rules, real identities, no tools."""

from __future__ import annotations

from dataclasses import replace

from ironclaw.errors import Conflict, Expired, IdentityError, NotFound, Refused
from ironclaw.settings import Settings, TenantSettings
from ironclaw.task import (
    ApprovalState,
    ApprovalView,
    CallState,
    Credential,
    Decision,
    Principal,
    Risk,
    Task,
    ToolOffer,
    Vote,
    WorkflowState,
    WorkflowView,
)
from ironclaw_plugins.auth_slack import AuthSlack
from tests.fakes.services import PlainServices

NOW = 1_800_000_000.0
APPROVERS = ("slack:T0001:U1BO", "slack:T0001:U1GIL", "slack:T0001:U9EVE")


def settings(**more):
    tenants = {"acme": TenantSettings(slack=("T0001",), approvers=APPROVERS)}
    return Settings(tenants=tenants, brain="commands", **more)


def an_approval(**changes):
    """A pending review of files.write."""
    view = ApprovalView(
        id="ap_1",
        version=1,
        tenant="acme",
        workflow_id="wf_1",
        requester="slack:T0001:U1ADA",
        tool="files.write",
        risk=Risk.HIGH,
        args='{"path":"notes/today.md","text":"hello"}',
        action_sha256="ab12cd34ef567890" * 4,
        component_sha256="0" * 64,
        rule="high-risk-asks",
        state=ApprovalState.PENDING,
        created_at=NOW,
        expires_at=NOW + 3600,
    )
    return replace(view, **changes)


class SlackEngine:
    """
    :ivar tasks: what was submitted, once for each delivery
    :ivar refused: (address, text) of what was turned down
    :ivar broken: raised by the next submits and presses, as often as it says
    """

    def __init__(self, configuration: Settings) -> None:
        self.tasks: list[Task] = []
        self.refused: list[tuple[object, str]] = []
        self.broken: list[Exception] = []
        self.reviews: dict[str, ApprovalView] = {}
        self.tools = (ToolOffer("files.write", "Write a file & <more>.", {}),)
        self._seen: dict[object, str] = {}
        self._auth = AuthSlack(PlainServices(configuration))

    async def authenticate(self, credential: Credential) -> Principal:
        principal = await self._auth.ironclaw_authenticate(credential)
        if principal is None:
            raise IdentityError
        return principal

    async def submit(self, task: Task) -> str:
        if self.broken:
            raise self.broken.pop()
        if task.text == "full":
            raise Refused("Too many tasks wait already <now>.")
        if task.delivery not in self._seen:
            self.tasks.append(task)
            self._seen[task.delivery] = f"wf_{len(self.tasks)}"
        return self._seen[task.delivery]

    async def refuse(self, tenant, address, text, delivery=None) -> None:
        self.refused.append((address, text))

    async def workflow(self, tenant: str, workflow_id: str) -> WorkflowView:
        for view in await self.workflows(tenant):
            if view.id == workflow_id:
                return view
        raise NotFound("There is no such task here.")

    async def workflows(self, tenant: str, limit: int = 20) -> tuple[WorkflowView, ...]:
        return tuple(
            WorkflowView(f"wf_{n}", tenant, task.requester, task.text, WorkflowState.RUNNING, "", NOW, NOW)
            for n, task in enumerate(self.tasks, 1)
            if task.tenant == tenant
        )[:limit]

    async def approvals(self, tenant: str) -> tuple[ApprovalView, ...]:
        return tuple(one for one in self.reviews.values() if one.tenant == tenant)

    async def approval(self, tenant: str, approval_id: str) -> ApprovalView:
        found = self.reviews.get(approval_id)
        if found is None or found.tenant != tenant:
            raise NotFound("There is no such approval here.")
        return found

    def button(self, approval: ApprovalView) -> str:
        return f"{approval.id}.{approval.version}.mac"

    async def press(self, principal, value, decision, reason="") -> ApprovalView:
        if self.broken:
            raise self.broken.pop()
        approval = await self.approval(principal.tenant, value.split(".")[0])
        if value != self.button(approval):
            raise NotFound("There is no such approval here.")
        if not principal.is_approver:
            raise Refused("You are not an approver here.")
        if approval.state is ApprovalState.EXPIRED:
            raise Expired("Nobody decided in time.")
        if approval.state is not ApprovalState.PENDING:
            raise Conflict("Already decided.", by=approval.votes[0].principal, at=approval.votes[0].at)
        return self._decided(approval, Vote(principal.id, decision, NOW, reason))

    def _decided(self, approval: ApprovalView, vote: Vote) -> ApprovalView:
        yes = vote.decision is Decision.APPROVE
        state = ApprovalState.APPROVED if yes else ApprovalState.DENIED
        call = CallState.SUCCEEDED if yes else CallState.DENIED
        done = replace(approval, state=state, votes=(vote,), call_state=call)
        self.reviews[done.id] = done
        return done
