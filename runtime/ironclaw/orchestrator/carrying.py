"""Carries out one call that was approved: last gate, ticket, sandbox, result."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ironclaw.errors import SandboxError
from ironclaw.failpoints import Point, reached
from ironclaw.orchestrator.body import Body
from ironclaw.orchestrator.context import storable_result
from ironclaw.orchestrator.crashed import Crashed
from ironclaw.orchestrator.cutting import Cutting
from ironclaw.orchestrator.observing import Observing
from ironclaw.registry import Registry
from ironclaw.store import CallRow, Flow, Spent, Store
from ironclaw.task import CallState, FailureKind, ToolFailure, ToolResult, observation
from ironclaw.veto import Ticket, Veto

log = structlog.get_logger(__name__)

HOST_FAULT = "The host failed while this ran. It may have happened: look before you repeat it."


@dataclass(slots=True)
class _Effect:
    """Whether the next byte of a call that runs may change something outside."""

    is_begun: bool = False


class Carrying:
    """From an approved call to its end, whichever it is."""

    def __init__(
        self,
        store: Store,
        veto: Veto,
        registry: Registry,
        body: Body,
        observing: Observing,
        crashed: Crashed,
        cutting: Cutting,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._veto = veto
        self._registry = registry
        self._body = body
        self._observing = observing
        self._crashed = crashed
        self._cutting = cutting
        self._clock = clock

    async def carry_out(self, flow: Flow, call: CallRow) -> None:
        """The ticket is durable before the sandbox is called.

        :raises Conflict: somebody else moved it
        """
        tool = self._registry.get(call.tool)
        if changed := await self._body.obstacle(flow.tenant, call.circumstances.preview):
            return await self._give_up(flow, call, FailureKind.OUTSIDE_ENVELOPE.value, changed)
        gate = await self._veto.gate(flow, call)
        if gate.obstacle or tool is None:
            return await self._give_up(flow, call, "superseded", gate.obstacle)
        ticket = await self._veto.admit(flow, call, tool, gate)
        reached(Point.TICKET_MINTED)
        began, effect = time.monotonic(), _Effect()
        running = self._result(flow, call, ticket, effect)
        result = await self._cutting.result(flow, call, running, lambda: effect.is_begun)
        if result is None:
            return None  # Its tenant is not served now; once it is, this is looked at again.
        reached(Point.EFFECT_DONE)
        return await self._end(flow, call, result, time.monotonic() - began)

    async def _end(self, flow: Flow, call: CallRow, result: ToolResult, seconds: float) -> None:
        state = CallState.FAILED if result.failure else CallState.SUCCEEDED
        seen = await self._observing.of(flow, call, result)
        await self._store.calls.end(flow, call, state, result, seen, Spent(seconds=seconds), self._clock())
        reached(Point.RESULT_WRITTEN)

    async def _give_up(self, flow: Flow, call: CallRow, kind: str, sentence: str) -> None:
        """What was approved is not run.  After a crash only people can say that it was not before."""
        if call.attempts and not await self._veto.not_run_at(flow, call):
            return await self._crashed.ask(flow, call)
        seen = observation(kind, sentence)
        return await self._store.calls.supersede(flow, call, seen, self._clock())

    async def _result(self, flow: Flow, call: CallRow, ticket: Ticket, effect: _Effect) -> ToolResult:
        """What came of a call whose row is spent: whatever goes wrong, it gets an end of its own."""
        try:
            result = await self._body.run(ticket, lambda: self._before_effect(flow, call, effect))
            return storable_result(result)
        except SandboxError as error:
            return ToolResult(failure=ToolFailure(FailureKind.CRASHED, str(error)))
        except Exception:
            log.exception("call_failed_in_host", tool=call.tool, seq=call.seq)
            return ToolResult(failure=ToolFailure(FailureKind.CRASHED, HOST_FAULT))

    async def _before_effect(self, flow: Flow, call: CallRow, effect: _Effect) -> None:
        effect.is_begun = True  # Before the rows say so: from here on nobody else can tell.
        await self._store.calls.begin_effect(flow, call, self._clock())
        reached(Point.EFFECT_BEGUN)
