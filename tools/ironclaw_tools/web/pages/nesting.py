"""Which elements are open, by the rules of HTML's own parser where they decide what a hidden element holds.

A tag that we took for an end, and a browser does not, would let hidden text out.  So where the whole of the
rules (adoption, foster parents) is not here, an element stays open rather than not.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .hiding import Look
from .styles import Element, names

#: Nothing in them is markup: only their own end tag ends them.
RAW = names("script style noscript iframe noembed noframes textarea title xmp")
FORMATTING = names("a b big code em font i nobr s small strike strong tt u")
_CLOSES_P = names(
    "address article aside blockquote center details dialog dir div dl dt dd fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hgroup hr li main menu nav ol p pre search section summary ul"
)
_TABLE = names("table caption colgroup thead tbody tfoot tr td th")
_SPECIAL = (
    _CLOSES_P
    | _TABLE
    | RAW
    | names("applet body button frameset html marquee object select template svg math")
)
#: Beyond these an end tag does not reach.
_SCOPE = names("applet caption html marquee object select svg math table td template th")
_WALLS = names("html object select svg math table template")
#: A start tag ends the nearest of the first, unless one of the second stands between.
_ENDED_BY: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "li": (frozenset({"li"}), _SPECIAL - {"address", "div", "p", "li"}),
    "dd": (frozenset({"dd", "dt"}), _SPECIAL - {"address", "div", "p", "dd", "dt"}),
    "tr": (frozenset({"tr"}), _WALLS),
    "td": (frozenset({"td", "th"}), _WALLS),
    "tbody": (frozenset({"thead", "tbody", "tfoot"}), _WALLS),
}
_ENDED_BY |= {
    "dt": _ENDED_BY["dd"],
    "th": _ENDED_BY["td"],
    "thead": _ENDED_BY["tbody"],
    "tfoot": _ENDED_BY["tbody"],
}
_ENDED_P = (frozenset({"p"}), _SCOPE | {"button"})


@dataclass
class Open:
    """An element whose end has not come."""

    element: Element
    look: Look
    is_hiding: bool  #: Whether it hides what would be seen without it.
    leave: Callable[[], None] | None = None  #: What its end does to the text.

    @property
    def tag(self) -> str:
        return self.element.tag


class Nesting:
    """The open elements, the outermost first."""

    def __init__(self) -> None:
        self.open: list[Open] = []

    def started(self, tag: str) -> Iterator[Open]:
        """End what this start tag ends, the innermost first."""
        if tag in _ENDED_BY:
            yield from self._end_nearest(*_ENDED_BY[tag])
        if tag in _CLOSES_P:
            yield from self._end_nearest(*_ENDED_P)

    def ended(self, tag: str) -> Iterator[Open]:
        """End what this end tag ends."""
        if tag in FORMATTING or tag == "form":
            yield from self._take_out(tag)
        elif tag not in ("body", "html"):  # Text after these still belongs to them.
            yield from self._end_nearest(frozenset({tag}), _beyond(tag))

    def everything(self) -> Iterator[Open]:
        """The page is over."""
        while self.open:
            yield self.open.pop()

    def _end_nearest(self, tags: frozenset[str], walls: frozenset[str]) -> Iterator[Open]:
        at = self._nearest(tags, walls)
        if at is None:
            return
        gone = self.open[at:]
        del self.open[at:]
        if gone[0].tag not in _SCOPE:
            # A browser opens these again in what comes next, with all that they hide.
            self.open += [each for each in gone[1:] if each.is_hiding and each.tag in FORMATTING]
        yield from reversed(gone)

    def _take_out(self, tag: str) -> Iterator[Open]:
        """End an element, but not the blocks in it that are still open."""
        at = self._nearest(frozenset({tag}), _SCOPE)
        if at is None:
            return
        if any(each.tag in _SPECIAL for each in self.open[at + 1 :]):
            yield self.open.pop(at)
        else:
            yield from self._end_nearest(frozenset({tag}), _SCOPE)

    def _nearest(self, tags: frozenset[str], walls: frozenset[str]) -> int | None:
        for at in range(len(self.open) - 1, -1, -1):
            if self.open[at].tag in tags:
                return at
            if self.open[at].tag in walls:
                return None
        return None


def _beyond(tag: str) -> frozenset[str]:
    """The elements past which an end tag finds nothing to end."""
    if tag in _TABLE:
        return _WALLS - {tag}
    if tag in ("li", "p"):
        return _SCOPE | ({"ol", "ul"} if tag == "li" else {"button"})
    return _SCOPE - {tag} if tag in _SPECIAL else _SPECIAL
