"""Everything but the card and App Home: status, answers, lists, sentences.  Pure.

Whatever a model, a tool or a person wrote is escaped here; nothing of theirs is a mention or a link.
"""

from __future__ import annotations

from collections.abc import Sequence

from ironclaw.deciders import Deciders
from ironclaw.errors import Conflict
from ironclaw.sentences import sentence, used
from ironclaw.task import (
    ApprovalView,
    DoubtView,
    GrantView,
    QuestionView,
    WorkflowState,
    WorkflowView,
)
from ironclaw_bot.slack import doubt_card, facts, question_card
from ironclaw_bot.slack.answers import Shown, line, worded
from ironclaw_bot.slack.blocks import Block, Drawing, context, drawing, link, section
from ironclaw_bot.slack.presses import OPEN
from ironclaw_bot.slack.text import code, cut, escape, moment, one_line, person

ANSWER = 36_000  #: UTF-16 units of one answer; a message of more is no message.
DRAFT = 8_000  #: Of one that is still written.
LISTED = 20  #: Lines in a list.

UNKNOWN_WORKSPACE = (
    "Sorry, IronClaw is not set up for this workspace, so nothing was done or kept. "
    "Whoever runs it can add the workspace to its settings."
)

NOT_KEPT = (
    "I cannot keep anything just now, so this is not begun. Slack hands it to me again for a few minutes; if "
    "you hear nothing by then, ask again."
)

STATES = {
    WorkflowState.QUEUED: "queued",
    WorkflowState.RUNNING: "at work",
    WorkflowState.PAUSED: "waiting for approval",
    WorkflowState.DONE: "done",
    WorkflowState.FAILED: "failed",
    WorkflowState.CANCELLED: "cancelled",
}
NO_ANSWER = "The task ended without an answer."
MOST_BLOCKS = 48  #: Of one answer; Slack takes 50 in a message.
NOBODY = Shown()


def state(view: WorkflowView) -> str:
    """In a word or two."""
    return "waiting for an answer" if view.question else STATES[view.state]


def status(text: str) -> Drawing:
    """One line of progress."""
    return drawing(one_line(text, 300), [context(one_line(text, 300))])


def draft(text: str) -> Drawing:
    """What a model is writing: no link, no mention, no code, and gone with the next status."""
    short = cut(text.replace("```", ""), DRAFT)
    return drawing("Writing…", [context("Writing…"), *worded(short, NOBODY)])


def waiting(found: Sequence[Deciders]) -> Drawing:
    """The status line while people are waited for.

    :param found: who could decide each of the reviews
    """
    sentence = " ".join(dict.fromkeys(map(_waiting, found))) or "Waiting for approval."
    return drawing(sentence, [context(sentence)])


def _waiting(found: Deciders) -> str:
    return escape(found.problem) or f"Waiting for {found.words(person)} to decide."


def only(found: Deciders) -> str:
    """The sentence for a click of somebody who may not decide."""
    return escape(found.problem) or f"Only {found.words(person)} can decide this."


def answer(text: str, shown: Shown = NOBODY) -> Drawing:
    """What the model answered: its words, code, and what may be a link or a mention here."""
    short = cut(text, ANSWER)
    found = worded(short, shown) or [section("_(an empty answer)_")]
    blocks = found[:MOST_BLOCKS]
    if short != text or found != blocks:
        blocks.append(context(f"Cut: the whole answer has {len(text):,} characters."))
    return drawing(line(text, 300) or "An empty answer", blocks)


def failure(text: str, by: str = "", shown: Shown = NOBODY) -> Drawing:
    """Why there is no answer, or no task.

    :param by: the principal who denied it, with whose id the text then begins: they are mentioned
    """
    if by and text.startswith(f"{by} "):
        return said(f"{person(by)} {line(text.removeprefix(by), 2_000)}")
    blocks = worded(cut(text, 5_000), shown) or [section(NO_ANSWER)]
    return drawing(line(text, 300) or NO_ANSWER, blocks)


def asked(requester: str, text: str) -> Drawing:
    """What everything about a task of a command will stand under."""
    sentence = f"{person(requester)} asked: {one_line(text, 300)}"
    return drawing(sentence, [section(sentence)])


def started(text: str) -> Drawing:
    """The reply to ``run``."""
    return drawing("Started", [section(f"Started: {one_line(text, 300)}")])


