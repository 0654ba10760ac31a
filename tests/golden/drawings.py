"""What the Slack door draws, by name: one file each under ``blocks/``, rewritten by ``rewrite.py``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ironclaw import envelope
from ironclaw.canonical import canonical
from ironclaw.deciders import Deciders
from ironclaw.envelope import GONE, FileEffect, Preview, RequestEffect
from ironclaw.errors import Conflict
from ironclaw.schedule import Schedule, ScheduleState
from ironclaw.task import (
    Address,
    ApprovalState,
    CallState,
    Decision,
    GrantView,
    ToolOffer,
    Usage,
    Vote,
    WorkflowState,
    WorkflowView,
)
from ironclaw.terms import Circumstances, GrantScope, Group, Terms
from ironclaw.timing import Timing
from ironclaw_bot.slack import drawings, editing, help, home, modals, scheduled
from ironclaw_bot.slack.card import card
from tests.fakes.approvals import NOW, an_approval
from tests.golden.doubts import DOUBTS
from tests.golden.questions import QUESTIONS

FOLDER = Path(__file__).parent / "blocks"
VALUE = "ap_1.1.mac"
DEAD_END = "Nobody of finance exists here: set [tenants.acme.groups]."
YES = Vote("slack:T0001:U1BO", Decision.APPROVE, NOW + 60)
NO = Vote("jwt:https://id.test|cy", Decision.DENY, NOW + 60, "Not *today* <!here>")
TOOLS = (
    ToolOffer("files.write", "Write a file.", {}),
    ToolOffer("data.query", "Filter, group & sum.", {}),
)
MAYBE = Vote("slack:T0001:U1CY", Decision.APPROVE, NOW + 30, factor="totp")
ASKED_IN = Circumstances(
    taint=frozenset({"files", "docs.example.com", "<!here>"}),
    channel="channel",
    defaults=("/overwrite",),
    reach=("writes files", "POST api.example.com/v1", "secret github"),
)
STRICT = Terms(
    quorum=2,
    groups=frozenset({Group("leads", "ops", 30.0), Group("security")}),
    step_up=True,
    grants=frozenset(GrantScope),
)
REMEMBERED = Terms(grants=frozenset(GrantScope))
LAST = Usage(fuel=1_200_000, memory_bytes=3_100_000, seconds=0.012, bytes_in=40, bytes_out=210)
FULL = {
    "args": canonical({"path": "notes/today.md", "text": "hello", "overwrite": False}).decode(),
    "circumstances": ASKED_IN,
    "door": "slack",
    "terms": STRICT,
    "last_usage": LAST,
}
SCHEMA = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "description": "Where to write."},
        "text": {"type": "string", "description": "What to write."},
        "overwrite": {"type": "boolean", "default": False},
        "mode": {"enum": ["text", "binary", "<auto>", 7]},
        "lines": {"type": "integer", "minimum": 1},
        "tags": {"type": "array", "items": {"type": "string"}},
        "share": {"type": "number"},
    },
    "required": ["path", "text"],
}
ODD = {"to": "p\u0430ypal.example", "note": "<!channel> &amp; \u202egnp.exe", "list": [1, True, None, {}]}


def _card(**changes: Any) -> dict[str, Any]:
    return card([an_approval(**changes)], [VALUE])


def _decided(state: ApprovalState, call: CallState, *votes: Vote) -> dict[str, Any]:
    return _card(state=state, call_state=call, votes=votes)


def _workflow(**changes: Any) -> WorkflowView:
    fields: dict[str, Any] = {
        "id": "wf_1",
        "tenant": "acme",
        "requester": "slack:T0001:U1ADA",
        "text": 'files.write path=notes/today.md text="hello"',
        "state": WorkflowState.DONE,
        "outcome": "Wrote <5> bytes.",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return WorkflowView(**{**fields, **changes})


def _three(**changes: Any) -> list[Any]:
    """Three calls of one turn: one decided, one that more people must see, one cut."""
    long = canonical({"path": "a", "text": "A" * 2000}).decode()
    return [
        an_approval(
            id="ap_1", state=ApprovalState.DENIED, call_state=CallState.DENIED, votes=(NO,), **changes
        ),
        an_approval(id="ap_2", seq=2, tool="mail.send", votes=(MAYBE,), **{**FULL, **changes}),
        an_approval(id="ap_3", seq=3, tool="files.remove", args=long, **changes),
    ]


PREVIEW = Preview(
    files=(
        FileEffect("a.md", "0" * 64, "1" * 64, 6, ("▸ … lines 1 become 1", "▸ - old", "▸ + new <!here>")),
        FileEffect("new/\u202eb.md", GONE, "2" * 64, 1_200, (), "Not text."),
        FileEffect("old", envelope.FOLDER, GONE, 0),
    ),
    requests=(
        RequestEffect(
            "POST", "https://api.example.com/v1?a=<b>", (), "github", "3" * 64, 12, ("▸ {}",), "Hidden."
        ),
        RequestEffect("DELETE", "https://api.example.com/v1", (), "", "4" * 64, 0),
    ),
)
LONG_PREVIEW = Preview(
    files=tuple(
        FileEffect(f"{n}.md", GONE, "1" * 64, 9_000, tuple(f"▸ + line {m} " + "x" * 60 for m in range(200)))
        for n in range(3)
    )
)
A_GRANT = GrantView(
    id="gr_1",
    tenant="acme",
    scope=GrantScope.TOOL,
    workflow_id="wf_1",
    tool="mail.send",
    requester="slack:T0001:U1ADA",
    place="slack C1",
    hosts=frozenset({"api.example.com"}),
    taint=frozenset(),
    args_sha256="0" * 64,
    component_sha256="0" * 64,
    manifest_sha256="0" * 64,
    approval_id="ap_1",
    granted_by="slack:T0001:U1BO",
    created_at=NOW,
    expires_at=NOW + 7 * 86_400,
    max_uses=20,
    used=3,
)
WAITING = _workflow(state=WorkflowState.PAUSED, outcome="", approval=an_approval())
A_SCHEDULE = Schedule(
    id="5c" * 16,
    tenant="acme",
    requester="slack:T0001:U1ADA",
    text="report <!here>",
    timing=Timing("0 7 * * 1-5", "Europe/Berlin"),
    door="slack",
    reply_to=Address("slack", {"channel": "C1OPS"}),
    tools=None,
    brain="",
    state=ScheduleState.ACTIVE,
    why="",
    created_at=NOW,
    next_at=NOW + 3 * 86_400,
    last_at=NOW,
    last=_workflow(),
)
PAUSED_SCHEDULE = replace(A_SCHEDULE, state=ScheduleState.PAUSED, why="There is no tool <x>.", last=None)
DRAWINGS: dict[str, dict[str, Any]] = {
    **DOUBTS,
    **QUESTIONS,
    "card_pending": _card(),
    "card_pending_workspace": card([an_approval(tenant="T0001")], [VALUE], "Acme & <Co>"),
    "card_pending_odd": _card(args=canonical(ODD).decode()),
    "card_pending_cut": _card(args=canonical({"path": "a", "text": "A" * 5000 + "rm -rf /"}).decode()),
    "details": modals.details(an_approval(args=canonical({"path": "a", "text": "A\n" * 2000}).decode())),
    "card_pending_no_arguments": _card(args="{}"),
    "card_pending_one_vote": _card(votes=(YES,)),
    "card_pending_full": _card(**FULL),
    "card_pending_remembered": _card(terms=REMEMBERED),
    "card_pending_one_of_two": _card(votes=(MAYBE,), **FULL),
    "card_pending_escalated": _card(escalated_at=NOW + 1800, **FULL),
    "card_pending_edited": _card(version=2, circumstances=Circumstances(edited_by="slack:T0001:U1BO")),
    "card_pending_preview": _card(circumstances=replace(ASKED_IN, preview=PREVIEW)),
    "card_pending_preview_cut": _card(circumstances=replace(ASKED_IN, preview=LONG_PREVIEW)),
    "card_pending_no_preview": _card(circumstances=Circumstances(preview=Preview(problem="It <took> 5 s."))),
    "card_pending_no_effect": _card(circumstances=Circumstances(preview=Preview())),
    "details_preview": modals.details(an_approval(circumstances=replace(ASKED_IN, preview=LONG_PREVIEW))),
    "card_batch": card(_three(), [VALUE] * 3, "Acme"),
    "card_batch_decided": card([_three()[0]] * 3, [VALUE] * 3),
    "modal_deny": modals.deny(an_approval(), VALUE),
    "modal_remember": modals.remember(an_approval(terms=REMEMBERED), VALUE),
    "modal_edit": editing.edit_form(an_approval(**FULL), SCHEMA, VALUE),
    "modal_edit_whole": editing.edit_form(an_approval(args="{}"), {}, VALUE),
    "modal_said": modals.holding("IronClaw", drawings.said("Nothing was changed.")),
    "step_up": drawings.step_up("This needs a second factor.", "https://gate.example.com/step-up/x"),
    "not_done": drawings.said(drawings.not_done(Conflict("Decided <before>.", "slack:T0001:U1BO", NOW))),
    "not_done_stale": drawings.said(drawings.not_done(Conflict("A newer version <exists>."))),
    "reminder": drawings.reminder([an_approval()]),
    "reminder_batch": drawings.reminder([an_approval(), an_approval(tool="mail.send")]),
    "card_not_showable": _card(args='{"b":1,"a":2}'),
    "card_approved": _decided(ApprovalState.APPROVED, CallState.APPROVED, YES),
    "card_running": _decided(ApprovalState.APPROVED, CallState.EXECUTING, YES),
    "card_succeeded": _decided(ApprovalState.APPROVED, CallState.SUCCEEDED, YES),
    "card_succeeded_usage": _card(
        state=ApprovalState.APPROVED,
        call_state=CallState.SUCCEEDED,
        votes=(YES,),
        usage=Usage(fuel=1_234_567, memory_bytes=3_100_000, seconds=0.0124, bytes_in=40, bytes_out=210_000),
    ),
    "card_failed_usage": _card(
        state=ApprovalState.APPROVED,
        call_state=CallState.FAILED,
        votes=(YES,),
        usage=Usage(fuel=None, seconds=10.002, bytes_in=40),
    ),
    "card_failed": _decided(ApprovalState.APPROVED, CallState.FAILED, YES),
    "card_in_doubt": _decided(ApprovalState.APPROVED, CallState.IN_DOUBT, YES),
    "card_denied": _decided(ApprovalState.DENIED, CallState.DENIED, NO),
    "card_expired": _decided(ApprovalState.EXPIRED, CallState.EXPIRED),
    "card_cancelled": _decided(ApprovalState.CANCELLED, CallState.CANCELLED),
    "card_replaced": _decided(ApprovalState.SUPERSEDED, CallState.SUPERSEDED),
    "status": drawings.status("Working on it."),
    "answer": drawings.answer("*Done* <!channel> & <https://evil.test|bank>\nhttps://evil.test"),
    "answer_empty": drawings.answer(""),
    "failure": drawings.failure("The brain took more than 20 steps."),
    "answer_blocks": drawings.answer("Two files:\n```\npath  size\na.md  <7>\n```\nmore: *false*"),
    "failure_denied": drawings.failure("slack:T0001:U1BO denied a.b. Nothing was run.", "slack:T0001:U1BO"),
    "failure_not_by": drawings.failure("A program said slack:T0001:U1BO denied it.", "slack:T0001:U1BO"),
    "waiting": drawings.waiting([Deciders(("slack:T0001:U1BO",))]),
    "waiting_two": drawings.waiting([Deciders(("slack:T0001:U1BO", "jwt:https://id.test|cy"))]),
    "waiting_many": drawings.waiting([Deciders(tuple(f"slack:T0001:U{n}" for n in range(5)))]),
    "waiting_group": drawings.waiting([Deciders(groups=("finance",), is_open=True, quorum=2)]),
    "waiting_nobody": drawings.waiting([Deciders(problem=DEAD_END)]),
    "card_pending_dead_end": card([an_approval()], [VALUE], "", {"ap_1": DEAD_END}),
    "asked": drawings.asked("slack:T0001:U1ADA", "files.write path=<!here>"),
    "help": help.as_message(TOOLS, "/ironclaw", commands=True),
    "help_unknown": help.as_message(TOOLS, "/ironclaw", commands=False, first="There is no `/ironclaw x`."),
    "help_text": drawings.failure(help.as_text(TOOLS, "/ironclaw", commands=True)),
    "started": drawings.started("files.write path=a"),
    "status_one": drawings.one_workflow(_workflow()),
    "status_one_paused": drawings.one_workflow(WAITING),
    "status_list": drawings.workflow_list([_workflow(), WAITING]),
    "status_list_empty": drawings.workflow_list([]),
    "approvals": drawings.approval_list([an_approval()] * 30),
    "approvals_empty": drawings.approval_list([]),
    "home": home.view(
        home.Seen(
            mine=_three()[1:],
            values=[VALUE] * 2,
            waiting=[*_three()[1:], an_approval(id="ap_9", requester="jwt:https://id.test|cy")],
            tasks=[_workflow(), WAITING],
            grants=[A_GRANT, replace(A_GRANT, id="gr_2", scope=GrantScope.WORKFLOW, args_sha256="")],
        ),
        "Acme",
    ),
    "grants": drawings.grant_list([A_GRANT]),
    "card_pending_scheduled": _card(door="slack", circumstances=replace(ASKED_IN, scheduled=True)),
    "opening": scheduled.opening("files.write path=<!here>", "slack:T0001:U1ADA", 0),
    "opening_missed": scheduled.opening("report", "jwt:https://id.test|cy", 3),
    "schedule_added": scheduled.added(A_SCHEDULE, "/ironclaw"),
    "schedule_paused": scheduled.changed(PAUSED_SCHEDULE),
    "schedules": scheduled.listing([A_SCHEDULE, PAUSED_SCHEDULE] * 11),
    "schedules_empty": scheduled.listing([]),
    "grants_empty": drawings.grant_list([]),
    "home_empty": home.view(home.Seen()),
    "home_closed": home.closed("Guests cannot use IronClaw here."),
}


def text(drawing: dict[str, Any]) -> str:
    """A drawing as its file has it."""
    return json.dumps(drawing, indent=2, ensure_ascii=True) + "\n"
