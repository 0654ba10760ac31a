"""What a dry run says that a call will do, in boxes as the arguments are: nothing in it is markup.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ironclaw.envelope import FOLDER, GONE, FileEffect, Preview, RequestEffect
from ironclaw.showing import GAP, LINE, spelled
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
    lines = list(_lines(preview))
    return [section(HELD), *boxed(_fitting(lines, room))] if lines else [section(NOTHING)]


def is_cut(preview: Preview | None) -> bool:
    """Whether a card shows it in part."""
    return preview is not None and sum(map(len, _lines(preview))) > ON_CARD


def _fitting(lines: Sequence[str], room: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        room -= len(line)
        if room < 0:
            return [*kept, f"{LINE}{GAP} {len(lines) - len(kept):,} more lines not shown {GAP}"]
        kept.append(line)
    return kept


def _lines(preview: Preview) -> Iterator[str]:
    for file in preview.files:
        yield LINE + _file(file)
        yield from _rest(file)
    for request in preview.requests:
        yield LINE + _request(request)
        yield from _rest(request)


def _rest(effect: FileEffect | RequestEffect) -> Iterator[str]:
    """Set in, so that no line of a file or body can stand for an effect."""
    yield from (f"{LINE}  {line.removeprefix(LINE)}" for line in effect.lines)
    if effect.note:
        yield f"{LINE}  {GAP} {effect.note}"


def _file(file: FileEffect) -> str:
    if file.after == GONE:
        return f"removes {'the folder ' if file.before == FOLDER else ''}{spelled(file.path)}"
    verb = "creates" if file.before == GONE else "changes"
    return f"{verb} {spelled(file.path)} ({file.size:,} bytes, sha256 {file.after[:16]})"


def _request(request: RequestEffect) -> str:
    secret = f" with the secret {spelled(request.secret)}" if request.secret else ""
    body = f" ({request.size:,} bytes, sha256 {request.body_sha256[:16]})" if request.size else ""
    return f"sends {spelled(request.method)} {spelled(request.url)}{secret}{body}"