def one_workflow(view: WorkflowView) -> Drawing:
    """The reply to ``status ID``."""
    said = [section(f"*{state(view)}* · {one_line(view.text, 300)}")]
    said += worded(cut(view.outcome, 5_000), NOBODY)
    if not (view.state.is_final or view.approval or view.doubt or view.question):
        said.append(section(escape(sentence(view))))
    if view.approval:
        said.append(section(waiting_line(view.approval)))
    if view.question:
        said.append(section(question_card.waiting_line(view.question)))
    if view.doubt:
        said.append(section(doubt_card.waiting_line(view.doubt)))
    about = [code(view.id), person(view.requester), moment(view.created_at), f"step {view.steps}"]
    about += [used(view.models)] if view.models else []
    said.append(context(" · ".join(about + ([f"again {code(view.retry_of)}"] if view.retry_of else []))))
    return drawing(f"{state(view)}: {one_line(view.text, 200)}", said)


def workflow_list(views: Sequence[WorkflowView]) -> Drawing:
    """The reply to ``status``."""
    lines = [f"*{state(view)}* · {one_line(view.text, 80)} · {code(view.id)}" for view in views]
    return drawing("The latest tasks", listed("*The latest tasks*", lines, "No task yet."))


def approval_list(
    approvals: Sequence[ApprovalView],
    doubts: Sequence[DoubtView] = (),
    questions: Sequence[QuestionView] = (),
) -> Drawing:
    """The reply to ``approvals``: where to look; deciding happens on the card, which shows everything.

    :param questions: that whoever looks is asked
    """
    asked = map(question_card.waiting_line, questions)
    lines = [*asked, *map(doubt_card.waiting_line, doubts), *map(waiting_line, approvals)]
    empty = "Nothing waits for a decision."
    return drawing("Waiting for a decision", listed("*Waiting for a decision*", lines, empty))


def said(text: str) -> Drawing:
    """One sentence of ours; escaped already where it holds anything of others."""
    return drawing(text, [section(text)])


def grant_list(grants: Sequence[GrantView]) -> Drawing:
    """The reply to ``grants``."""
    lines = [facts.grant(each) for each in grants]
    title = "What runs without asking again"
    return drawing(title, listed(f"*{title}*", lines, "Nothing: everything that needs a person asks one."))


def already_decided(by: str, at: float) -> str:
    """The sentence for a click that came second."""
    when = f" at {moment(at)}" if at else ""
    return f"Already decided by {person(by)}{when}. Your click changed nothing."


def not_done(problem: Exception) -> str:
    """The sentence for a click that changed nothing, escaped."""
    if isinstance(problem, Conflict) and problem.by:
        return already_decided(problem.by, problem.at)
    return escape(str(problem))


def step_up(sentence: str, url: str) -> Drawing:
    """The way to the page for the second factor: for the clicker alone, who is named in the link."""
    button = link("Open the page", OPEN, url)
    sentence = f"{escape(sentence)} Open the page to give it."
    return drawing(sentence, [section(sentence), {"type": "actions", "elements": [button]}])


def reminder(approvals: Sequence[ApprovalView]) -> Drawing:
    """Once, before it is too late: what of a card still waits."""
    tools = ", ".join(f"*{one_line(each.tool, 100)}*" for each in approvals)
    ends = min(each.expires_at for each in approvals)
    verb = "waits" if len(approvals) == 1 else "wait"
    whose = person(approvals[0].requester)
    sentence = f"{tools} for {whose} still {verb} for a decision, until {moment(ends)}."
    return drawing(sentence, [section(sentence)])


def waiting_line(approval: ApprovalView) -> str:
    """One that waits, in a line."""
    more = [facts.progress(approval), code(approval.id)]
    return " · ".join(
        [
            f"*{one_line(approval.tool, 100)}* for {facts.requester(approval)}, "
            f"{escape(approval.risk.value)} risk, until {moment(approval.expires_at)}",
            *filter(None, more),
        ]
    )


def listed(title: str, lines: list[str], empty: str) -> list[Block]:
    """One section for each few lines: a section takes only so much."""
    if not lines:
        return [section(empty)] if empty else []
    shown = [f"• {line}" for line in lines[:LISTED]]
    blocks = [section(title)] if title else []
    blocks += [section("\n".join(shown[start : start + 4])) for start in range(0, len(shown), 4)]
    if len(lines) > LISTED:
        blocks.append(context(escape(f"and {len(lines) - LISTED} more")))
    return blocks
