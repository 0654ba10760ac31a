"""Tool calls.  Each method is one transaction."""

from __future__ import annotations

from collections.abc import Callable

from ironclaw.store import call_moves
from ironclaw.store.model import CallRow, Flow, GrantUse, Spent
from ironclaw.store.sql import Connection, sql
from ironclaw.store.standing import (
    EFFECT_BEGUN,
    RETRIED,
    Event,
    Standing,
    attempts,
    last_attempt,
    standing,
    told_of,
)
from ironclaw.store.transitions import (
    fence,
    move_call,
    note_call,
    observe,
    one,
)
from ironclaw.store.units import Writer
from ironclaw.task import CallState, ToolResult

Attempt = tuple[str, str, int, int]  #: Of a call: tenant, workflow, seq, how often it was begun.


class Calls:
    """The store of what tools were asked to do."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def begin(self, flow: Flow, call: CallRow, now: float, use: GrantUse | None = None) -> None:
        """Spend the ticket: from here on the sandbox may have it.

        :param use: of the grant by which it runs
        :raises Conflict: it is not approved for exactly these bytes, its ticket is spent, or the grant is not
            as it was read
        """
        await self._writer.write(lambda c: call_moves.begin(c, flow, call, now, use), flow.tenant)

    async def begin_effect(self, flow: Flow, call: CallRow, now: float) -> None:
        """Note that the next byte changes something outside.

        :raises Conflict: the call is not executing
        """

        def unit(c: Connection) -> None:
            fence(c, flow)
            one(sql.begin_effect(c, workflow_id=flow.id, seq=call.seq, now=now))
            if not _is_effect_begun(c, flow, call):
                note_call(c, flow, call, EFFECT_BEGUN, now)

        await self._writer.write(unit, flow.tenant)

    async def end(
        self,
        flow: Flow,
        call: CallRow,
        state: CallState,
        result: ToolResult,
        observation: str,
        spent: Spent,
        now: float,
    ) -> None:
        """Write what came of a call, and what the brain sees of it.

        :raises Conflict: the call is not executing
        """
        await self._writer.write(
            lambda c: call_moves.end(c, flow, call, state, result, observation, spent, now), flow.tenant
        )

    async def executing(self) -> dict[Attempt, float]:
        """What runs now, or ran when a process died; with the end of its lease, 0.0 where there is none."""
        found = await self._writer.glance(sql.executing_calls)
        return {
            (row["tenant"], row["id"], row["seq"], row["attempts"]): float(row["lease_until"])
            for row in found
        }

    async def retry(self, flow: Flow, call: CallRow, seal: Callable[[int], str], now: float) -> None:
        """After a crash: the call may safely run again, with a new ticket.

        :param seal: the host's, over how often it was begun
        :raises Conflict: the call is not executing
        """

        def unit(c: Connection) -> None:
            fence(c, flow)
            move_call(c, flow.id, call.seq, CallState.EXECUTING, CallState.APPROVED)
            note_call(c, flow, call, RETRIED, now, seal=seal(attempts(_told(c, flow, call))))

        await self._writer.write(unit, flow.tenant)

    async def standing(self, flow: Flow, call: CallRow, is_ours: Callable[[int, str], bool]) -> Standing:
        """By what the audit chain has it that this call may begin, whatever its row says.

        :param is_ours: see :func:`ironclaw.store.standing.standing`
        """
        return await self._writer.glance(lambda c: standing(_told(c, flow, call), is_ours))

    async def begun_at(self, flow: Flow, call: CallRow) -> float:
        """When it was last begun by the audit chain, unix seconds; 0.0: never."""
        last = await self._writer.glance(lambda c: last_attempt(_told(c, flow, call)))
        return float(last[0]["at"]) if last else 0.0

    async def is_effect_begun(self, flow: Flow, call: CallRow) -> bool:
        """Whether something outside may have been changed by the last attempt: by its row or by the chain."""
        return call.effect_begun_at is not None or await self._writer.glance(
            lambda c: _is_effect_begun(c, flow, call)
        )

    async def checks(self, flow: Flow, call: CallRow) -> int:
        """How often its check was asked about it."""
        found = await self._writer.glance(lambda c: _told(c, flow, call))
        return sum(each["event"] == "call_checking" for each in found)

    async def note(self, flow: Flow, call: CallRow, event: str, now: float, **more: object) -> None:
        """Have the audit log say something of a call.

        :raises Conflict: another process has taken the workflow over
        """

        def unit(c: Connection) -> None:
            fence(c, flow)
            note_call(c, flow, call, event, now, "host", **more)

        await self._writer.write(unit, flow.tenant)

    async def supersede(self, flow: Flow, call: CallRow, observation: str, now: float) -> None:
        """What was approved is no longer what would run: nothing runs.

        :raises Conflict: the call is not approved
        """

        def unit(c: Connection) -> None:
            fence(c, flow)
            move_call(c, flow.id, call.seq, CallState.APPROVED, CallState.SUPERSEDED)
            observe(c, flow.id, call.call_id, observation)
            note_call(c, flow, call, "call_superseded", now)
            call_moves.show_call(c, flow.tenant, flow.id, call.seq, now)
            call_moves.show_doubts(c, flow, call, now)

        await self._writer.write(unit, flow.tenant)


def _told(c: Connection, flow: Flow, call: CallRow) -> list[Event]:
    return told_of(c, flow.tenant, flow.id, call.seq)


def _is_effect_begun(c: Connection, flow: Flow, call: CallRow) -> bool:
    return any(each["event"] == EFFECT_BEGUN for each in last_attempt(_told(c, flow, call)))
