"""Workflows, their messages and their tool calls.  Each method is one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ironclaw.errors import Conflict, NotFound, Refused
from ironclaw.store import rows
from ironclaw.store.rows import note, sql, tell
from ironclaw.store.writer import Writer
from ironclaw.task import (
    CONTEXT_MARKER,
    Address,
    ApprovalState,
    CallState,
    Effect,
    Message,
    Move,
    NoticeKind,
    Risk,
    Role,
    Task,
    ToolResult,
    WorkflowState,
    WorkflowView,
)

#: What becomes of a call that its workflow leaves behind.
ENDS = {
    CallState.PENDING: CallState.CANCELLED,
    CallState.APPROVED: CallState.CANCELLED,
    CallState.EXECUTING: CallState.IN_DOUBT,
}
MAX_OPEN = 1_000  #: Workflows of one tenant at work at once; what waits for people does not count.
KEEP_DELIVERIES = 7 * 24 * 3600.0  #: Seconds that a delivery id is remembered.


@dataclass(frozen=True, slots=True)
class CallRow:
    """One tool call as it stands."""

    seq: int
    call_id: str
    tool: str
    args: str
    risk: Risk
    effect: Effect
    component_sha256: str
    manifest_sha256: str
    policy_version: str
    rule: str
    action_sha256: str
    state: CallState
    idem_key: str
    attempts: int
    effect_begun_at: float | None


@dataclass(frozen=True, slots=True)
class Flow:
    """One workflow as it stands: everything that ``run`` needs to go on."""

    id: str
    tenant: str
    requester: str
    address: Address
    thread: str
    tools: tuple[str, ...] | None
    brain: str
    state: WorkflowState
    version: int
    steps: int
    tokens: int
    worked: float
    created_at: float
    messages: tuple[Message, ...]
    calls: tuple[CallRow, ...]
    past: tuple[tuple[str, str], ...]  #: (task, answer) of the thread before, oldest first.


@dataclass(frozen=True, slots=True)
class Judged:
    """One call of a move with its verdict, ready to be written.

    ``state`` is DENIED (``refusal`` says why), APPROVED, or PENDING (with ``approval_id``, ``expires_at``).
    """

    seq: int
    call_id: str
    tool: str
    state: CallState
    rule: str
    refusal: str = ""
    args: str = "{}"
    risk: Risk = Risk.HIGH
    effect: Effect = Effect.ONCE
    component_sha256: str = ""
    manifest_sha256: str = ""
    policy_version: str = ""
    action_sha256: str = ""
    idem_key: str = ""
    approval_id: str = ""
    expires_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Spent:
    """What one turn or call cost the workflow's budgets."""

    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0


