"""Runs workflows.  Resume is run: it reads the rows and goes on."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

import structlog

from ironclaw.budgets import Budgets
from ironclaw.errors import BrainError, Conflict, IronclawError, SandboxError, StoreError
from ironclaw.failpoints import Point, reached
from ironclaw.orchestrator.asking import Asking, is_waiting
from ironclaw.orchestrator.body import Body
from ironclaw.orchestrator.checking import Checking
from ironclaw.orchestrator.context import safe_uses, storable, storable_result, tokens_of
from ironclaw.orchestrator.crashed import Crashed
from ironclaw.orchestrator.drafting import Drafts
from ironclaw.orchestrator.judging import HttpAllow, Judge
from ironclaw.orchestrator.observing import Observing
from ironclaw.orchestrator.planning import Planner
from ironclaw.orchestrator.results import Results
from ironclaw.plugin_manager import Hooks
from ironclaw.registry import Registry
from ironclaw.store import CallRow, Flow, Spent, Store
from ironclaw.task import (
    Address,
    Brain,
    CallState,
    FailureKind,
    ModelUse,
    ToolFailure,
    ToolResult,
    WorkflowState,
    observation,
)
from ironclaw.veto import Ticket, Veto

log = structlog.get_logger(__name__)

HOST_FAULT = "The host failed while this ran. It may have happened: look before you repeat it."
STOPPED = "Stopped. What had not begun will not run."
LEFT = "Stopped: this tenant is not served here any more. What had not begun was not run."


class Orchestrator:
    """Advances one workflow at a time per id, as far as it goes without people."""

    def __init__(
        self,
        store: Store,
        veto: Veto,
        registry: Registry,
        body: Body,
        brains: Mapping[str, Brain],
        hooks: Hooks,
        budgets: Callable[[str], Budgets],
        card_places: Callable[[Flow], tuple[Address, ...]],
        http_allow: HttpAllow,
        results: Results,
        remind: Callable[[Flow], Awaitable[bool]],
        asking: Asking,
        drafts: Drafts,
        clock: Callable[[], float],
    ) -> None:
        """
        :param budgets: of a tenant, by its id
        :param remind: gives a workflow its recollections; whether its rows are to be read anew
        """
        self._store = store
        self._veto = veto
        self._registry = registry
        self._judge = Judge(registry, veto, http_allow, body.preview)
        self._body = body
        self._planner = Planner(store, registry, brains, hooks, budgets, asking, drafts, clock)
        self._asking = asking
        self._hooks = hooks
        self._card_places = card_places
        self._remind = remind
        self._is_parked = False
        self._clock = clock
        checking = Checking(store, veto, registry, body, clock)
        self._observing = Observing(results, hooks, registry, brains, budgets)
        self._crashed = Crashed(store, veto, registry, checking, self._observing, card_places, clock)

    def park(self) -> None:
        """Begin no step any more: what runs comes to a rest at the end of its step."""
        self._is_parked = True

    async def run(self, workflow_id: str, epoch: int | None = None) -> str:
        """Go on until the workflow is final or waits: for people, or for an earlier one of its thread.

        :param epoch: of the lease under which this process works; None where there is no other process
        :return: the workflow that may begin because this one has ended; "" for none
        :raises StoreError: nothing more can be recorded; the workflow is taken up again later
        """
        while True:
            flow = await self._load(workflow_id)
            if flow is None:
                return ""
            structlog.contextvars.bind_contextvars(tenant=flow.tenant, workflow=flow.id)
            if flow.state is WorkflowState.PAUSED:
                reached(Point.PAUSED)
            if flow.state.is_final:
                return await self._store.workflows.follower(flow)
            if self._must_rest(flow) or self._has_lost(flow, epoch):
                return ""
            if self._veto.serves(flow.tenant):
                await self._try_step(flow)
            elif not await self._leave(flow):
                return ""

    async def _load(self, workflow_id: str) -> Flow | None:
        """The workflow; None where its rows cannot be read: then it has ended.

        :raises StoreError: the database does not answer
        """
        try:
            return await self._store.workflows.load_to_step(workflow_id)
        except Exception:  # Of what kind is the business of whoever wrote those rows.
            if not await self._store.workflows.end_unreadable(workflow_id, self._clock()):
                raise
        return None

    async def _try_step(self, flow: Flow) -> None:
        """One step; whatever goes wrong in it is the workflow's end, and not this process's.

        :raises StoreError: nothing more can be recorded
        """
        try:
            await self.step(flow)
        except Conflict:
            log.info("moved_meanwhile")
        except StoreError:
            raise
        except IronclawError as error:
            await self._fail(flow, str(error), getattr(error, "uses", ()))
        except Exception:
            log.exception("step_failed")
            await self._fail(
                flow, f"Something went wrong here, not with your request. Workflow {flow.id[:8]}."
            )

    async def step(self, flow: Flow) -> None:
        """Carry out what is open; where nothing is, ask for the next move."""
        if _is_to_stop(flow):
            return await self._finish(flow, WorkflowState.CANCELLED, STOPPED, actor=flow.stop_by)
        for state, go_on in (
            (CallState.EXECUTING, self._crashed.settle),
            (CallState.IN_DOUBT, self._wait),
            (CallState.APPROVED, self._carry_out),
            (CallState.PENDING, self._wait),
        ):
            call = next((call for call in flow.calls if call.state is state), None)
            if call:
                return await go_on(flow, call)
        if is_waiting(flow):
            return await self._asking.wait(flow)
        return await self._plan(flow)

    def _must_rest(self, flow: Flow) -> bool:
        """Whether it waits: for people, for an earlier one of its thread, or for the next start."""
        is_paused = flow.state is WorkflowState.PAUSED and not _is_to_stop(flow)
        if is_paused or flow.behind:
            return True
        if self._is_parked:
            log.info("parked")
        return self._is_parked

    def _has_lost(self, flow: Flow, epoch: int | None) -> bool:
        """Whether another process has it now."""
        is_lost = epoch is not None and (flow.epoch != epoch or not flow.is_leased)
        if is_lost:
            log.warning("lease_lost", epoch=epoch)
        return is_lost

    async def _leave(self, flow: Flow) -> bool:
        """Nothing is done for a tenant who is not there.  The bot's own waits until it is known.

        :return: whether it has ended
        """
        has_left = self._veto.has_left(flow.tenant)
        if has_left:
            await self._finish(flow, WorkflowState.CANCELLED, LEFT)
        return has_left

    async def _plan(self, flow: Flow) -> None:
        if await self._remind(flow):
            return None  # The next step asks with what it is reminded of.
        await self._check_denials(flow)
        planned = await self._planner.next(flow)
        if planned is None:
            return None  # What was said is shorter now: the next step asks with that.
        reached(Point.PLANNED)
        move, spent = planned.move, planned.spent
        if not move.calls and move.question:
            return await self._asking.ask(flow, move, move.question, spent)
        if not move.calls:
            answer = self._hooks.redact(flow.tenant, move.answer or "(no answer)")
            return await self._end(flow, answer, spent, failed=move.failed)
        judged = await self._judge.judge(flow, move.calls)
        reached(Point.PROPOSED)
        await self._store.workflows.record_move(
            flow, move, judged, self._card_places(flow), spent, self._clock()
        )
        return reached(Point.VERDICT_WRITTEN)

    async def _end(self, flow: Flow, answer: str, spent: Spent, *, failed: bool) -> None:
        state = WorkflowState.FAILED if failed else WorkflowState.DONE
        line = _last_line(flow.calls) if failed else ""
        await self._finish(flow, state, answer, spent, line)

    async def _finish(
        self,
        flow: Flow,
        state: WorkflowState,
        sentence: str,
        spent: Spent | None = None,
        line: str = "",
        actor: str = "host",
    ) -> None:
        now, spent = self._clock(), spent or Spent()
        await self._store.workflows.finish(flow, state, sentence, now, spent, line, actor)
        reached(Point.FINISHED)

    async def _check_denials(self, flow: Flow) -> None:
        """
        :raises BrainError: people have said no often enough
        """
        denied = await self._veto.denials_left(flow)
        if denied <= 0:
            raise BrainError(
                "Stopped: people have denied what this task wanted to do. Ask anew if it is needed."
            )

    async def _carry_out(self, flow: Flow, call: CallRow) -> None:
        """Last gate, ticket, sandbox, result: the ticket is durable before the sandbox is called."""
        tool = self._registry.get(call.tool)
        if changed := await self._body.obstacle(flow.tenant, call.circumstances.preview):
            return await self._give_up(flow, call, FailureKind.OUTSIDE_ENVELOPE.value, changed)
        gate = await self._veto.gate(flow, call)
        if gate.obstacle or tool is None:
            return await self._give_up(flow, call, "superseded", gate.obstacle)
        ticket = await self._veto.admit(flow, call, tool, gate)
        reached(Point.TICKET_MINTED)
        began = time.monotonic()
        result = await self._result(flow, call, ticket)
        reached(Point.EFFECT_DONE)
        state = CallState.FAILED if result.failure else CallState.SUCCEEDED
        spent = Spent(seconds=time.monotonic() - began)
        seen = await self._observing.of(flow, call, result)
        await self._store.calls.end(flow, call, state, result, seen, spent, self._clock())
        return reached(Point.RESULT_WRITTEN)

    async def _give_up(self, flow: Flow, call: CallRow, kind: str, sentence: str) -> None:
        """What was approved is not run.  After a crash only people can say that it was not before."""
        if call.attempts and not await self._veto.not_run_at(flow, call):
            return await self._crashed.ask(flow, call)
        seen = observation(kind, sentence)
        return await self._store.calls.supersede(flow, call, seen, self._clock())

    async def _result(self, flow: Flow, call: CallRow, ticket: Ticket) -> ToolResult:
        """What came of a call whose row is spent: whatever goes wrong, it gets an end of its own."""
        try:
            result = await self._body.run(ticket, lambda: self._before_effect(flow, call))
            return storable_result(result)
        except SandboxError as error:
            return ToolResult(failure=ToolFailure(FailureKind.CRASHED, str(error)))
        except Exception:
            log.exception("call_failed_in_host", tool=call.tool, seq=call.seq)
            return ToolResult(failure=ToolFailure(FailureKind.CRASHED, HOST_FAULT))

    async def _before_effect(self, flow: Flow, call: CallRow) -> None:
        await self._store.calls.begin_effect(flow, call, self._clock())
        reached(Point.EFFECT_BEGUN)

    async def _wait(self, flow: Flow, call: CallRow) -> None:
        await self._store.workflows.pause(flow, self._clock())

    async def _fail(self, flow: Flow, sentence: str, uses: tuple[ModelUse, ...] = ()) -> None:
        fresh = await self._store.workflows.load(flow.id)
        if not fresh.state.is_final:
            text = storable(self._hooks.redact(flow.tenant, sentence))
            kept = safe_uses(uses)
            spent = Spent(steps=1, tokens=tokens_of(kept), uses=kept)
            await self._finish(fresh, WorkflowState.FAILED, text, spent)


def _is_to_stop(flow: Flow) -> bool:
    """Whether somebody wants it stopped and nothing is under way of which an end must be known."""
    under_way = (CallState.EXECUTING, CallState.IN_DOUBT)
    return bool(flow.stop_by) and not any(call.state in under_way for call in flow.calls)


def _last_line(calls: tuple[CallRow, ...]) -> str:
    """What the status says of a failure that the brain told; "" where the calls have no word for it."""
    ends = {call.state for call in calls if call.action_sha256}
    lines = {CallState.DENIED: "Denied.", CallState.EXPIRED: "Expired."}
    return lines.get(ends.pop(), "") if len(ends) == 1 else ""
