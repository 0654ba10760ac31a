"""What a dry run says that a call will do, in boxes as the arguments are: nothing in it is markup.  Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ironclaw.envelope import Preview
from ironclaw.showing import GAP, LINE, show_effects
from ironclaw_bot.slack.arguments import boxed
from ironclaw_bot.slack.blocks import Block, section
from ironclaw_bot.slack.text import escape

ON_CARD = 2_500  #: Characters of all lines on a card.
IN_DETAILS = 20_000  #: And in the details: a view of Slack's takes 250 KB of JSON.
HELD = "*What it will do*, as tried with writes and network withheld. The run is held to it:"
NOTHING = "*What it will do:* change no file and send nothing. The run is held to it."


def previewed(preview: Preview | None, room: int) -> list[Block]:
    """The effects with their differences; none where the tool has no preview.

    :param room: for so many characters; what is beyond is counted
    """
    if preview is None:
        return []
    if preview.problem:
        return [section(f"*Nobody knows what it will do:* {escape(preview.problem)}")]
    lines = show_effects(preview)
    return [section(HELD), *boxed(_fitting(lines, room))] if lines else [section(NOTHING)]


def is_cut(preview: Preview | None) -> bool:
    """Whether a card shows it in part."""
    return preview is not None and sum(map(len, show_effects(preview))) > ON_CARD


def _fitting(lines: Sequence[str], room: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        room -= len(line)
        if room < 0:
            return [*kept, f"{LINE}{GAP} {len(lines) - len(kept):,} of {len(lines):,} lines not shown {GAP}"]
        kept.append(line)
    return kept