class Workflows:
    """The store of what is being done."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def add(self, task: Task, workflow_id: str, now: float) -> tuple[str, bool]:
        """Accept a task, durably.

        :return: the workflow's id, and False when the same delivery had made it before
        :raises Refused: too many of this tenant are at work
        """
        return await self._writer.write(lambda c: _add(c, task, workflow_id, now))

    async def load(self, workflow_id: str) -> Flow:
        """
        :raises NotFound: no such workflow
        """
        return await self._writer.read(lambda c: _load(c, workflow_id))

    async def record_move(
        self,
        flow: Flow,
        move: Move,
        judged: Sequence[Judged],
        copies: Sequence[Address],
        spent: Spent,
        now: float,
    ) -> None:
        """Write what the brain wants, the verdicts, and the approvals with their cards: one transaction.

        :param copies: where each approval card is shown
        :raises Conflict: somebody else moved this workflow
        """
        await self._writer.write(lambda c: _record_move(c, flow, move, judged, copies, spent, now))

    async def pause(self, flow: Flow, now: float) -> None:
        """Wait for people.

        :raises Conflict: somebody else moved this workflow, or decided meanwhile
        """
        await self._writer.write(lambda c: _pause(c, flow, now))

    async def begin_call(self, flow: Flow, call: CallRow, now: float) -> None:
        """Spend the ticket: from here on the sandbox may have it.

        :raises Conflict: it is not approved for exactly these bytes, or its ticket is spent
        """
        await self._writer.write(lambda c: _begin_call(c, flow, call, now))

    async def begin_effect(self, flow: Flow, call: CallRow, now: float) -> None:
        """Note that the next byte changes something outside.

        :raises Conflict: the call is not executing
        """

        def unit(c: sqlite3.Connection) -> None:
            _one(sql.begin_effect(c, workflow_id=flow.id, seq=call.seq, now=now))

        await self._writer.write(unit)

    async def end_call(
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
        await self._writer.write(lambda c: _end_call(c, flow, call, state, result, observation, spent, now))

    async def retry_call(self, flow: Flow, call: CallRow, now: float) -> None:
        """After a crash: the call may safely run again, with a new ticket."""

        def unit(c: sqlite3.Connection) -> None:
            _one(_move_call(c, flow.id, call.seq, CallState.EXECUTING, CallState.APPROVED))
            note(c, flow.tenant, now, "call_retried", "host", workflow=flow.id, seq=call.seq, tool=call.tool)

        await self._writer.write(unit)

    async def supersede(self, flow: Flow, call: CallRow, observation: str, now: float) -> None:
        """What was approved is no longer what would run: nothing runs."""

        def unit(c: sqlite3.Connection) -> None:
            _one(_move_call(c, flow.id, call.seq, CallState.APPROVED, CallState.SUPERSEDED))
            _observe(c, flow.id, call.call_id, observation)
            note(
                c, flow.tenant, now, "call_superseded", "host", workflow=flow.id, seq=call.seq, tool=call.tool
            )
            _show_card(c, flow, call.seq, now)

        await self._writer.write(unit)

    async def finish(
        self, flow: Flow, state: WorkflowState, outcome: str, now: float, spent: Spent = Spent()
    ) -> None:
        """End a workflow with a sentence that somebody reads.

        :raises Conflict: somebody else moved this workflow
        """
        await self._writer.write(lambda c: _finish(c, flow, state, outcome, spent, now))

    async def view(self, tenant: str, workflow_id: str) -> WorkflowView:
        """
        :raises NotFound: no such workflow of this tenant
        """
        return await self._writer.read(lambda c: _view(c, tenant, workflow_id))

    async def latest(self, tenant: str, limit: int) -> tuple[WorkflowView, ...]:
        """The tenant's workflows, newest first."""
        return await self._writer.read(
            lambda c: tuple(
                rows.workflow_view(row) for row in sql.workflows_of(c, tenant=tenant, limit=limit)
            )
        )

    async def open_ids(self) -> tuple[str, ...]:
        """Every workflow that should be going on: what a start has to take up again."""
        return await self._writer.read(lambda c: tuple(row["id"] for row in sql.open_workflows(c)))


def _one(count: int) -> None:
    if count != 1:
        raise Conflict("Somebody else was first; read it again.")


def _add(c: sqlite3.Connection, task: Task, workflow_id: str, now: float) -> tuple[str, bool]:
    if task.delivery:
        source, event_id = task.delivery
        first = sql.note_delivery(
            c, source=source, event_id=event_id, workflow_id=workflow_id, kept_until=now + KEEP_DELIVERIES
        )
        if not first:
            return sql.delivered_workflow(c, source=source, event_id=event_id)["workflow_id"], False
    if sql.open_workflows_of(c, tenant=task.tenant)["open"] >= MAX_OPEN:
        raise Refused(f"{MAX_OPEN} tasks of this tenant are at work already. Ask again when some have ended.")
    _insert(c, task, workflow_id, now)
    sql.add_message(
        c, workflow_id=workflow_id, role=Role.USER.value, text=_asked(task), calls="[]", call_id=""
    )
    note(
        c,
        task.tenant,
        now,
        "received",
        task.requester,
        workflow=workflow_id,
        door=task.reply_to.door,
        text=task.text,
    )
    tell(
        c,
        now,
        task.tenant,
        workflow_id,
        f"status:{workflow_id}",
        NoticeKind.STATUS,
        task.reply_to,
        {"text": "Working on it."},
    )
    return workflow_id, True


def _insert(c: sqlite3.Connection, task: Task, workflow_id: str, now: float) -> None:
    sql.add_workflow(
        c,
        id=workflow_id,
        tenant=task.tenant,
        requester=task.requester,
        text=task.text,
        door=task.reply_to.door,
        place=rows.text(dict(task.reply_to.place)),
        thread=task.thread,
        tools=None if task.tools is None else json.dumps(task.tools),
        brain=task.brain,
        now=now,
    )


def _asked(task: Task) -> str:
    if not task.context:
        return task.text
    return task.text + CONTEXT_MARKER + rows.text(dict(task.context))


