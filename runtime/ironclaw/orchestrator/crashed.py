"""What becomes of a call that a crash interrupted: by its effect, by its check, or by people."""

from __future__ import annotations

import functools
from collections.abc import Callable

import structlog

from ironclaw.capabilities import Scratch
from ironclaw.failpoints import Point, reached
from ironclaw.orchestrator.checking import Checking, Found, is_as_judged
from ironclaw.orchestrator.observing import Observing
from ironclaw.registry import Registry, Tool
from ironclaw.store import CallRow, Flow, Spent, Store
from ironclaw.task import Address, CallState, Effect, ToolResult
from ironclaw.veto import Veto, new_id

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = (
    3  #: Of one call over crashes: one that takes the host down with it ends, and so does its check.
)
HARMLESS = frozenset({Effect.PURE, Effect.KEYED})  #: Once more of these is no harm.


class Crashed:
    """Settles what nobody saw the end of."""

    def __init__(
        self,
        store: Store,
        veto: Veto,
        registry: Registry,
        checking: Checking,
        observing: Observing,
        places: Callable[[Flow], tuple[Address, ...]],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._veto = veto
        self._registry = registry
        self._checking = checking
        self._observing = observing
        self._places = places
        self._clock = clock

    async def settle(self, flow: Flow, call: CallRow) -> None:
        """Of a call that executes and that nobody is executing: run it again, or find out, or ask.

        :raises Conflict: somebody else moved it
        """
        may_run = call.attempts < MAX_ATTEMPTS
        if may_run and await self._may_repeat(flow, call):
            return await self.begin_again(flow, call)
        found = await self._checked(flow, call)
        if found and found.happened:
            return await self._end(flow, call, found)
        if found and may_run:
            return await self.begin_again(flow, call)
        return await self.ask(flow, call)

    async def ask(self, flow: Flow, call: CallRow) -> None:
        """Nobody knows whether it ran: people are asked, and the workflow waits for them.

        :raises Conflict: somebody else moved it
        """
        await self._store.doubts.ask(flow, call, new_id(), self._places(flow), self._clock())
        log.warning("call_in_doubt", tool=call.tool, seq=call.seq, attempt=call.attempts)

    def may_cut(self, call: CallRow, *, is_effect_begun: bool) -> bool:
        """Whether a call that runs may be cut off, and run again later without harm."""
        harmless = self._is_harmless(call) or (self._is_seen_to_begin(call) and not is_effect_begun)
        return harmless and call.attempts + 1 < MAX_ATTEMPTS

    async def begin_again(self, flow: Flow, call: CallRow) -> None:
        """Have a call that executes, and that nobody is executing, run once more.

        :raises Conflict: somebody else moved it
        """
        seal = functools.partial(self._veto.seals.retry, flow, call)
        await self._store.calls.retry(flow, call, seal, self._clock())

    async def _checked(self, flow: Flow, call: CallRow) -> Found | None:
        tool = self._registry.get(call.tool)
        if tool is None or tool.effect is not Effect.CHECKABLE:
            return None
        if await self._store.calls.checks(flow, call) >= MAX_ATTEMPTS:
            return None
        return await self._checking.ask(flow, call)

    async def _end(self, flow: Flow, call: CallRow, found: Found) -> None:
        """It happened, and its check says what it gave."""
        result = ToolResult(output=found.output, usage=found.usage)
        seen = await self._observing.of(flow, call, result)
        await self._store.calls.end(
            flow, call, CallState.SUCCEEDED, result, seen, Spent(seconds=found.usage.seconds), self._clock()
        )
        reached(Point.RESULT_WRITTEN)

    async def _may_repeat(self, flow: Flow, call: CallRow) -> bool:
        if self._is_harmless(call):
            return True
        return self._is_seen_to_begin(call) and not await self._store.calls.is_effect_begun(flow, call)

    def _is_harmless(self, call: CallRow) -> bool:
        return _effects(self._registry.get(call.tool), call) <= HARMLESS

    def _is_seen_to_begin(self, call: CallRow) -> bool:
        """Whether all its effects leave through the host, which writes "effect begun" before their first
        byte.  Of a call that is held to its preview, the files too.
        """
        tool, preview = self._registry.get(call.tool), call.circumstances.preview
        is_held = preview is not None and preview.is_binding
        return tool is not None and (is_held or tool.capabilities.scratch is not Scratch.WRITE)


def _effects(tool: Tool | None, call: CallRow) -> frozenset[Effect]:
    """What it may be: by its toolbox, and by its row only of one that is not there any more as it was."""
    if tool is None:
        return frozenset({call.effect})
    return frozenset({tool.effect} if is_as_judged(tool, call) else {tool.effect, call.effect})
