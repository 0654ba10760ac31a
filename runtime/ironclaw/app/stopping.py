"""Ends workflows that nobody wants any more, by a person's word."""

from __future__ import annotations

from collections.abc import Callable

from ironclaw.errors import Conflict, Refused
from ironclaw.failpoints import Point, reached
from ironclaw.orchestrator import STOPPED
from ironclaw.store import Flow, Spent, Store
from ironclaw.task import CallState, Principal, WorkflowState, WorkflowView
from ironclaw.tenancy import Tenancy

#: After it, of a call that a crash had hidden.
NOBODY_SAID = " Nobody has said whether {tools} ran: it may have happened, so look."
BUSY = "It could not be stopped just now, because it moved all the time. Try again."
ATTEMPTS = 5  #: A workflow may move while it is being stopped.


def is_theirs(tenancy: Tenancy, principal: Principal, view: WorkflowView) -> bool:
    """Whether a person may steer a workflow: who asked for it, by whatever identity, and an approver."""
    asker, other = (tenancy.person(view.tenant, each) for each in (principal.id, view.requester))
    return principal.is_approver or asker == other


class Stopping:
    """Stops workflows between two calls, never in the middle of one."""

    def __init__(
        self, store: Store, tenancy: Tenancy, wake: Callable[[str, str], None], clock: Callable[[], float]
    ) -> None:
        self._workflows = store.workflows
        self._tenancy = tenancy
        self._wake = wake
        self._clock = clock

    async def cancel(self, principal: Principal, workflow_id: str) -> WorkflowView:
        """End a workflow; what waits in it is cancelled.

        While a tool runs, which cannot be taken back, the wish is kept: it ends as soon as that has ended.

        :return: the workflow: cancelled, or running with ``stop_by``
        :raises NotFound: no such workflow of the principal's tenant
        :raises Refused: they neither asked for it nor are approvers
        :raises Conflict: it has ended
        """
        view = await self._workflows.view(principal.tenant, workflow_id)
        if not is_theirs(self._tenancy, principal, view):
            raise Refused("Only who asked for it, or an approver, can stop it.")
        for _ in range(ATTEMPTS):
            if await self._stop(workflow_id, principal):
                self._wake(workflow_id, principal.tenant)
                return await self._workflows.view(principal.tenant, workflow_id)
        raise Conflict(BUSY)

    async def stop_thread(self, principal: Principal, thread: str) -> int:
        """End what has not ended in a thread.

        :return: how many there were that are theirs to stop
        :raises Refused: there were some, and none is theirs
        """
        refused: list[Refused] = []
        stopped = 0
        for workflow_id in await self._workflows.open_in_thread(principal.tenant, thread):
            try:
                await self.cancel(principal, workflow_id)
                stopped += 1
            except Refused as no:
                refused.append(no)
            except Conflict:
                continue  # It has ended by itself.
        if refused and not stopped:
            raise refused[0]
        return stopped

    async def end(self, tenant: str, workflow_id: str, actor: str) -> None:
        """End a workflow for the operator, whoever asked for it; what runs was waited for before.

        :raises Conflict: it has ended, or moves all the time
        """
        for _ in range(ATTEMPTS):
            if await self._stop(workflow_id, Principal(tenant, actor)):
                return
        raise Conflict(BUSY)

    async def _stop(self, workflow_id: str, principal: Principal) -> bool:
        """
        :return: False where it has moved meanwhile
        :raises Conflict: it has ended
        """
        flow = await self._workflows.load(workflow_id)
        if flow.state.is_final:
            raise Conflict(f"It is already {flow.state.value}.")
        if any(call.state is CallState.EXECUTING for call in flow.calls):
            return bool(flow.stop_by) or await self._workflows.wish_stop(flow, principal.id, self._clock())
        try:
            await self._end(flow, principal)
        except Conflict:
            return False
        return True

    async def _end(self, flow: Flow, principal: Principal) -> None:
        doubted = [call.tool for call in flow.calls if call.state is CallState.IN_DOUBT]
        sentence = STOPPED + (NOBODY_SAID.format(tools=", ".join(doubted)) if doubted else "")
        await self._workflows.finish(
            flow, WorkflowState.CANCELLED, sentence, self._clock(), Spent(), actor=principal.id
        )
        reached(Point.FINISHED)
