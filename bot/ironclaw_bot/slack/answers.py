"""Text that a model made, as Slack may show it: words, code, and links to the tenant's hosts.  Pure.

Of all that Slack's markup can do with people and addresses, two things are left: a link to a host that the
operator allows, whose text is its address; and a mention of who asked.  Any other address is written so that
no client makes a link of it (``https[:]//evil[.]example``), and no other mention rings anybody's bell.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ironclaw.egress.urls import parse_url
from ironclaw.errors import EgressDenied
from ironclaw_bot.slack.blocks import Block, preformatted, section
from ironclaw_bot.slack.text import SECTION, chunks, cut, escape, units, visible

#: Characters that somebody may fold to the ones that make markup.
_ODD = {"<": "\uff1c\ufe64", ">": "\uff1e\ufe65", "&": "\uff06\ufe60", "@": "\uff20\ufe6b"}
_FOLDED = str.maketrans({odd: plain for plain, them in _ODD.items() for odd in them})
_COLON, _SLASH = "[:\uff1a\ufe55\ufe13\u2a74]", r"[/\\\uff0f\u2100\u2101\u2105\u2106]"
_JOINERS = re.compile("[\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
#: A block of code in an answer.
_FENCE = re.compile(r"```(?:[a-z0-9]*\n)?(.*?)\n?```", re.DOTALL)
_MENTION = r"<@(?P<user>[UW][A-Z0-9]{1,30})(?:\|[^<>\n]{0,80})?>"
_URL = r"(?<![A-Za-z0-9])(?P<url>https://[A-Za-z0-9.-]+(?:[/?#][A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*)?)"
_WHOLE = r"(?![A-Za-z0-9.-]|[:@%\\]\S)"  #: Not the beginning of another address.
_LIVE = re.compile(f"{_MENTION}|{_URL}{_WHOLE}", re.ASCII)
_SCHEME = re.compile(f"{_COLON}(?={_SLASH}{{2}})")
_WORDS = re.compile(rf"(?i)\b(mailto|tel|sms|javascript){_COLON}(?=\S)")
_HOST = re.compile(
    rf"(?<={_SLASH}{_SLASH})[^\s/?#]+|(?i:\bwww\.)|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{{2,63}}(?=[/:?#]\S)"
)
_ALL = ("channel", "here", "everyone", "group")
MAX_URL = 2_000  #: Characters of an address that becomes a link.
_AFTER = ".,;:!?'\")*_~"  #: What ends a sentence and not an address.


@dataclass(frozen=True, slots=True)
class Shown:
    """For whom, and with which links."""

    requester: str = ""  #: Slack's id of who asked: the one person who may be mentioned; "" for nobody.
    hosts: Collection[str] = ()  #: Exact, or ``*.name`` for one label before it.

    def allows(self, host: str) -> bool:
        """Whether an address there may be a link."""
        return host in self.hosts or f"*.{host.partition('.')[2]}" in self.hosts


def worded(text: str, shown: Shown) -> list[Block]:
    """Words as sections, blocks of code as such."""
    blocks: list[Block] = []
    for at, part in enumerate(_FENCE.split(text)):
        if at % 2:
            blocks += map(preformatted, chunks(part, spell=visible))
        else:
            blocks += map(section, _packed(_atoms(part.strip("\n"), shown)))
    return blocks


def line(text: str, limit: int) -> str:
    """One line of it, for notifications and lists: no link, no mention."""
    short = cut(" ".join(text.replace("```", "").split()), limit)
    return "".join(_atoms(short, Shown()))


def _atoms(text: str, shown: Shown) -> Iterator[str]:
    """What the text becomes, in pieces that stay whole."""
    text, done = _folded(text), 0
    for found in _LIVE.finditer(text):
        atom, end = _live(found, shown)
        if atom:
            yield from _inert(text[done : found.start()])
            yield atom
            done = end
    yield from _inert(text[done:])


def _folded(text: str) -> str:
    """With one way to write what markup is made of, and nothing unseen but between emoji."""
    text = _JOINERS.sub(lambda found: "" if _is_plain(text, found) else found[0], text)
    return visible(text.translate(_FOLDED))


def _is_plain(text: str, found: re.Match[str]) -> bool:
    """Whether a joiner stands beside a letter or a sign, where it joins no emoji."""
    around = text[max(0, found.start() - 1) : found.start()] + text[found.end() : found.end() + 1]
    return len(around) < 2 or any(ord(char) < 0x200 or ord(char) in _FOLDED for char in around)


def _live(found: re.Match[str], shown: Shown) -> tuple[str, int]:
    """The mention or the link, and where it ends; "" for what is none here."""
    if user := found["user"]:
        return (f"<@{user}>" if user == shown.requester else ""), found.end()
    url = found["url"].rstrip(_AFTER)
    try:
        host = parse_url(url).host
    except EgressDenied:
        return "", found.end()
    is_link = len(url) <= MAX_URL and shown.allows(host)
    return (f"<{escape(url)}>" if is_link else ""), found.start() + len(url)


def _inert(text: str) -> Iterator[str]:
    """Its characters, each escaped; no address in it is one, and no call to everybody."""
    text = _WORDS.sub(lambda found: found[0][:-1] + "[:]", _SCHEME.sub("[:]", text))
    text = _HOST.sub(lambda found: found[0].replace(".", "[.]"), text)
    for at, char in enumerate(text):
        yield "[@]" if char == "@" and _calls_all(text[at + 1 : at + 40]) else escape(char)


def _calls_all(following: str) -> bool:
    plain = unicodedata.normalize("NFKC", following).casefold().lstrip()
    return plain.startswith(_ALL)


def _packed(atoms: Iterator[str]) -> list[str]:
    """Sections of whole lines where they fit, else of whole atoms."""
    pieces, piece, row = list[str](), "", ""
    for atom in atoms:
        if units(row) + units(atom) > SECTION:
            pieces, piece, row = [*pieces, piece, row], "", ""
        row += atom
        if atom == "\n":
            if units(piece) + units(row) > SECTION:
                pieces, piece = [*pieces, piece], ""
            piece, row = piece + row, ""
    last = [piece + row] if units(piece) + units(row) <= SECTION else [piece, row]
    return [one for one in (*pieces, *last) if one.strip()]
