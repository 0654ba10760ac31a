"""What becomes of a tool call, in the caller's transaction."""

from __future__ import annotations

from ironclaw.canonical import canonical_text
from ironclaw.store import grants, rows
from ironclaw.store.model import CallRow, Flow, GrantUse, Judged, Spent
from ironclaw.store.sql import Connection, sql
from ironclaw.store.telling import show_card, show_doubt
from ironclaw.store.transitions import (
    fenced_one,
    move_call,
    move_workflow,
    note_call,
    observe,
    one,
    show_status,
)
from ironclaw.task import ApprovalState, CallState, ToolResult, WorkflowState

#: What becomes of a call that its workflow leaves behind.
ENDS = {
    CallState.PENDING: CallState.CANCELLED,
    CallState.APPROVED: CallState.CANCELLED,
    CallState.EXECUTING: CallState.IN_DOUBT,
}


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


def begin(c: Connection, flow: Flow, call: CallRow, now: float, use: GrantUse | None) -> None:
    """The call is executing from here on, its ticket spent.

    :raises Conflict: it is not approved for exactly these bytes, or another process has its workflow
    """
    begun = sql.begin_call(
        c, workflow_id=flow.id, seq=call.seq, action_sha256=call.action_sha256, epoch=flow.epoch
    )
    fenced_one(c, flow, begun)
    if use:
        grants.use(c, flow, call, use, now)
    note_call(c, flow, call, "call_executing", now)
    show_status(c, flow, f"Running {call.tool}.", now)


def end(
    c: Connection,
    flow: Flow,
    call: CallRow,
    state: CallState,
    result: ToolResult,
    observation: str,
    spent: Spent,
    now: float,
) -> None:
    """What came of it, what the brain sees of that, and what it took.

    :raises Conflict: it was not executing any more, or somebody else moved its workflow
    """
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
    show_doubts(c, flow, call, now)


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


def show_doubts(c: Connection, flow: Flow, call: CallRow, now: float) -> None:
    """What came of a call that was begun before, where people were asked about that."""
    if call.attempts:
        for row in list(sql.doubts_of_call(c, workflow_id=flow.id, seq=call.seq)):
            show_doubt(c, flow.tenant, flow.id, row["id"], now)


def show_call(c: Connection, tenant: str, workflow_id: str, seq: int, now: float) -> None:
    """Have the card of a call drawn anew, where it has one."""
    approval = sql.approval_of_call(c, workflow_id=workflow_id, seq=seq)
    if approval:
        show_card(c, tenant, workflow_id, approval["card"], now)
