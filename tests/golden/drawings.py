"""What the Slack door draws, by name: one file each under ``blocks/``, rewritten by ``rewrite.py``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ironclaw.canonical import canonical
from ironclaw.task import (
    ApprovalState,
    CallState,
    Decision,
    ToolOffer,
    Usage,
    Vote,
    WorkflowState,
    WorkflowView,
)
from ironclaw_bot.slack import drawings, help
from ironclaw_bot.slack.card import card, details
from tests.fakes.approvals import NOW, an_approval

FOLDER = Path(__file__).parent / "blocks"
VALUE = "ap_1.1.mac"
YES = Vote("slack:T0001:U1BO", Decision.APPROVE, NOW + 60)
NO = Vote("jwt:https://id.test|cy", Decision.DENY, NOW + 60, "Not *today* <!here>")
TOOLS = (
    ToolOffer("files.write", "Write a file.", {}),
    ToolOffer("data.query", "Filter, group & sum.", {}),
)
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


WAITING = _workflow(state=WorkflowState.PAUSED, outcome="", approval=an_approval())
DRAWINGS: dict[str, dict[str, Any]] = {
    "card_pending": _card(),
    "card_pending_workspace": card([an_approval(tenant="T0001")], [VALUE], "Acme & <Co>"),
    "card_pending_odd": _card(args=canonical(ODD).decode()),
    "card_pending_cut": _card(args=canonical({"path": "a", "text": "A" * 5000 + "rm -rf /"}).decode()),
    "details": details(an_approval(args=canonical({"path": "a", "text": "A\n" * 2000}).decode())),
    "card_pending_no_arguments": _card(args="{}"),
    "card_pending_one_vote": _card(votes=(YES,)),
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
    "waiting": drawings.waiting(["slack:T0001:U1BO"]),
    "waiting_two": drawings.waiting(["jwt:https://id.test|cy", "slack:T0001:U1BO"]),
    "waiting_many": drawings.waiting([f"slack:T0001:U{n}" for n in range(5)]),
    "waiting_nobody": drawings.waiting([]),
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
    "home": drawings.home([an_approval()]),
    "home_empty": drawings.home([]),
    "home_closed": drawings.closed_home("Guests cannot use IronClaw here."),
}


def text(drawing: dict[str, Any]) -> str:
    """A drawing as its file has it."""
    return json.dumps(drawing, indent=2, ensure_ascii=True) + "\n"
