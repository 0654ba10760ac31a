"""The approval card, drawn from the stored rows and nothing else.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from ironclaw.task import ApprovalState, ApprovalView
from ironclaw_bot.slack import facts
from ironclaw_bot.slack.arguments import Argued, argued
from ironclaw_bot.slack.blocks import (
    Block,
    Drawing,
    button,
    context,
    drawing,
    fields,
    header,
    overflow,
    section,
)
from ironclaw_bot.slack.presses import APPROVE, DENY, DETAILS, EDIT, MORE, REASON, REMEMBER
from ironclaw_bot.slack.preview import ON_CARD, is_cut, is_too_long, previewed
from ironclaw_bot.slack.text import escape, one_line, visible

MOST_BLOCKS = 50  #: Of one message.
DIVIDER: Block = {"type": "divider"}
_FOLDED = "There is no room for its arguments here."
_LATER = (
    "There is no room for its arguments beside the others: *Show all* shows them. "
    "It can be approved once the others are decided."
)
_TOO_LONG = "*What it will do is too long to be shown whole.*\nSo it cannot be approved here."
_ROW_FACTS = ("Risk", "Rule")  #: Said in a row's first line.


def card(
    approvals: Sequence[ApprovalView],
    values: Sequence[str],
    workspace: str = "",
    dead_ends: Mapping[str, str] = MappingProxyType({}),
) -> Drawing:
    """The reviews of one turn in whatever state they are; buttons only where they wait.

    :param values: what the buttons of each carry: opaque, signed by the engine
    :param workspace: what Slack calls the tenant's workspace, where the operator gave it no name
    :param dead_ends: why nobody could approve one, by its id; "" where somebody could
    """
    if len(approvals) > 1:
        return _batch(approvals, values, workspace, dead_ends)
    approval = approvals[0]
    title = facts.TITLES[approval.state]
    blocks = _single(approval, title, values[0], workspace, dead_ends.get(approval.id, ""))
    return drawing(f"{title}: {one_line(approval.tool, 100)}", blocks)


def _single(approval: ApprovalView, title: str, value: str, workspace: str, dead_end: str) -> Iterator[Block]:
    verb = "wants" if approval.state is ApprovalState.PENDING else "wanted"
    yield header(f"{title}: {visible(approval.tool)}")
    yield section(f"IronClaw {verb} to run *{one_line(approval.tool, 100)}* for {facts.requester(approval)}.")
    yield from _tainted(approval)
    yield fields([*facts.of_call(approval), *facts.of_task(approval, workspace)])
    yield from _body(approval, value, argued(approval), "", dead_end)


def _batch(
    approvals: Sequence[ApprovalView], values: Sequence[str], workspace: str, dead_ends: Mapping[str, str]
) -> Drawing:
    """Several calls of one turn: one row each, each decided by itself."""
    waiting = sum(each.state is ApprovalState.PENDING for each in approvals)
    first, count = approvals[0], len(approvals)
    title = f"Approval needed: {waiting} of {count} calls" if waiting else f"All {count} calls are decided"
    verb = "wants" if waiting else "wanted"
    blocks = [
        header(title),
        section(f"IronClaw {verb} to run {count} calls for {facts.requester(first)}."),
        fields(facts.of_task(first, workspace)),
    ]
    titles = [f"{number}. {one_line(each.tool, 100)}" for number, each in enumerate(approvals, start=1)]
    room = MOST_BLOCKS - len(blocks)
    return drawing(escape(title), blocks + rows(approvals, values, titles, room, dead_ends))


def rows(
    approvals: Sequence[ApprovalView],
    values: Sequence[str],
    titles: Sequence[str],
    room: int,
    dead_ends: Mapping[str, str] = MappingProxyType({}),
) -> list[Block]:
    """One row each.  Where they do not fit, some say so in place of their arguments, and cannot be approved;
    what does not fit even so follows once others are decided.

    :param titles: of each, escaped mrkdwn
    :param room: for so many blocks
    """
    ends = [dead_ends.get(each.id, "") for each in approvals]
    drawn = [list(_row(*each)) for each in zip(approvals, values, titles, ends, strict=True)]
    for index in _foldable(approvals):
        if sum(map(len, drawn)) <= room:
            break
        drawn[index] = list(_row(approvals[index], values[index], titles[index], ends[index], is_folded=True))
    return _fitting(drawn, room)


def _fitting(drawn: Sequence[list[Block]], room: int) -> list[Block]:
    blocks: list[Block] = []
    for number, row in enumerate(drawn):
        if len(blocks) + len(row) > room - (number < len(drawn) - 1):
            return [*blocks, context(f"{len(drawn) - number} more follow once these are decided.")]
        blocks += row
    return blocks


def _foldable(approvals: Sequence[ApprovalView]) -> list[int]:
    """What is decided first, then from the last one up: the first that waits always keeps its arguments."""
    waits = [each.state is ApprovalState.PENDING for each in approvals]
    decided = [index for index, is_open in enumerate(waits) if not is_open]
    return decided + [index for index, is_open in enumerate(waits) if is_open][:0:-1]


def _row(
    approval: ApprovalView, value: str, title: str, dead_end: str, *, is_folded: bool = False
) -> Iterator[Block]:
    known = [f"{name}: {text}" for name, text in facts.of_call(approval) if name not in _ROW_FACTS]
    risk = f"{escape(approval.risk.value)} risk, rule {one_line(approval.rule, 200) or '-'}"
    yield DIVIDER
    tainted = facts.taint(approval) if approval.state is ApprovalState.PENDING else ""
    lines = (f"*{title}* ({risk})", " · ".join(known), tainted)
    yield section("\n".join(filter(None, lines)))
    end = f"*{facts.TITLES[approval.state]}.* "
    yield from _body(approval, value, _fold(approval) if is_folded else argued(approval), end, dead_end)


def _fold(approval: ApprovalView) -> Argued:
    waits = approval.state is ApprovalState.PENDING
    return Argued([], [_LATER if waits else _FOLDED], is_cut=True)


def _body(approval: ApprovalView, value: str, shown: Argued, end: str, dead_end: str) -> Iterator[Block]:
    """The arguments, how it stands, and what can be done: at most six blocks beside the boxes.

    :param end: stands before how it ended
    """
    if shown.problem:
        yield section(f"*The arguments cannot be shown:* {shown.problem}.\nSo they cannot be approved here.")
    yield from shown.boxes
    if shown.notes:
        yield context(*shown.notes)
    if approval.state is not ApprovalState.PENDING:
        yield section(end + facts.end(approval))
        yield context(facts.ids(approval))
        return
    if shown.boxes:
        yield from previewed(approval.circumstances.preview, ON_CARD)
    if is_too_long(approval.circumstances.preview):
        yield section(_TOO_LONG)
    said = "\n".join(filter(None, [facts.so_far(approval), escape(dead_end)]))
    if said:
        yield section(said)
    yield _buttons(approval, value, shown)
    small = (facts.reach(approval), facts.last_time(approval), facts.ids(approval))
    yield context(*filter(None, small))


def _tainted(approval: ApprovalView) -> Iterator[Block]:
    if approval.state is ApprovalState.PENDING and facts.taint(approval):
        yield section(facts.taint(approval))


def _buttons(approval: ApprovalView, value: str, shown: Argued) -> Block:
    """What cannot be shown cannot be approved; what is cut can be seen whole."""
    preview = approval.circumstances.preview
    can_approve = bool(shown.boxes) and not shown.problem and not is_too_long(preview)
    buttons = [button("Approve", APPROVE, value, "primary")] if can_approve else []
    buttons.append(button("Deny", DENY, value, "danger"))
    if shown.is_cut or is_cut(preview):
        buttons.append(button("Show all", DETAILS, value))
    more = [("Deny with a reason…", f"{REASON}:{value}")]
    if not shown.problem:
        more.append(("Edit the arguments…", f"{EDIT}:{value}"))
    if can_approve and approval.terms.scopes:
        more.append(("Approve and remember…", f"{REMEMBER}:{value}"))
    return {"type": "actions", "elements": [*buttons, overflow(MORE, more)]}
