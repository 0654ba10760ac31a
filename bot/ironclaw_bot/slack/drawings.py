"""Everything but the card: status, answers, lists, help and App Home.  Pure.

Whatever a model, a tool or a person wrote is escaped here; nothing of theirs is a mention or a link.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ironclaw.task import ApprovalView, ToolOffer, WorkflowState, WorkflowView
from ironclaw_bot.slack.blocks import Block, Drawing, context, drawing, header, section
from ironclaw_bot.slack.text import chunks, code, cut, escape, moment, one_line, person

ANSWER = 36_000  #: UTF-16 units of one answer; a message of more is no message.
LISTED = 20  #: Lines in a list.

UNKNOWN_WORKSPACE = (
    "Sorry, IronClaw is not set up for this workspace, so nothing was done or kept. "
    "Whoever runs it can add the workspace to its settings."
)

_STATES = {
    WorkflowState.QUEUED: "queued",
    WorkflowState.RUNNING: "at work",
    WorkflowState.PAUSED: "waiting for approval",
    WorkflowState.DONE: "done",
    WorkflowState.FAILED: "failed",
    WorkflowState.CANCELLED: "cancelled",
}
_COMMANDS = (
    ("run <task>", "ask for something here"),
    ("status [id]", "the latest tasks, or one of them"),
    ("approvals", "what waits for a decision"),
    ("help", "this"),
)


def status(text: str) -> Drawing:
    """One line of progress."""
    return drawing(one_line(text, 300), [context(one_line(text, 300))])


def answer(text: str) -> Drawing:
    """What the model answered: its words, and none of its markup has power."""
    short = cut(text, ANSWER)
    pieces = chunks(short) or ["_(an empty answer)_"]
    blocks = [section(piece) for piece in pieces]
    if short != text:
        blocks.append(context(f"Cut: the whole answer has {len(text):,} characters."))
    return drawing(one_line(text, 300) or "An empty answer", blocks)


def failure(text: str) -> Drawing:
    """Why there is no answer, or no task."""
    pieces = chunks(cut(text, 5_000)) or ["The task ended without an answer."]
    return drawing(one_line(text, 300) or pieces[0], [section(piece) for piece in pieces])


def help_text(tools: Iterable[ToolOffer], *, command: str = "/ironclaw") -> str:
    """What the bot can do, as plain text."""
    lines = ["Mention me, write to me directly, or type:"]
    lines += [f"{command} {usage} - {meaning}" for usage, meaning in _COMMANDS]
    names = sorted(tool.name for tool in tools)
    if names:
        lines += ["", "Tools: " + ", ".join(names)]
    return "\n".join(lines)


def help_message(tools: Sequence[ToolOffer], *, command: str = "/ironclaw") -> Drawing:
    """How to talk to the bot, and which tools it has."""
    usages = [f"{code(f'{command} {usage}')} {meaning}" for usage, meaning in _COMMANDS]
    blocks = [section("Mention me, write to me directly, or type:\n" + "\n".join(usages))]
    lines = [f"{code(tool.name)} {one_line(tool.description, 120)}" for tool in _by_name(tools)]
    blocks += _listed("*Tools*", lines, "")
    blocks.append(context("What could do harm waits until an approver has read it and agreed."))
    return drawing("How to talk to IronClaw", blocks)


def started(text: str) -> Drawing:
    """The reply to ``run``."""
    return drawing("Started", [section(f"Started: {one_line(text, 300)}")])


def one_workflow(view: WorkflowView) -> Drawing:
    """The reply to ``status ID``."""
    said = [section(f"*{_STATES[view.state]}* · {one_line(view.text, 300)}")]
    said += [section(piece) for piece in chunks(cut(view.outcome, 5_000))]
    if view.approval:
        said.append(section(_waiting(view.approval)))
    said.append(context(f"{code(view.id)} · {person(view.requester)} · {moment(view.created_at)}"))
    return drawing(f"{_STATES[view.state]}: {one_line(view.text, 200)}", said)


def workflow_list(views: Sequence[WorkflowView]) -> Drawing:
    """The reply to ``status``."""
    lines = [f"*{_STATES[view.state]}* · {one_line(view.text, 80)} · {code(view.id)}" for view in views]
    return drawing("The latest tasks", _listed("*The latest tasks*", lines, "No task yet."))


def approval_list(approvals: Sequence[ApprovalView]) -> Drawing:
    """The reply to ``approvals``: where to look; deciding happens on the card, which shows everything."""
    lines = [_waiting(approval) for approval in approvals]
    empty = "Nothing waits for a decision."
    return drawing("Waiting for a decision", _listed("*Waiting for a decision*", lines, empty))


def home(approvals: Sequence[ApprovalView]) -> dict[str, object]:
    """The App Home view."""
    lines = [_waiting(approval) for approval in approvals]
    blocks = [header("Waiting for a decision"), *_listed("", lines, "Nothing waits for a decision.")]
    blocks.append(context("Decide on the card in its thread: it shows exactly what would run."))
    return {"type": "home", "blocks": blocks}


def said(text: str) -> Drawing:
    """One sentence of ours; escaped already where it holds anything of others."""
    return drawing(text, [section(text)])


def already_decided(by: str, at: float) -> str:
    """The sentence for a click that came second."""
    when = f" at {moment(at)}" if at else ""
    return f"Already decided by {person(by)}{when}. Your click changed nothing."


def _waiting(approval: ApprovalView) -> str:
    return (
        f"*{one_line(approval.tool, 100)}* for {person(approval.requester)}, "
        f"until {moment(approval.expires_at)} · {code(approval.id)}"
    )


def _by_name(tools: Iterable[ToolOffer]) -> list[ToolOffer]:
    return sorted(tools, key=lambda tool: tool.name)


def _listed(title: str, lines: list[str], empty: str) -> list[Block]:
    """One section for each few lines: a section takes only so much."""
    if not lines:
        return [section(empty)] if empty else []
    shown = [f"• {line}" for line in lines[:LISTED]]
    blocks = [section(title)] if title else []
    blocks += [section("\n".join(shown[start : start + 4])) for start in range(0, len(shown), 4)]
    if len(lines) > LISTED:
        blocks.append(context(escape(f"and {len(lines) - LISTED} more")))
    return blocks
