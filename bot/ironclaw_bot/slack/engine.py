"""What the Slack door asks of the engine: :class:`ironclaw.app.Ironclaw` has it all."""

from __future__ import annotations

from typing import Protocol

from ironclaw.task import (
    Address,
    ApprovalView,
    Credential,
    Decision,
    Principal,
    Task,
    ToolOffer,
    WorkflowView,
)


class Engine(Protocol):
    """The engine's face, as far as this door looks at it."""

    @property
    def tools(self) -> tuple[ToolOffer, ...]: ...

    async def authenticate(self, credential: Credential) -> Principal:
        """:raises IdentityError: nobody we know"""
        ...

    async def submit(self, task: Task) -> str:
        """Durable when it returns; the same delivery is the same workflow.

        :raises BadRequest: the words are wrong
        :raises Refused: the queue is full
        """
        ...

    async def refuse(
        self, tenant: str, address: Address, text: str, delivery: tuple[str, str] | None = None
    ) -> None:
        """A durable notice of kind REFUSAL."""
        ...

    async def workflow(self, tenant: str, workflow_id: str) -> WorkflowView:
        """:raises NotFound: none of this tenant's"""
        ...

    async def workflows(self, tenant: str, limit: int = 20) -> tuple[WorkflowView, ...]: ...

    async def approvals(self, tenant: str) -> tuple[ApprovalView, ...]: ...

    async def approval(self, tenant: str, approval_id: str) -> ApprovalView:
        """:raises NotFound: none of this tenant's"""
        ...

    def button(self, approval: ApprovalView) -> str: ...

    async def press(
        self, principal: Principal, value: str, decision: Decision, reason: str = ""
    ) -> ApprovalView:
        """:raises NotFound, Refused, Conflict, Expired: nothing was decided by this press"""
        ...
