"""How a workflow ends: answered, failed or cancelled, each with its sentence."""

from __future__ import annotations

from collections.abc import Callable

from ironclaw.failpoints import Point, reached
from ironclaw.orchestrator.context import safe_uses, storable, tokens_of
from ironclaw.plugin_manager import Hooks
from ironclaw.store import CallRow, Flow, Spent, Store
from ironclaw.task import CallState, ModelUse, Move, WorkflowState


class Finishing:
    """Writes the last row of a workflow.  Each method raises Conflict where somebody else moved it."""

    def __init__(self, store: Store, hooks: Hooks, clock: Callable[[], float]) -> None:
        self._workflows = store.workflows
        self._hooks = hooks
        self._clock = clock

    async def answered(self, flow: Flow, move: Move, spent: Spent) -> None:
        """With what the brain says, which may be that nothing came of it."""
        answer = self._hooks.redact(flow.tenant, move.answer or "(no answer)")
        if not move.failed:
            return await self._finish(flow, WorkflowState.DONE, answer, spent)
        return await self._finish(flow, WorkflowState.FAILED, answer, spent, _last_line(flow.calls))

    async def failed(self, workflow_id: str, sentence: str, uses: tuple[ModelUse, ...] = ()) -> None:
        """With why, unless it has ended meanwhile.

        :param uses: of the requests to models that came to nothing
        """
        flow = await self._workflows.load(workflow_id)
        if not flow.state.is_final:
            text = storable(self._hooks.redact(flow.tenant, sentence))
            kept = safe_uses(uses)
            spent = Spent(steps=1, tokens=tokens_of(kept), uses=kept)
            await self._finish(flow, WorkflowState.FAILED, text, spent)

    async def cancelled(self, flow: Flow, sentence: str, actor: str = "host") -> None:
        """:param actor: who wanted it so, for the audit log"""
        await self._finish(flow, WorkflowState.CANCELLED, sentence, Spent(), actor=actor)

    async def _finish(
        self,
        flow: Flow,
        state: WorkflowState,
        sentence: str,
        spent: Spent,
        line: str = "",
        actor: str = "host",
    ) -> None:
        await self._workflows.finish(flow, state, sentence, self._clock(), spent, line, actor)
        reached(Point.FINISHED)


def _last_line(calls: tuple[CallRow, ...]) -> str:
    """What the status says of a failure that the brain told; "" where the calls have no word for it."""
    ends = {call.state for call in calls if call.action_sha256}
    lines = {CallState.DENIED: "Denied.", CallState.EXPIRED: "Expired."}
    return lines.get(ends.pop(), "") if len(ends) == 1 else ""