def _load(c: sqlite3.Connection, workflow_id: str) -> Flow:
    row = sql.workflow(c, id=workflow_id)
    if row is None:
        raise NotFound("There is no such workflow.")
    past = sql.thread_past(
        c, tenant=row["tenant"], thread=row["thread"], before=row["created_at"], id=workflow_id
    )
    return Flow(
        id=row["id"],
        tenant=row["tenant"],
        requester=row["requester"],
        address=rows.address_of(row),
        thread=row["thread"],
        tools=None if row["tools"] is None else tuple(json.loads(row["tools"])),
        brain=row["brain"],
        state=WorkflowState(row["state"]),
        version=row["version"],
        steps=row["steps"],
        tokens=row["tokens"],
        worked=row["worked"],
        created_at=row["created_at"],
        messages=tuple(rows.message(each) for each in sql.messages(c, workflow_id=workflow_id)),
        calls=tuple(_call_row(each) for each in sql.calls(c, workflow_id=workflow_id)),
        past=tuple((each["text"], each["outcome"]) for each in past)[::-1],
    )


def _call_row(row: sqlite3.Row) -> CallRow:
    return CallRow(
        seq=row["seq"],
        call_id=row["call_id"],
        tool=row["tool"],
        args=row["args"],
        risk=Risk(row["risk"]),
        effect=Effect(row["effect"]),
        component_sha256=row["component_sha256"],
        manifest_sha256=row["manifest_sha256"],
        policy_version=row["policy_version"],
        rule=row["rule"],
        action_sha256=row["action_sha256"],
        state=CallState(row["state"]),
        idem_key=row["idem_key"],
        attempts=row["attempts"],
        effect_begun_at=row["effect_begun_at"],
    )


def _move(
    c: sqlite3.Connection, flow: Flow, state: WorkflowState, outcome: str, spent: Spent, now: float
) -> None:
    _one(
        sql.move_workflow(
            c,
            id=flow.id,
            version=flow.version,
            state=state.value,
            outcome=outcome,
            steps=flow.steps + spent.steps,
            tokens=flow.tokens + spent.tokens,
            worked=flow.worked + spent.seconds,
            now=now,
        )
    )


def _record_move(
    c: sqlite3.Connection,
    flow: Flow,
    move: Move,
    judged: Sequence[Judged],
    copies: Sequence[Address],
    spent: Spent,
    now: float,
) -> None:
    waits = any(call.state is CallState.PENDING for call in judged)
    runs = any(call.state is CallState.APPROVED for call in judged)
    state = WorkflowState.PAUSED if waits and not runs else WorkflowState.RUNNING
    _move(c, flow, state, "", spent, now)
    sql.add_message(
        c,
        workflow_id=flow.id,
        role=Role.ASSISTANT.value,
        text=move.answer or "",
        calls=rows.calls_text(move.calls),
        call_id="",
    )
    for call in judged:
        _write_judged(c, flow, call, copies, now)
    if state is WorkflowState.PAUSED:
        _status(c, flow, "Waiting for approval.", now)


def _pause(c: sqlite3.Connection, flow: Flow, now: float) -> None:
    """A decision on a workflow that still ran woke nobody: it is seen here, or waits for ever."""
    states = {call["state"] for call in sql.calls(c, workflow_id=flow.id)}
    if CallState.PENDING.value not in states or CallState.APPROVED.value in states:
        raise Conflict("A decision came meanwhile.")
    _move(c, flow, WorkflowState.PAUSED, "", Spent(), now)
    _status(c, flow, "Waiting for approval.", now)


def _write_judged(
    c: sqlite3.Connection, flow: Flow, call: Judged, copies: Sequence[Address], now: float
) -> None:
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
    )
    detail = {
        "workflow": flow.id,
        "seq": call.seq,
        "tool": call.tool,
        "rule": call.rule,
        "action": call.action_sha256,
    }
    note(c, flow.tenant, now, "call_" + call.state.value, "policy", policy=call.policy_version, **detail)
    if call.state is CallState.DENIED:
        _observe(c, flow.id, call.call_id, call.refusal)
    if call.state is CallState.PENDING:
        _ask(c, flow, call, copies, now)


def _ask(c: sqlite3.Connection, flow: Flow, call: Judged, copies: Sequence[Address], now: float) -> None:
    sql.add_approval(
        c,
        id=call.approval_id,
        tenant=flow.tenant,
        workflow_id=flow.id,
        seq=call.seq,
        action_sha256=call.action_sha256,
        now=now,
        expires_at=call.expires_at,
    )
    for place in copies:
        body = {"approval_id": call.approval_id}
        tell(c, now, flow.tenant, flow.id, f"card:{call.approval_id}", NoticeKind.CARD, place, body)


