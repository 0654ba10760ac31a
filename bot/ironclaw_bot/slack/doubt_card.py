"""The card that asks whether a call ran, and all that is known of it.  Drawn from the stored rows.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from ironclaw.deciders import Deciders
from ironclaw.showing import LINE, Unshowable, spelled
from ironclaw.task import CallState, DoubtState, DoubtView, Effect, Said, Testimony
from ironclaw_bot.slack import facts
from ironclaw_bot.slack.arguments import CUT, argued, boxed, whole
from ironclaw_bot.slack.blocks import Block, Drawing, button, context, drawing, fields, header, section, words
from ironclaw_bot.slack.presses import DOUBT_NOT_RUN, DOUBT_RAN, DOUBT_SHOW
from ironclaw_bot.slack.text import code, cut, escape, moment, one_line, person, visible

TITLES = {
    DoubtState.OPEN: "did it run?",
    DoubtState.RAN: "it ran",
    DoubtState.NOT_RUN: "it had not run",
    DoubtState.CANCELLED: "nobody knows whether it ran",
}
_EFFECTS = {
    Effect.PURE: "changes nothing outside",
    Effect.KEYED: "may be repeated with its key",
    Effect.CHECKABLE: "can be checked, and the check did not say",
    Effect.ONCE: "must not happen twice",
}
CUT_HERE = "*Warning:* a long value is shown in part. *Show me* shows all of it."
_WORDS = {Said.RAN: "it ran", Said.NOT_RUN: "it did not run"}
_ENDS = {
    CallState.APPROVED: "It runs next, with the same idempotency key.",
    CallState.EXECUTING: "It is running, with the same idempotency key.",
    CallState.SUCCEEDED: "What it gave is not known; the task goes on.",
    CallState.FAILED: "It was run once more, and failed.",
    CallState.IN_DOUBT: "It was run once more, and was interrupted again.",
}
_RAN_AGAIN = "It was run once more."
_NOT_BEGUN = "It was not begun again."
_STOPPED = "It is not asked any more: the task was stopped, or it is asked anew. It may have happened."
_HELP = (
    "Look on the other side first: *Show me* says what to look for. *It ran* goes on without its output. "
    "*It did not run* runs it again."
)
MOST_EVENTS = 40  #: Lines of the audit log in the details; the newest ones.


def doubt_card(doubt: DoubtView, value: str, who: Deciders, workspace: str = "") -> Drawing:
    """The question in whatever state it is; buttons only while nobody has answered.

    :param value: what the buttons carry: opaque, signed by the engine
    :param who: those whose word would count
    :param workspace: what Slack calls the tenant's workspace, where the operator gave it no name
    """
    title = TITLES[doubt.state]
    return drawing(f"{one_line(doubt.tool, 100)}: {title}", _blocks(doubt, title, value, who, workspace))


def waiting_line(doubt: DoubtView) -> str:
    """One that waits, in a line."""
    asked = f"*{one_line(doubt.tool, 100)}* for {facts.requester(doubt)}: did it run?"
    return f"{asked} · {_testimonies(doubt)}{code(doubt.id)}"


def details(doubt: DoubtView) -> Drawing:
    """All that is known, so that whoever answers can look on the other side."""
    try:
        shown = whole(doubt)
        arguments = [*shown.boxes, *map(context, shown.notes)]
    except Unshowable as problem:
        arguments = [section(f"*The arguments cannot be shown:* {escape(str(problem))}.")]
    blocks = [section("*The call*"), *boxed(_lines(doubt)), section("*Its arguments*"), *arguments]
    blocks += [section("*What the audit log says of it*"), *boxed(_events(doubt))]
    title = words("What is known")
    return {"type": "modal", "title": title, "close": words("Close"), "blocks": blocks}


def _blocks(doubt: DoubtView, title: str, value: str, who: Deciders, workspace: str) -> Iterator[Block]:
    yield header(f"{visible(cut(doubt.tool, 100))}: {title}")
    whose = f"*{one_line(doubt.tool, 100)}* ran for {facts.requester(doubt)}"
    yield section(f"IronClaw was interrupted while {whose}. Nobody saw whether it happened.")
    yield fields([*_known(doubt), *facts.of_task(doubt, workspace)])
    shown = argued(doubt)
    if shown.problem:
        yield section(f"*The arguments cannot be shown:* {shown.problem}.")
    yield from shown.boxes
    if shown.notes:
        yield context(*(CUT_HERE if note == CUT else note for note in shown.notes))
    yield from _open(doubt, value, who) if doubt.state is DoubtState.OPEN else _closed(doubt)
    yield context(_ids(doubt))


def _open(doubt: DoubtView, value: str, who: Deciders) -> Iterator[Block]:
    said = [_said(each) for each in doubt.testimonies]
    told = "\n".join([*said, escape(who.problem) or f"Waiting for {who.words(person)} to say."])
    yield section(told)
    yield {
        "type": "actions",
        "elements": [
            button("It ran", DOUBT_RAN, value),
            button("It did not run", DOUBT_NOT_RUN, value, "danger"),
            button("Show me", DOUBT_SHOW, value),
        ],
    }
    yield context(_HELP)


def _closed(doubt: DoubtView) -> Iterator[Block]:
    if doubt.state is DoubtState.CANCELLED:
        yield section(_STOPPED)
        return
    yield section("\n".join([*map(_said, doubt.testimonies), _end(doubt)]))


def _end(doubt: DoubtView) -> str:
    """What came of it."""
    if doubt.state is DoubtState.NOT_RUN and doubt.call_state is CallState.SUCCEEDED:
        return _RAN_AGAIN
    return _ENDS.get(doubt.call_state, _NOT_BEGUN)


def _known(doubt: DoubtView) -> list[facts.Fact]:
    """What the host knows of how far it came."""
    begun, left = doubt.begun_at, doubt.effect_begun_at
    return [
        ("Effect", f"{escape(doubt.effect.value)}: {_EFFECTS[doubt.effect]}"),
        ("Begun", moment(begun, "{date_short_pretty} {time_secs}") if begun else "not known"),
        ("Changing request", f"about to leave at {moment(left, '{time_secs}')}" if left else "none had left"),
    ]


def _testimonies(doubt: DoubtView) -> str:
    count = sum(each.said is Said.NOT_RUN for each in doubt.testimonies)
    return f"{count} say that it did not · " if count else ""


def _said(told: Testimony) -> str:
    factor = f" with {escape(told.factor)}" if told.factor else ""
    return f"{person(told.principal)} says that {_WORDS[told.said]}, {moment(told.at)}{factor}."


def _ids(doubt: DoubtView) -> str:
    return (
        f"Doubt {code(doubt.id)} · workflow {code(doubt.workflow_id)} · call {doubt.seq} · "
        f"attempt {doubt.attempt} · action sha256 {code(doubt.action_sha256[:16])}"
    )


def _lines(doubt: DoubtView) -> list[str]:
    known = {
        "workflow": doubt.workflow_id,
        "call": str(doubt.seq),
        "attempt": str(doubt.attempt),
        "tool": doubt.tool,
        "asked by": doubt.requester,
        "rule": doubt.rule,
        "effect": doubt.effect.value,
        "begun": _utc(doubt.begun_at),
        "about to change something": _utc(doubt.effect_begun_at) if doubt.effect_begun_at else "no",
        "idempotency key": f"{doubt.idem_key}-1 for the first changing request, -2 for the second ...",
        "hosts": ", ".join(sorted(doubt.circumstances.hosts)) or "none",
        "may touch": "; ".join(doubt.circumstances.reach) or "nothing outside itself",
        "action sha256": doubt.action_sha256,
        "tool sha256": doubt.component_sha256,
    }
    return [f"{LINE}{name}: {spelled(value)}" for name, value in known.items()]


def _events(doubt: DoubtView) -> list[str]:
    last = doubt.events[-MOST_EVENTS:]
    return [f"{LINE}{_utc(each.at)} {spelled(each.event)} by {spelled(each.actor)}" for each in last]


def _utc(at: float | None) -> str:
    """To the millisecond, as logs of the other side have it."""
    if at is None:
        return "not known"
    return datetime.fromtimestamp(at, UTC).isoformat(" ", "milliseconds").replace("+00:00", " UTC")
