"""Reads HTML into events, as a browser would where it matters for what is seen."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from .styles import StyleSheet, names

VOID = names("area base br col embed hr img input link meta param source track wbr")
#: Nothing in them is markup: only their own end tag ends them.
RAW = names("script style noscript iframe noembed noframes textarea title xmp")
_FOREIGN = frozenset({"svg", "math"})
_EMPTY_COMMENT = re.compile("<!---?>")
_COMMENT_END = re.compile("--!?>")


@dataclass(frozen=True)
class Start:
    tag: str
    attributes: dict[str, str]


@dataclass(frozen=True)
class End:
    tag: str


Event = Start | End | str  #: A str is text.


@dataclass
class Markup:
    """A page as it came in."""

    events: list[Event] = field(default_factory=list)
    styles: StyleSheet = field(default_factory=StyleSheet)
    #: Attributes of all tags ``html`` and ``body``: wherever one stands, it speaks for the whole page.
    merged: dict[str, dict[str, str]] = field(default_factory=dict)


def read(html: str) -> Markup:
    """The page's tags and texts in order, and its own style sheets."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found = Markup()
        self._raw = ""  #: The tag of the open element whose content is no markup.
        self._closed_to_styles = 0
        self._foreign = 0
        self._sheet: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes: dict[str, str] = {}
        for name, value in attrs:
            attributes.setdefault(name, value or "")  # The first one counts, as in browsers.
        # In a drawing they end it, even where it seems to hold an element whose content is no markup.
        if tag in ("html", "body") and (self._foreign or not self._raw):
            self.found.merged[tag] = attributes | self.found.merged.get(tag, {})
        if self._raw:
            return
        self.found.events.append(Start(tag, attributes))
        self._raw = tag if tag in RAW else ""
        self._closed_to_styles += tag == "template"
        self._foreign += tag in _FOREIGN
        if tag == "style" and not self._closed_to_styles and _for_screens(attributes):
            self._sheet = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """The slash means something in drawings only: ``<p hidden/>`` hides what comes after it."""
        self.handle_starttag(tag, attrs)
        if self._foreign and self._raw in ("", tag):
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._raw not in ("", tag):
            return
        self._raw = ""
        self.found.events.append(End(tag))
        self._closed_to_styles = max(0, self._closed_to_styles - (tag == "template"))
        self._foreign = max(0, self._foreign - (tag in _FOREIGN))
        if tag == "style" and self._sheet is not None:
            self.found.styles.add("".join(self._sheet))
            self._sheet = None

    def handle_data(self, data: str) -> None:
        if self._sheet is not None:
            self._sheet.append(data)
        self.found.events.append(data)

    def parse_comment(self, i: int, report: int = 1) -> int:
        """Where a comment ends for a browser; some versions of the parser go on to another place."""
        empty = _EMPTY_COMMENT.match(self.rawdata, i)
        end = empty or _COMMENT_END.search(self.rawdata, i + 4)
        return end.end() if end else len(self.rawdata)

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """``<![`` begins a comment in HTML; some versions of the parser raise at it."""
        return self.parse_bogus_comment(i, 0)  # type: ignore[attr-defined, no-any-return]


def _for_screens(attributes: dict[str, str]) -> bool:
    media = attributes.get("media", "").lower()
    return not media or "screen" in media or "all" in media
