"""Runs workflows.  Resume is run: it reads the rows and goes on."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from ironclaw.errors import BrainError, Conflict, IronclawError, StoreError
from ironclaw.failpoints import Point, reached
from ironclaw.orchestrator.asking import Asking, is_waiting
from ironclaw.orchestrator.carrying import Carrying
from ironclaw.orchestrator.crashed import Crashed
from ironclaw.orchestrator.finishing import Finishing
from ironclaw.orchestrator.judging import Judge
from ironclaw.orchestrator.planning import Planner
from ironclaw.orchestrator.recalling import Recalling
from ironclaw.store import CallRow, Flow, Store
from ironclaw.task import Address, CallState, WorkflowState
from ironclaw.veto import Veto

log = structlog.get_logger(__name__)

STOPPED = "Stopped. What had not begun will not run."
LEFT = "Stopped: this tenant is not served here any more. What had not begun was not run."


class Orchestrator:
    """Advances one workflow at a time per id, as far as it goes without people."""

    def __init__(
        self,
        store: Store,
        veto: Veto,
        recalling: Recalling,
        planner: Planner,
        asking: Asking,
        judge: Judge,
        carrying: Carrying,
        crashed: Crashed,
        finishing: Finishing,
        card_places: Callable[[Flow], tuple[Address, ...]],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._veto = veto
        self._recalling = recalling
        self._planner = planner
        self._asking = asking
        self._judge = judge
        self._carrying = carrying
        self._crashed = crashed
        self._finishing = finishing
        self._card_places = card_places
        self._clock = clock
        self._is_parked = False

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
            await self._finishing.failed(flow.id, str(error), getattr(error, "uses", ()))
        except Exception:
            log.exception("step_failed")
            sentence = f"Something went wrong here, not with your request. Workflow {flow.id[:8]}."
            await self._finishing.failed(flow.id, sentence)

    async def step(self, flow: Flow) -> None:
        """Carry out what is open; where nothing is, ask for the next move."""
        if _is_to_stop(flow):
            return await self._finishing.cancelled(flow, STOPPED, flow.stop_by)
        for state, go_on in (
            (CallState.EXECUTING, self._crashed.settle),
            (CallState.IN_DOUBT, self._wait),
            (CallState.APPROVED, self._carrying.carry_out),
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
            await self._finishing.cancelled(flow, LEFT)
        return has_left

    async def _plan(self, flow: Flow) -> None:
        if await self._recalling.remind(flow):
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
            return await self._finishing.answered(flow, move, spent)
        judged = await self._judge.judge(flow, move.calls)
        reached(Point.PROPOSED)
        await self._store.workflows.record_move(
            flow, move, judged, self._card_places(flow), spent, self._clock()
        )
        return reached(Point.VERDICT_WRITTEN)

    async def _check_denials(self, flow: Flow) -> None:
        """
        :raises BrainError: people have said no often enough
        """
        if await self._veto.denials_left(flow) <= 0:
            raise BrainError(
                "Stopped: people have denied what this task wanted to do. Ask anew if it is needed."
            )

    async def _wait(self, flow: Flow, call: CallRow) -> None:
        await self._store.workflows.pause(flow, self._clock())


def _is_to_stop(flow: Flow) -> bool:
    """Whether somebody wants it stopped and nothing is under way of which an end must be known."""
    under_way = (CallState.EXECUTING, CallState.IN_DOUBT)
    return bool(flow.stop_by) and not any(call.state in under_way for call in flow.calls)
