"""The approval card, drawn from the stored row and nothing else.  Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Generator, Iterator, Sequence

from ironclaw.showing import GAP, Shown, Unshowable, show
from ironclaw.task import ApprovalState, ApprovalView, CallState, Decision, Usage, Vote
from ironclaw_bot.slack.blocks import (
    Block,
    Drawing,
    button,
    context,
    drawing,
    fields,
    header,
    preformatted,
    section,
    words,
)
from ironclaw_bot.slack.tasks import APPROVE, DENY, DETAILS
from ironclaw_bot.slack.text import code, cut, escape, moment, one_line, person, visible

BOX = 2_900  #: Characters in one preformatted box.
_TOKEN = re.compile(r"\\u\{[0-9A-F]+\}|\\.|.")  #: What is never torn.

_TITLES = {
    ApprovalState.PENDING: "Approval needed",
    ApprovalState.APPROVED: "Approved",
    ApprovalState.DENIED: "Denied",
    ApprovalState.EXPIRED: "Expired",
    ApprovalState.CANCELLED: "Cancelled",
    ApprovalState.SUPERSEDED: "Replaced",
}
_ENDS = {
    ApprovalState.DENIED: "Nothing was run.",
    ApprovalState.EXPIRED: "Nobody decided in time. Nothing was run.",
    ApprovalState.CANCELLED: "The task was stopped first. Nothing was run.",
    ApprovalState.SUPERSEDED: "The call, its tool or the policy has changed since. Nothing was run.",
}
_CALLS = {
    CallState.APPROVED: "It runs next.",
    CallState.EXECUTING: "It is running.",
    CallState.SUCCEEDED: "It ran.",
    CallState.FAILED: "It ran, and failed.",
    CallState.IN_DOUBT: "A crash hid whether it ran. Somebody must find out.",
}
_NOT_RUN = "It was not run."


def card(approvals: Sequence[ApprovalView], values: Sequence[str], workspace: str = "") -> Drawing:
    """The reviews of one turn in whatever state they are; buttons only where they wait.

    :param values: what the buttons of each carry: opaque, signed by the engine
    :param workspace: what Slack calls the tenant's workspace, where the operator gave it no name
    """
    if len(approvals) > 1:
        return _batch(approvals, values, workspace)
    approval = approvals[0]
    title = _TITLES[approval.state]
    blocks = _blocks(approval, title, values[0], workspace)
    return drawing(f"{title}: {one_line(approval.tool, 100)}", blocks)


def _batch(approvals: Sequence[ApprovalView], values: Sequence[str], workspace: str) -> Drawing:
    """Several calls of one turn: one row each, each decided by itself."""
    waiting = sum(each.state is ApprovalState.PENDING for each in approvals)
    title = f"Approval needed: {waiting} of {len(approvals)} calls" if waiting else f"{len(approvals)} calls"
    blocks = [
        header(title),
        section(f"IronClaw wants to run {len(approvals)} calls for {person(approvals[0].requester)}."),
        _facts(approvals[0], workspace),
    ]
    for number, (approval, value) in enumerate(zip(approvals, values, strict=True), start=1):
        blocks += [{"type": "divider"}, *_row(number, approval, value)]
    return drawing(escape(title), blocks)


def _row(number: int, approval: ApprovalView, value: str) -> Iterator[Block]:
    risk = f"{escape(approval.risk.value)} risk, rule {one_line(approval.rule, 200) or '-'}"
    yield section(f"*{number}. {one_line(approval.tool, 100)}* ({risk})")
    shown = yield from _arguments(approval)
    if approval.state is ApprovalState.PENDING:
        yield from _votes(approval.votes)
        yield _buttons(approval, value, shown)
    else:
        yield section(f"*{_TITLES[approval.state]}.* {_end(approval)}")
    yield context(_ids(approval))


def details(approval: ApprovalView) -> Drawing:
    """The modal with every argument uncut.

    :raises Unshowable: there is no showing them
    """
    shown = show(approval.args)
    blocks = [*map(preformatted, _boxes(shown.whole)), *_odd(shown)]
    blocks.append(context("A piece that begins with … goes on from the one before.", _ids(approval)))
    title = words(cut(visible(approval.tool), 24))
    return {"type": "modal", "title": title, "close": words("Close"), "blocks": blocks}


def _blocks(approval: ApprovalView, title: str, value: str, workspace: str) -> Iterator[Block]:
    tool, requester = one_line(approval.tool, 100), person(approval.requester)
    yield header(f"{title}: {visible(approval.tool)}")
    verb = "wants" if approval.state is ApprovalState.PENDING else "wanted"
    yield section(f"IronClaw {verb} to run *{tool}* for {requester}.")
    yield _facts(approval, workspace)
    shown = yield from _arguments(approval)
    if approval.state is ApprovalState.PENDING:
        yield from _votes(approval.votes)
        yield _buttons(approval, value, shown)
    else:
        yield section(_end(approval))
    yield context(_ids(approval))


def _ids(approval: ApprovalView) -> str:
    return f"Approval {code(approval.id)} · action sha256 {code(approval.action_sha256[:16])}"


def _facts(approval: ApprovalView, workspace: str) -> Block:
    whose = ("Workspace", workspace) if workspace else ("Tenant", approval.tenant)
    pairs = [
        ("Risk", escape(approval.risk.value)),
        (whose[0], one_line(whose[1], 100)),
        ("Rule", one_line(approval.rule, 200) or "-"),
    ]
    if approval.state is ApprovalState.PENDING:
        pairs.append(("Expires", moment(approval.expires_at)))
    return fields(pairs)


def _arguments(approval: ApprovalView) -> Generator[Block, None, Shown | None]:
    """The boxes with the arguments, or why there are none.

    :return: (of the generator) what they show, None when they cannot be shown
    """
    try:
        shown = show(approval.args)
    except Unshowable as problem:
        yield section(
            f"*The arguments cannot be shown:* {escape(str(problem))}.\nSo they cannot be approved here."
        )
        return None
    yield from map(preformatted, _boxes(shown.lines))
    yield from _odd(shown)
    if shown.is_cut:
        yield context(
            "*Warning:* a long value is shown in part: its beginning, its end and its length. "
            "The approval is for all of it: *Show all* shows it."
        )
    return shown


def _boxes(lines: tuple[str, ...]) -> Iterator[str]:
    """Lines together while they fit; only what is longer than a box is broken."""
    box = ""
    for part in itertools.chain.from_iterable(map(_broken, lines)):
        if box and len(box) + 1 + len(part) > BOX:
            yield box
            box = ""
        box = f"{box}\n{part}" if box else part
    yield box


def _broken(line: str) -> list[str]:
    """A line as it is, or in pieces that each say that they go on from the one before."""
    pieces = [""]
    for token in _TOKEN.findall(line):
        if len(pieces[-1]) + len(token) > BOX:
            pieces.append(f"{GAP} ")
        pieces[-1] += token
    return pieces


def _odd(shown: Shown) -> Iterator[Block]:
    if shown.is_odd:
        yield context(
            "*Warning:* some characters are not plain ASCII, or could mislead. "
            "They stand here as `\\u{...}`: read them with care."
        )


def _votes(votes: tuple[Vote, ...]) -> Iterator[Block]:
    if votes:
        yield section("\n".join(_said(vote) for vote in votes) + "\nMore approvals are needed.")


def _said(vote: Vote) -> str:
    verb = "Approved" if vote.decision is Decision.APPROVE else "Denied"
    reason = f" “{one_line(vote.reason, 500)}”" if vote.reason else ""
    return f"{verb} by {person(vote.principal)} at {moment(vote.at)}.{reason}"


def _end(approval: ApprovalView) -> str:
    """Who said what, and what came of it."""
    said = [_said(vote) for vote in approval.votes]
    if approval.state is ApprovalState.APPROVED:
        said.append(_CALLS.get(approval.call_state, _NOT_RUN) + _used(approval.usage))
    else:
        said.append(_ENDS[approval.state])
    return "\n".join(said)


def _used(usage: Usage | None) -> str:
    """Such as `` It used 12 ms, 3.1 MB, 1.2 M fuel; 40 B in, 210 B out.``, once there is something to say."""
    if usage is None:
        return ""
    fuel = "" if usage.fuel is None else f", {_short(usage.fuel)} fuel"
    return (
        f" It used {usage.seconds * 1000:.0f} ms, {_short(usage.memory_bytes)}B{fuel}; "
        f"{_short(usage.bytes_in)}B in, {_short(usage.bytes_out)}B out."
    )


def _short(number: float) -> str:
    """Three digits and their unit: ``12 ``, ``3.1 M``."""
    power = 0
    while number >= 999.5:
        number /= 1000
        power += 1
    return f"{number:.3g} {' kMGTPE'[power].strip()}"


def _buttons(approval: ApprovalView, value: str, shown: Shown | None) -> Block:
    """What cannot be shown cannot be approved; what is cut can be seen whole."""
    buttons = [button("Approve", APPROVE, value, "primary")] if shown else []
    buttons.append(button("Deny", DENY, value, "danger"))
    if shown and shown.is_cut:
        buttons.append(button("Show all", DETAILS, approval.id))
    return {"type": "actions", "elements": buttons}