def _begin_call(c: sqlite3.Connection, flow: Flow, call: CallRow, now: float) -> None:
    _one(sql.begin_call(c, workflow_id=flow.id, seq=call.seq, action_sha256=call.action_sha256))
    detail = {"workflow": flow.id, "seq": call.seq, "tool": call.tool, "action": call.action_sha256}
    note(c, flow.tenant, now, "call_executing", "host", **detail)
    _status(c, flow, f"Running {call.tool}.", now)


def _end_call(
    c: sqlite3.Connection,
    flow: Flow,
    call: CallRow,
    state: CallState,
    result: ToolResult,
    observation: str,
    spent: Spent,
    now: float,
) -> None:
    _one(sql.end_call(c, workflow_id=flow.id, seq=call.seq, state=state.value, **_result_columns(result)))
    _move(c, flow, WorkflowState.RUNNING, "", spent, now)
    _observe(c, flow.id, call.call_id, observation)
    detail: Mapping[str, object] = {
        "workflow": flow.id,
        "seq": call.seq,
        "tool": call.tool,
        "action": call.action_sha256,
        "failure": result.failure.kind.value if result.failure else None,
        "fuel": result.usage.fuel,
        "memory_bytes": result.usage.memory_bytes,
        "seconds": round(result.usage.seconds, 4),
    }
    note(c, flow.tenant, now, "call_" + state.value, "host", **detail)
    _show_card(c, flow, call.seq, now)


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


def _finish(
    c: sqlite3.Connection, flow: Flow, state: WorkflowState, outcome: str, spent: Spent, now: float
) -> None:
    _move(c, flow, state, outcome, spent, now)
    note(c, flow.tenant, now, "workflow_" + state.value, "host", workflow=flow.id)
    _cancel_open(c, flow, now)
    done = state is WorkflowState.DONE
    _status(c, flow, "Done." if done else "Stopped.", now, is_last=True)
    kind = NoticeKind.ANSWER if done else NoticeKind.FAILURE
    tell(c, now, flow.tenant, flow.id, f"answer:{flow.id}", kind, flow.address, {"text": outcome})


def _cancel_open(c: sqlite3.Connection, flow: Flow, now: float) -> None:
    """What the workflow leaves behind can never run."""
    for approval in list(sql.pending_approvals_of(c, workflow_id=flow.id)):
        sql.close_approval(c, id=approval["id"], state=ApprovalState.CANCELLED.value)
    for call in list(sql.calls(c, workflow_id=flow.id)):
        end = ENDS.get(CallState(call["state"]))
        if end:
            _one(_move_call(c, flow.id, call["seq"], CallState(call["state"]), end))
            detail = {"seq": call["seq"], "tool": call["tool"], "action": call["action_sha256"]}
            note(c, flow.tenant, now, "call_" + end.value, "host", workflow=flow.id, **detail)
            _show_card(c, flow, call["seq"], now)


def _status(c: sqlite3.Connection, flow: Flow, sentence: str, now: float, *, is_last: bool = False) -> None:
    body = {"text": sentence, "is_last": is_last}
    tell(c, now, flow.tenant, flow.id, f"status:{flow.id}", NoticeKind.STATUS, flow.address, body)


def _observe(c: sqlite3.Connection, workflow_id: str, call_id: str, text: str) -> None:
    sql.add_message(c, workflow_id=workflow_id, role=Role.TOOL.value, text=text, calls="[]", call_id=call_id)


def _show_card(c: sqlite3.Connection, flow: Flow, seq: int, now: float) -> None:
    approval = sql.approval_of_call(c, workflow_id=flow.id, seq=seq)
    if approval:
        show_card(c, flow.tenant, flow.id, approval["id"], now)


def show_card(c: sqlite3.Connection, tenant: str, workflow_id: str, approval_id: str, now: float) -> None:
    """Have every copy of an approval's card drawn anew."""
    subject = f"card:{approval_id}"
    for row in list(sql.card_places(c, subject=subject)):
        body = {"approval_id": approval_id}
        tell(c, now, tenant, workflow_id, subject, NoticeKind.CARD, rows.address_of(row), body)


def _move_call(c: sqlite3.Connection, workflow_id: str, seq: int, was: CallState, state: CallState) -> int:
    return int(sql.move_call(c, workflow_id=workflow_id, seq=seq, was=was.value, state=state.value))


def _view(c: sqlite3.Connection, tenant: str, workflow_id: str) -> WorkflowView:
    row = sql.workflow(c, id=workflow_id)
    if row is None or row["tenant"] != tenant:
        raise NotFound("There is no such workflow.")
    pending = next((a for a in sql.pending_approvals_of(c, workflow_id=workflow_id)), None)
    return rows.workflow_view(row, rows.load_approval(c, pending["id"]) if pending else None)
