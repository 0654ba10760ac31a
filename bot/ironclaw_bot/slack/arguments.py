"""A call's arguments in boxes: the stored bytes, which a careful reader can write down again.  Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ironclaw.showing import GAP, Shown, Unshowable, show
from ironclaw.task import ApprovalView, DoubtView
from ironclaw_bot.slack.blocks import Block, preformatted
from ironclaw_bot.slack.text import escape

BOX = 2_900  #: Characters in one preformatted box.
_TOKEN = re.compile(r"\\u\{[0-9A-F]+\}|\\.|.")  #: What is never torn.

ODD = (
    "*Warning:* some characters are not plain ASCII, or could mislead. "
    "They stand here as `\\u{...}`: read them with care."
)
CUT = (
    "*Warning:* a long value is shown in part: its beginning, its end and its length. "
    "The approval is for all of it: *Show all* shows it."
)


@dataclass(frozen=True, slots=True)
class Argued:
    """What a card shows of the arguments."""

    boxes: list[Block]
    notes: list[str]  #: What a reader must be told of them, escaped.
    problem: str = ""  #: Why they cannot be shown, and so not be approved; escaped.
    is_cut: bool = False  #: Some values stand there in part.


def argued(approval: ApprovalView | DoubtView) -> Argued:
    """For the card: long values cut, each by itself."""
    try:
        shown = show(approval.args, approval.circumstances.defaults)
    except Unshowable as problem:
        return Argued([], [], escape(str(problem)))
    return Argued(boxed(shown.lines), _notes(shown), is_cut=shown.is_cut)


def whole(approval: ApprovalView | DoubtView) -> Argued:
    """For the details: nothing cut.

    :raises Unshowable: there is no showing them
    """
    shown = show(approval.args, approval.circumstances.defaults)
    return Argued(boxed(shown.whole), [ODD] if shown.is_odd else [])


def _notes(shown: Shown) -> list[str]:
    return [note for note, is_so in ((ODD, shown.is_odd), (CUT, shown.is_cut)) if is_so]


def boxed(lines: Iterable[str]) -> list[Block]:
    """Lines as they are, in as few boxes as they take."""
    return [preformatted(box) for box in _boxes(lines)]


def _boxes(lines: Iterable[str]) -> Iterator[str]:
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
