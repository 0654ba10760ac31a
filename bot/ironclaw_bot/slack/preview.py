"""What a dry run says that a call will do, in boxes as the arguments are: nothing in it is markup.  Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ironclaw.envelope import Preview
from ironclaw.showing import GAP, LINE, count_effects, show_effects, spelled
from ironclaw_bot.slack.arguments import boxed
from ironclaw_bot.slack.blocks import Block, section

ON_CARD = 2_500  #: Characters of all lines on a card.
IN_DETAILS = 20_000  #: And in the details: a view of Slack's takes 250 KB of JSON.
HELD = "*What it will do*, as tried with writes and network withheld. The run is held to it:"
UNKNOWN = "*Nobody knows what it will do.* What came of asking the tool:"
NOTHING = "*What it will do:* change no file and send nothing. The run is held to it."


def previewed(preview: Preview | None, room: int) -> list[Block]:
    """The effects with their differences; none where the tool has no preview.

    :param room: for so many characters; each effect is named whatever room there is, and what else is
        beyond is counted
    """
    if preview is None:
        return []
    if preview.problem:
        return [section(UNKNOWN), *boxed([LINE + spelled(preview.problem)])]
    lines, heads = show_effects(preview), count_effects(preview)
    return [section(HELD), *boxed(_fitting(lines, heads, room))] if lines else [section(NOTHING)]


def is_cut(preview: Preview | None) -> bool:
    """Whether a card shows it in part."""
    return _length(preview) > ON_CARD


def is_too_long(preview: Preview | None) -> bool:
    """Whether the details show it in part too: nobody can see all of it, so nobody can approve it there."""
    return _length(preview) > IN_DETAILS


def _length(preview: Preview | None) -> int:
    return sum(map(len, show_effects(preview))) if preview else 0


def _fitting(lines: Sequence[str], heads: int, room: int) -> list[str]:
    """
    :param heads: how many of the lines name an effect: these stand there as long as the details have room
    """
    kept: list[str] = []
    used = 0
    for number, line in enumerate(lines):
        used += len(line)
        if used > (IN_DETAILS if number < heads else room):
            return [*kept, f"{LINE}{GAP} {len(lines) - len(kept):,} of {len(lines):,} lines not shown {GAP}"]
        kept.append(line)
    return kept
