"""Does a task again that came to nothing: as a new workflow, which asks people anew."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

from ironclaw.app.stopping import is_theirs
from ironclaw.errors import Conflict, Refused
from ironclaw.store import Flow, Store
from ironclaw.store.telling import ANSWERS_WHEN_ASKED
from ironclaw.task import CONTEXT_MARKER, Address, Json, Principal, Task, WorkflowState, WorkflowView
from ironclaw.tenancy import Tenancy

OVER = (WorkflowState.FAILED, WorkflowState.CANCELLED)


class Retrying:
    """Submits tasks of workflows that failed or were stopped."""

    def __init__(self, store: Store, tenancy: Tenancy, submit: Callable[[Task], Awaitable[str]]) -> None:
        self._workflows = store.workflows
        self._tenancy = tenancy
        self._submit = submit

    async def retry(
        self,
        principal: Principal,
        workflow_id: str,
        reply_to: Address,
        delivery: tuple[str, str] | None = None,
    ) -> str:
        """Do a task again: the same words, tools, brain, context and thread, by the door of who retries it.

        Nothing that was approved before counts: it is another workflow, and who retries it is who asks.

        :param reply_to: where the one who retries is answered, if the first answer went nowhere by itself
        :return: the new workflow's id; the same delivery gives the same one
        :raises NotFound: no such workflow of the principal's tenant
        :raises Refused: they neither asked for it nor are approvers
        :raises Conflict: it has not ended, or is done
        :raises BadRequest, QueueFull, TryLater: see :meth:`Ironclaw.submit`
        """
        view = await self._workflows.view(principal.tenant, workflow_id)
        if not is_theirs(self._tenancy, principal, view):
            raise Refused("Only who asked for it, or an approver, can have it done again.")
        if view.state not in OVER:
            raise Conflict(f"It is {view.state.value}: only what failed or was stopped is done again.")
        flow = await self._workflows.load(workflow_id)
        return await self._submit(_again(flow, view, principal, reply_to, delivery))


def _again(
    flow: Flow, view: WorkflowView, principal: Principal, reply_to: Address, delivery: tuple[str, str] | None
) -> Task:
    return Task(
        tenant=flow.tenant,
        requester=principal.id,
        text=view.text,
        reply_to=reply_to if flow.address.door in ANSWERS_WHEN_ASKED else flow.address,
        thread=flow.thread,
        tools=flow.tools,
        brain=flow.brain,
        context=_context(flow, view.text),
        delivery=delivery,
        door=reply_to.door,
        retry_of=flow.id,
    )


def _context(flow: Flow, text: str) -> Mapping[str, Json]:
    """What the caller gave along with the task: it stands behind it in the first message."""
    behind = flow.messages[0].text.removeprefix(text)
    found: Mapping[str, Json] = json.loads(behind.removeprefix(CONTEXT_MARKER)) if behind else {}
    return found
