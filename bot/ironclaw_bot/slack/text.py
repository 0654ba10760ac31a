"""Words as Slack shows them: escaped, measured and cut.  Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime

SECTION = 2_900  #: UTF-16 units in one section; Slack takes 3000.

_SLACK_PERSON = re.compile(r"slack:[A-Z0-9]+:([UW][A-Z0-9]+)")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: str) -> str:
    """Text without power: no mention, no link, no channel; what hides or reorders is spelled out."""
    return "".join(_ENTITIES.get(char) or _spelled(char) for char in text)


def visible(text: str) -> str:
    """Plain text, for where there is no markup: only what hides or reorders is spelled out."""
    return "".join(map(_spelled, text))


def _spelled(char: str) -> str:
    """Control, bidi and other invisible characters as ``\\u{202E}``; joiners stay, emoji need them."""
    if char in "\n\t\u200d" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"):
        return char
    return f"\\u{{{ord(char):04X}}}"


def units(text: str) -> int:
    """Length as Slack may count it: UTF-16 units, never less than characters."""
    return len(text) + sum(ord(char) > 0xFFFF for char in text)


def cut(text: str, limit: int) -> str:
    """At most ``limit`` units of a text, an ellipsis standing for the rest."""
    if units(text) <= limit:
        return text
    while units(text) > limit - 1:
        text = text[: min(len(text) - 1, limit - 1)]
    return text.rstrip() + "…"


def one_line(text: str, limit: int) -> str:
    """Escaped, without line breaks, cut before it is escaped so that no entity is torn."""
    return escape(cut(" ".join(text.split()), limit))


def chunks(text: str, limit: int = SECTION, spell: Callable[[str], str] = escape) -> list[str]:
    """Pieces of at most ``limit`` units each; breaks at the ends of lines where it can.

    :param spell: makes the text fit for where it goes: ``visible`` where there is no markup
    """
    pieces: list[str] = []
    piece = ""
    for part in _parts(text, limit, spell):
        if units(piece) + units(part) > limit:
            pieces.append(piece)
            piece = ""
        piece += part
    return [one for one in (*pieces, piece) if one.strip()]


def _parts(text: str, limit: int, spell: Callable[[str], str]) -> list[str]:
    """Spelled lines; one that is too long falls into its characters, never into halves of an entity."""
    found: list[str] = []
    for line in text.splitlines(keepends=True):
        spelled = spell(line)
        found.extend([spelled] if units(spelled) <= limit else [spell(char) for char in line])
    return found


def moment(at: float, form: str = "{date_short_pretty} {time}") -> str:
    """A time that each reader sees in their own zone."""
    fallback = datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(at)}^{form}|{fallback}>"


def person(principal: str) -> str:
    """A mention of somebody of Slack; anybody else by their id, as plain words."""
    found = _SLACK_PERSON.fullmatch(principal)
    if found:
        return f"<@{found[1]}>"
    return code(principal) if principal else "IronClaw"


def code(text: str) -> str:
    """Inline code that cannot be left."""
    return f"`{one_line(text.replace('`', chr(39)), 200)}`"
