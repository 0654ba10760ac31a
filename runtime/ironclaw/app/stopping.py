"""Ends workflows that nobody wants any more: by a person's word, or because their tenant is gone."""

from __future__ import annotations

from collections.abc import Callable

from ironclaw.errors import Conflict, Refused
from ironclaw.store import Spent, Store
from ironclaw.task import CallState, Principal, WorkflowState, WorkflowView
from ironclaw.tenancy import Tenancy

STOPPED = "Stopped. What had not begun will not run."
#: After it, of a call that a crash had hidden.
NOBODY_SAID = " Nobody has said whether {tools} ran: it may have happened, so look."
AT_WORK = "It runs a tool just now, which cannot be taken back. Try again when that has ended."
ATTEMPTS = 5  #: A workflow may move while it is being stopped.


class Stopping:
    """Stops workflows between two calls, never in the middle of one."""

    def __init__(
        self, store: Store, tenancy: Tenancy, wake: Callable[[str, str], None], clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._tenancy = tenancy
        self._wake = wake
        self._clock = clock

    async def cancel(self, principal: Principal, workflow_id: str) -> WorkflowView:
        """End a workflow; what waits in it is cancelled.

        :raises NotFound: no such workflow of the principal's tenant
        :raises Refused: they neither asked for it nor are approvers
        :raises Conflict: it has ended, or runs a tool
        """
        view = await self._store.workflows.view(principal.tenant, workflow_id)
        if not (principal.is_approver or self._is_own(principal, view)):
            raise Refused("Only who asked for it, or an approver, can stop it.")
        for _ in range(ATTEMPTS):
            try:
                await self._end(workflow_id, principal)
                break
            except Conflict:
                await self._check_open(workflow_id)
        else:
            raise Conflict(AT_WORK)
        self._wake(workflow_id, principal.tenant)
        return await self._store.workflows.view(principal.tenant, workflow_id)

    def _is_own(self, principal: Principal, view: WorkflowView) -> bool:
        asker, other = (self._tenancy.person(view.tenant, each) for each in (principal.id, view.requester))
        return asker == other

    async def _end(self, workflow_id: str, principal: Principal) -> None:
        await self._check_open(workflow_id)
        flow = await self._store.workflows.load(workflow_id)
        doubted = [call.tool for call in flow.calls if call.state is CallState.IN_DOUBT]
        sentence = STOPPED + (NOBODY_SAID.format(tools=", ".join(doubted)) if doubted else "")
        await self._store.workflows.finish(
            flow, WorkflowState.CANCELLED, sentence, self._clock(), Spent(), actor=principal.id
        )

    async def _check_open(self, workflow_id: str) -> None:
        """
        :raises Conflict: it cannot be stopped
        """
        flow = await self._store.workflows.load(workflow_id)
        if flow.state.is_final:
            raise Conflict(f"It is already {flow.state.value}.")
        if any(call.state is CallState.EXECUTING for call in flow.calls):
            raise Conflict(AT_WORK)
