"""Tool calls.  Each method is one transaction."""

from __future__ import annotations

from collections.abc import Callable

from ironclaw.canonical import canonical_text
from ironclaw.store import grants, rows
from ironclaw.store.model import CallRow, Flow, GrantUse, Judged, Spent
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
from ironclaw.store.telling import show_card, show_doubt
from ironclaw.store.transitions import (
    fence,
    fenced_one,
    move_call,
    move_workflow,
    note_call,
    observe,
    one,
    show_status,
)
from ironclaw.store.units import Writer
from ironclaw.task import ApprovalState, CallState, ToolResult, WorkflowState

Attempt = tuple[str, str, int, int]  #: Of a call: tenant, workflow, seq, how often it was begun.
#: What becomes of a call that its workflow leaves behind.
ENDS = {
    CallState.PENDING: CallState.CANCELLED,
    CallState.APPROVED: CallState.CANCELLED,
    CallState.EXECUTING: CallState.IN_DOUBT,
}


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
        await self._writer.write(lambda c: _begin(c, flow, call, now, use), flow.tenant)

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
            lambda c: _end(c, flow, call, state, result, observation, spent, now), flow.tenant
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
            show_call(c, flow.tenant, flow.id, call.seq, now)
            _show_doubts(c, flow, call, now)

        await self._writer.write(unit, flow.tenant)


def _told(c: Connection, flow: Flow, call: CallRow) -> list[Event]:
    return told_of(c, flow.tenant, flow.id, call.seq)


def _is_effect_begun(c: Connection, flow: Flow, call: CallRow) -> bool:
    return any(each["event"] == EFFECT_BEGUN for each in last_attempt(_told(c, flow, call)))


def add(c: Connection, flow: Flow, call: Judged, card: str, now: float) -> None:
    """Write a call with its verdict and, where people are asked, its approval.

    :param card: the one that shows the approval
    """
    sql.add_call(
        c,
        workflow_id=flow.id,
        seq=call.seq,
        call_id=call.call_id,
        tool=call.tool,
        args=call.args,
        risk=call.risk.value,
        effect=call.effect.value,
        component_sha256=call.component_sha256,
        manifest_sha256=call.manifest_sha256,
        policy_version=call.policy_version,
        rule=call.rule,
        action_sha256=call.action_sha256,
        state=call.state.value,
        idem_key=call.idem_key,
        circumstances=canonical_text(call.circumstances.as_json()),
    )
    bound = {"rule": call.rule, "policy": call.policy_version}
    note_call(c, flow, call, "call_" + call.state.value, now, "policy", **bound)
    if call.state is CallState.DENIED:
        observe(c, flow.id, call.call_id, call.refusal)
    if call.state is CallState.PENDING:
        _ask(c, flow, call, card)


def _ask(c: Connection, flow: Flow, call: Judged, card: str) -> None:
    sql.add_approval(
        c,
        id=call.approval_id,
        tenant=flow.tenant,
        workflow_id=flow.id,
        seq=call.seq,
        version=1,
        action_sha256=call.action_sha256,
        now=call.asked_at,
        expires_at=call.expires_at,
        escalates_at=call.terms.escalates_at(call.asked_at),
        terms=canonical_text(call.terms.as_json()),
        card=card,
    )


def _begin(c: Connection, flow: Flow, call: CallRow, now: float, use: GrantUse | None) -> None:
    begun = sql.begin_call(
        c, workflow_id=flow.id, seq=call.seq, action_sha256=call.action_sha256, epoch=flow.epoch
    )
    fenced_one(c, flow, begun)
    if use:
        grants.use(c, flow, call, use, now)
    note_call(c, flow, call, "call_executing", now)
    show_status(c, flow, f"Running {call.tool}.", now)


def _end(
    c: Connection,
    flow: Flow,
    call: CallRow,
    state: CallState,
    result: ToolResult,
    observation: str,
    spent: Spent,
    now: float,
) -> None:
    columns = _result_columns(result)
    one(sql.end_call(c, workflow_id=flow.id, seq=call.seq, state=state.value, now=now, **columns))
    move_workflow(c, flow, WorkflowState.RUNNING, "", spent, now)
    observe(c, flow.id, call.call_id, observation)
    detail: dict[str, object] = {
        "failure": result.failure.kind.value if result.failure else None,
        "fuel": result.usage.fuel,
        "memory_bytes": result.usage.memory_bytes,
        "seconds": round(result.usage.seconds, 4),
        "bytes_in": result.usage.bytes_in,
        "bytes_out": result.usage.bytes_out,
    }
    note_call(c, flow, call, "call_" + state.value, now, "host", **detail)
    show_call(c, flow.tenant, flow.id, call.seq, now)
    _show_doubts(c, flow, call, now)


def _result_columns(result: ToolResult) -> dict[str, object]:
    failure = result.failure
    return {
        "output": result.output,
        "failure_kind": failure.kind.value if failure else None,
        "failure": failure.message if failure else None,
        "fuel": result.usage.fuel,
        "memory_bytes": result.usage.memory_bytes,
        "seconds": result.usage.seconds,
        "bytes_in": result.usage.bytes_in,
        "bytes_out": result.usage.bytes_out,
    }


def end_open(c: Connection, flow: Flow, now: float) -> None:
    """What the workflow leaves behind can never run."""
    for approval in list(sql.pending_approvals_of(c, workflow_id=flow.id)):
        sql.close_approval(c, id=approval["id"], state=ApprovalState.CANCELLED.value)
    for call in [rows.call_row(row) for row in sql.calls(c, workflow_id=flow.id)]:
        end = ENDS.get(call.state)
        if end:
            move_call(c, flow.id, call.seq, call.state, end)
            note_call(c, flow, call, "call_" + end.value, now)
            show_call(c, flow.tenant, flow.id, call.seq, now)


def _show_doubts(c: Connection, flow: Flow, call: CallRow, now: float) -> None:
    """What came of a call that was begun before, where people were asked about that."""
    if call.attempts:
        for row in list(sql.doubts_of_call(c, workflow_id=flow.id, seq=call.seq)):
            show_doubt(c, flow.tenant, flow.id, row["id"], now)


def show_call(c: Connection, tenant: str, workflow_id: str, seq: int, now: float) -> None:
    """Have the card of a call drawn anew, where it has one."""
    approval = sql.approval_of_call(c, workflow_id=workflow_id, seq=seq)
    if approval:
        show_card(c, tenant, workflow_id, approval["card"], now)
