"""The approval card, drawn from the stored row and nothing else.  Pure."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from ironclaw.task import ApprovalState, ApprovalView, CallState, Decision, Vote
from ironclaw_bot.slack.arguments import Shown, Unshowable, show
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
)
from ironclaw_bot.slack.tasks import APPROVE, DENY
from ironclaw_bot.slack.text import code, escape, moment, one_line, person, visible

BOX = 2_900  #: Characters in one preformatted box.

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


def card(approval: ApprovalView, value: str) -> Drawing:
    """A review in whatever state it is; buttons only while it waits.

    :param value: what the buttons carry: opaque, signed by the engine
    """
    title = _TITLES[approval.state]
    return drawing(f"{title}: {one_line(approval.tool, 100)}", _blocks(approval, title, value))


def _blocks(approval: ApprovalView, title: str, value: str) -> Iterator[Block]:
    tool, requester = one_line(approval.tool, 100), person(approval.requester)
    yield header(f"{title}: {visible(approval.tool)}")
    verb = "wants" if approval.state is ApprovalState.PENDING else "wanted"
    yield section(f"IronClaw {verb} to run *{tool}* for {requester}.")
    yield _facts(approval)
    is_shown = yield from _arguments(approval)
    if approval.state is ApprovalState.PENDING:
        yield from _votes(approval.votes)
        yield _buttons(value, can_approve=is_shown)
    else:
        yield section(_end(approval))
    yield context(f"Approval {code(approval.id)} · action sha256 {code(approval.action_sha256[:16])}")


def _facts(approval: ApprovalView) -> Block:
    pairs = [
        ("Risk", escape(approval.risk.value)),
        ("Tenant", one_line(approval.tenant, 100)),
        ("Rule", one_line(approval.rule, 200) or "-"),
    ]
    if approval.state is ApprovalState.PENDING:
        pairs.append(("Expires", moment(approval.expires_at)))
    return fields(pairs)


def _arguments(approval: ApprovalView) -> Generator[Block, None, bool]:
    """The boxes with the arguments, or why there are none.

    :return: (of the generator) whether they were shown
    """
    try:
        shown = show(approval.args)
    except Unshowable as problem:
        yield section(
            f"*The arguments cannot be shown:* {escape(str(problem))}.\nSo they cannot be approved here."
        )
        return False
    for box in _boxes(shown):
        yield preformatted(box)
    yield from _warnings(shown)
    return True


def _boxes(shown: Shown) -> Iterator[str]:
    box = ""
    for line in shown.lines:
        if box and len(box) + 1 + len(line) > BOX:
            yield box
            box = ""
        box = f"{box}\n{line}" if box else line
    yield box


def _warnings(shown: Shown) -> Iterator[Block]:
    if shown.is_odd:
        yield context(
            "*Warning:* some characters are not plain ASCII, or could mislead. "
            "They stand here as `\\u{...}`: read them with care."
        )
    if shown.is_cut:
        yield context(
            "*Warning:* a long value is shown in part: its beginning, its end and its length. "
            "The approval is for all of it."
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
        said.append(_CALLS.get(approval.call_state, _NOT_RUN))
    else:
        said.append(_ENDS[approval.state])
    return "\n".join(said)


def _buttons(value: str, *, can_approve: bool) -> Block:
    deny = button("Deny", DENY, value, "danger")
    if not can_approve:
        return {"type": "actions", "elements": [deny]}
    return {"type": "actions", "elements": [button("Approve", APPROVE, value, "primary"), deny]}
