"""Schedules as Slack shows them.  Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ironclaw.schedule import Schedule, ScheduleState
from ironclaw.sentences import first_line
from ironclaw.task import WorkflowView
from ironclaw.timing import MOST_COUNTED
from ironclaw_bot.slack.blocks import Drawing, context, drawing, section
from ironclaw_bot.slack.drawings import LISTED, STATES
from ironclaw_bot.slack.text import code, escape, moment, one_line, person

TITLE = "Schedules"
NONE = "There are no schedules."


def opening(text: str, requester: str, missed: int) -> Drawing:
    """What everything about a run will stand under.

    :param missed: runs before it for which nobody was there
    """
    sentence = f"Scheduled: {one_line(text, 300)}"
    small = [f"By {person(requester)}, runs unattended.", missed_words(missed)]
    return drawing(sentence, [section(sentence), context(" ".join(filter(None, small)))])


def missed_words(count: int) -> str:
    """Such as ``3 earlier runs were missed.``; "" for none."""
    if not count:
        return ""
    if count == 1:
        return "1 earlier run was missed."
    most = "At least " if count >= MOST_COUNTED - 1 else ""
    return f"{most}{count} earlier runs were missed."


def added(made: Schedule, command: str) -> Drawing:
    """The reply to one that was made."""
    sentence = f"Scheduled: {one_line(made.text, 300)}"
    when = f"{escape(made.timing.words())}. Next: {escape(made.next_words)}."
    end = code(f"{command} schedule remove {made.id}")
    return drawing(sentence, [section(f"{sentence}\n{when}"), context(f"To end it: {end}")])


def changed(found: Schedule) -> Drawing:
    """The reply to one that was paused, resumed or removed."""
    when = f" Next: {escape(found.next_words)}." if found.next_words else ""
    sentence = f"{found.state.value.capitalize()}: {one_line(found.text, 300)}.{when}"
    return drawing(sentence, [section(sentence)])


def listing(found: Sequence[Schedule]) -> Drawing:
    """The reply to ``schedules``."""
    if not found:
        return drawing(NONE, [section(NONE)])
    blocks = [section(f"*{TITLE}*"), *(section("\n".join(_lines(each))) for each in found[:LISTED])]
    if len(found) > LISTED:
        blocks.append(context(f"and {len(found) - LISTED} more"))
    return drawing(TITLE, blocks)


def _lines(each: Schedule) -> list[str]:
    when = each.next_words or f"paused. {each.why}".strip()
    lines = [
        f"*{one_line(each.text, 150)}* · {code(each.id)}",
        f"{one_line(each.timing.words(), 200)} · by {person(each.requester)}",
        f"{'Next: ' if each.state is ScheduleState.ACTIVE else ''}{one_line(when, 300)}",
    ]
    return [*lines, _last(each.last, each.last_at)] if each.last else lines


def _last(last: WorkflowView, at: float) -> str:
    outcome = f": {one_line(first_line(last.outcome, 150), 150)}" if last.outcome else ""
    return f"Last: {STATES[last.state]}, {moment(at)}{outcome} · {code(last.id)}"
