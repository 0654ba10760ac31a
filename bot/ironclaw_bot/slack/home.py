"""App Home as one person sees it: what they may decide, what waits for others, their tasks, grants.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ironclaw.task import ApprovalView, DoubtView, GrantView, QuestionView, WorkflowView
from ironclaw_bot.slack import doubt_card, facts, question_card
from ironclaw_bot.slack.blocks import Block, button, context, header, section
from ironclaw_bot.slack.card import rows
from ironclaw_bot.slack.drawings import listed, state, waiting_line
from ironclaw_bot.slack.presses import REVOKE
from ironclaw_bot.slack.text import code, one_line, visible

MOST_BLOCKS = 100  #: Of one view.
MOST_CARDS = 6  #: Decided here at once; the rest follow as these are decided.
MOST_TASKS, MOST_GRANTS = 8, 10
TITLE, NOTHING = "Waiting for your decision", "Nothing waits for you."


@dataclass(frozen=True, slots=True)
class Seen:
    """What goes into one person's Home."""

    mine: Sequence[ApprovalView] = ()  #: What they may decide, at most MOST_CARDS.
    values: Sequence[str] = ()  #: What the buttons of each carry.
    waiting: Sequence[ApprovalView] = ()  #: All that waits in the tenant.
    tasks: Sequence[WorkflowView] = ()  #: Their own, newest first.
    grants: Sequence[GrantView] = ()  #: What they may revoke.
    questions: Sequence[QuestionView] = ()  #: What they are asked; answered where it is asked.
    doubts: Sequence[DoubtView] = ()  #: What the tenant's people are asked; answered where it is asked.


def view(seen: Seen, workspace: str = "") -> dict[str, object]:
    """
    :param workspace: what Slack calls the tenant's workspace, where the operator gave it no name
    """
    asked = [*_questions(seen.questions), *_doubts(seen.doubts)]
    rest = [*asked, *_others(seen), *_tasks(seen.tasks), *_grants(seen.grants)]
    return {"type": "home", "blocks": [*_mine(seen, workspace, MOST_BLOCKS - len(rest)), *rest]}


def closed(sentence: str) -> dict[str, object]:
    """For somebody who may not use the bot."""
    return {"type": "home", "blocks": [section(sentence)]}


def _mine(seen: Seen, workspace: str, room: int) -> list[Block]:
    if not seen.mine:
        return [header(TITLE), section(NOTHING)]
    titles = [f"{one_line(each.tool, 100)} for {facts.requester(each)}" for each in seen.mine]
    head = header(f"{TITLE} in {visible(workspace or seen.mine[0].tenant)}")
    return [head, *rows(seen.mine, seen.values, titles, room - 1)]


def _questions(questions: Sequence[QuestionView]) -> list[Block]:
    lines = [question_card.waiting_line(each) for each in questions]
    return [header("Questions for you"), *listed("", lines, "")] if lines else []


def _doubts(doubts: Sequence[DoubtView]) -> list[Block]:
    lines = [doubt_card.waiting_line(each) for each in doubts]
    return [header("Did these run?"), *listed("", lines, "")] if lines else []


def _others(seen: Seen) -> list[Block]:
    mine = {each.id for each in seen.mine}
    lines = [waiting_line(each) for each in seen.waiting if each.id not in mine]
    return [header("Waiting for others"), *listed("", lines, "")] if lines else []


def _tasks(tasks: Sequence[WorkflowView]) -> list[Block]:
    lines = [f"*{state(each)}* · {one_line(each.text, 80)} · {code(each.id)}" for each in tasks[:MOST_TASKS]]
    return [header("Your tasks"), *listed("", lines, "No task yet.")]


def _grants(grants: Sequence[GrantView]) -> list[Block]:
    if not grants:
        return []
    blocks: list[Block] = [header("What runs without asking again")]
    for each in grants[:MOST_GRANTS]:
        blocks.append(
            {**section(facts.grant(each)), "accessory": button("Revoke", REVOKE, each.id, "danger")}
        )
    if len(grants) > MOST_GRANTS:
        blocks.append(context(f"and {len(grants) - MOST_GRANTS} more: see `/ironclaw grants`."))
    return blocks
