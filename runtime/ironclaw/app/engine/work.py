"""Tasks come in, and their workflows are looked at."""

from __future__ import annotations

import asyncio
import contextlib

from ironclaw.app.engine.parts import Assembled
from ironclaw.app.stopping import is_theirs
from ironclaw.errors import NotFound, TryLater
from ironclaw.failpoints import Point, reached
from ironclaw.task import Principal, Task, WorkflowView
from ironclaw.veto import new_id

STOPPING = "IronClaw is stopping just now. Send it again in a moment."


class Work(Assembled):
    """What is asked of the engine, and how it stands."""

    async def submit(self, task: Task) -> str:
        """Accept a task: durable when this returns, and at work in the background.

        :return: the workflow's id; the same delivery gives the same one and does not run again
        :raises BadRequest: an empty or endless task, or tools that nobody knows
        :raises QueueFull: too many tasks of this tenant, or of all, are at work or in the queue
        :raises TryLater: this process is stopping
        """
        if self._is_draining:
            raise TryLater(STOPPING, 5)
        self._accepting.check(task)
        reached(Point.RECEIVED)
        workflow_id, is_new = await self._store.workflows.add(
            task, new_id(), self._clock(), self._tenancy.room(task.tenant)
        )
        if is_new:
            reached(Point.INBOX_COMMITTED)
            self._dispatcher.wake(workflow_id, task.tenant)
        return workflow_id

    async def wait(self, tenant: str, workflow_id: str, seconds: float) -> WorkflowView:
        """The workflow once it is final or paused, or as it is after the seconds.

        :raises NotFound: no such workflow of this tenant
        """
        await self._store.workflows.check(tenant, workflow_id)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._dispatcher.rest(workflow_id)
        return await self.workflow(tenant, workflow_id)

    async def workflow(self, tenant: str, workflow_id: str) -> WorkflowView:
        """
        :raises NotFound: no such workflow of this tenant
        """
        return await self._store.workflows.view(tenant, workflow_id)

    async def workflows(self, tenant: str, limit: int = 20) -> tuple[WorkflowView, ...]:
        """The tenant's workflows, newest first."""
        return await self._store.workflows.latest(tenant, limit)

    async def workflow_for(self, principal: Principal, workflow_id: str) -> WorkflowView:
        """One of those that a person may see in a list.

        :raises NotFound: there is no such one
        """
        view = await self.workflow(principal.tenant, workflow_id)
        if not is_theirs(self._tenancy, principal, view):
            raise NotFound("There is no such workflow.")
        return view

    async def workflows_for(self, principal: Principal, limit: int = 20) -> tuple[WorkflowView, ...]:
        """Those that a person may see in a list, newest first: their own, and for an approver all."""
        if principal.is_approver:
            return await self.workflows(principal.tenant, limit)
        mine = self._tenancy.identities(principal.tenant, principal.id)
        return await self._store.workflows.latest_of(principal.tenant, mine, limit)
