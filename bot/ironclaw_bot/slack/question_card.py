"""What the brain asks of who gave it the task, and what they answered.  Drawn from the stored rows.  Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ironclaw.task import QuestionState, QuestionView
from ironclaw_bot.slack.answers import Shown, line, worded
from ironclaw_bot.slack.blocks import Block, Drawing, button, context, drawing, header, section
from ironclaw_bot.slack.presses import ANSWERS
from ironclaw_bot.slack.text import code, cut, moment, person, visible

TITLES = {
    QuestionState.OPEN: "A question",
    QuestionState.ANSWERED: "Answered",
    QuestionState.CANCELLED: "Not asked any more",
    QuestionState.EXPIRED: "Not answered in time",
}
ENDS = {
    QuestionState.CANCELLED: "The task was stopped.",
    QuestionState.EXPIRED: "Nobody answered in time: the task went on without an answer.",
}
NO_LEAVE = "An answer allows nothing: what needs an approval still waits for one."
LABEL = 75  #: UTF-16 units of a button's text.
IN_THREAD = "or reply in this thread"
MENTION = ", beginning with a mention of me"
NOBODY = Shown()
#: How a message in the thread of a question begins that is none of its answers.
OTHERWISE = "task:"


def question_card(
    question: QuestionView, values: list[str], shown: Shown = NOBODY, *, is_direct: bool = False
) -> Drawing:
    """The question in whatever state it is; buttons only while nobody has answered.

    :param values: what the button of each choice carries: opaque, signed by the engine
    :param shown: whom its words may mention, and where they may link to
    :param is_direct: whether whatever is said in its channel reaches the bot
    """
    blocks = _blocks(question, values, shown, is_direct)
    return drawing(f"{person(question.requester)}: {line(question.text, 200)}", blocks)


def waiting_line(question: QuestionView) -> str:
    """One that waits, in a line."""
    until = moment(question.expires_at)
    return f"{line(question.text, 200)} · {person(question.requester)} is asked, until {until}"


def reminder(question: QuestionView) -> Drawing:
    """Once, before it is too late: it still waits for whom it names."""
    whom, until = person(question.requester), moment(question.expires_at)
    sentence = f"{whom}: your answer is still waited for, until {until}: {line(question.text, 200)}"
    return drawing(sentence, [section(sentence), context("Then the task goes on without an answer.")])


def _blocks(question: QuestionView, values: list[str], shown: Shown, is_direct: bool) -> Iterator[Block]:
    yield header(TITLES[question.state])
    yield section(f"{person(question.requester)}, to go on I need to know:")
    yield from worded(question.text, shown)
    is_open = question.state is QuestionState.OPEN
    yield from _open(question, values, is_direct) if is_open else _closed(question)
    yield context(f"Question {code(question.id)} · workflow {code(question.workflow_id)}")


def _open(question: QuestionView, values: list[str], is_direct: bool) -> Iterator[Block]:
    if values:
        labels = zip(question.choices, ANSWERS, values, strict=False)
        elements = [button(visible(cut(each, LABEL)), action, value) for each, action, value in labels]
        yield {"type": "actions", "elements": elements}
    way = f"{'Press one, ' + IN_THREAD if values else 'Reply in this thread'}{'' if is_direct else MENTION}."
    until = moment(question.expires_at)
    other = f"Begin with {code(OTHERWISE)} for a new task instead."
    yield context(f"Only {person(question.requester)} can answer, until {until}. {way} {other} {NO_LEAVE}")


def _closed(question: QuestionView) -> Iterator[Block]:
    if question.state is not QuestionState.ANSWERED:
        yield section(ENDS[question.state])
        return
    yield section(f"{person(question.answered_by)} answered, {moment(question.answered_at)}:")
    yield from worded(question.answer, NOBODY)
