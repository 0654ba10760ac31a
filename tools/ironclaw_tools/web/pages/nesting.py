"""Which elements are open, by the rules of HTML's own parser where they decide what a hidden element holds.

A tag that we took for an end, and a browser does not, would let hidden text out.  So where the whole of the
rules (adoption, foster parents) is not here, an element stays open rather than not.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .hiding import Look
from .markup import RAW
from .styles import Element, names

FORMATTING = names("a b big code em font i nobr s small strike strong tt u")
_CLOSES_P = names(
    "address article aside blockquote center details dialog dir div dl dt dd fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hgroup hr li main menu nav ol p pre search section summary ul"
)
_TABLE = names("table caption colgroup thead tbody tfoot tr td th")
_PARTS = _TABLE - {"table"} | {"head", "frame", "frameset"}
_SPECIAL = (
    _CLOSES_P
    | _TABLE
    | RAW
    | names("applet body button frameset html marquee object select template svg math")
)
_FOREIGN = frozenset({"svg", "math"})
_BREAKS_OUT = (_SPECIAL | FORMATTING | names("span sub sup var ruby")) - _FOREIGN - {"title"}
#: Beyond these an end tag does not reach.
_SCOPE = names("applet caption html marquee object select svg math table td template th")
_CELLS = names("td th caption")
_ROWS = _TABLE - _CELLS
_MARKERS = names("applet caption marquee object td template th")
#: Ended with a form; anything else in it stays open after its end tag.
_ENDED_WITH = names("dd dt li optgroup option p rp rt")
_WALLS = names("html object select svg math table template")
#: What a start tag ends, in this order: the nearest of the first, unless one of the second stands between.
_Ends = tuple[tuple[frozenset[str], frozenset[str]], ...]
_CELL = (frozenset({"td", "th"}), _WALLS | {"tr"})
_ROW = (frozenset({"tr"}), _WALLS)
_GROUP = (frozenset({"thead", "tbody", "tfoot"}), _WALLS)
_DEFINITION = (frozenset({"dd", "dt"}), _SPECIAL - {"address", "div", "p", "dd", "dt"})
_ENDED_BY: dict[str, _Ends] = {
    "li": ((frozenset({"li"}), _SPECIAL - {"address", "div", "p", "li"}),),
    **dict.fromkeys(("dd", "dt"), (_DEFINITION,)),
    "button": ((frozenset({"button"}), _SCOPE),),
    **dict.fromkeys(("td", "th"), (_CELL,)),
    "tr": (_CELL, _ROW),
    **dict.fromkeys(("thead", "tbody", "tfoot", "caption", "colgroup"), (_CELL, _ROW, _GROUP)),
}
_ENDED_P = (frozenset({"p"}), _SCOPE | {"button"})


@dataclass
class Open:
    """An element whose end has not come."""

    element: Element
    look: Look
    is_hiding: bool  #: Whether it is formatting that would hide its content anywhere.
    leave: Callable[[], None] | None = None  #: What its end does to the text.

    @property
    def tag(self) -> str:
        return self.element.tag


class Nesting:
    """The open elements, the outermost first."""

    def __init__(self) -> None:
        self.open: list[Open] = []
        self._in_form = False  #: Until its end tag, whatever else ended it.

    def takes(self, tag: str) -> bool:
        """Whether this start tag opens anything here: a form not in a form, parts of a table only in one."""
        if tag in ("html", "body") or (tag == "form" and self._in_form):
            return False
        if tag == "form" and self._nearest(_ROWS, _CELLS) is not None:
            self._in_form = True  # Between cells a form begins, and holds nothing.
            return False
        return tag not in _PARTS or self._nearest(frozenset({"table"}), _WALLS - {"table"}) is not None

    def started(self, tag: str) -> Iterator[Open]:
        """End what this start tag ends, the innermost first."""
        self._in_form |= tag == "form"
        for tags, walls in _ENDED_BY.get(tag, ()):
            yield from self._end_nearest(tags, walls)
        if tag in _CLOSES_P:
            yield from self._end_nearest(*_ENDED_P)

    def ended(self, tag: str) -> Iterator[Open]:
        """End what this end tag ends."""
        self._in_form &= tag != "form"
        if tag in FORMATTING or tag == "form":
            yield from self._take_out(tag)
        elif tag in _FOREIGN:
            yield from self._end_drawing(tag)
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
        self.open += _opened_again(gone)
        yield from reversed(gone)

    def _take_out(self, tag: str) -> Iterator[Open]:
        """End an element, but not the blocks in it that are still open."""
        at = self._nearest(frozenset({tag}), _SCOPE)
        if at is None:
            return
        stays = {each.tag for each in self.open[at + 1 :]}
        if stays - _ENDED_WITH if tag == "form" else stays & _SPECIAL:
            yield self.open.pop(at)
        else:
            yield from self._end_nearest(frozenset({tag}), _SCOPE)

    def _end_drawing(self, tag: str) -> Iterator[Open]:
        """End a drawing, but not the tags of HTML in it: for a browser these had ended it already."""
        at = self._nearest(frozenset({tag}), _SCOPE - {tag})
        if at is not None:
            inside = self.open[at:]
            self.open[at:] = [each for each in inside if each.tag in _BREAKS_OUT]
            yield from (each for each in reversed(inside) if each.tag not in _BREAKS_OUT)

    def _nearest(self, tags: frozenset[str], walls: frozenset[str]) -> int | None:
        for at in range(len(self.open) - 1, -1, -1):
            if self.open[at].tag in tags:
                return at
            if self.open[at].tag in walls:
                return None
        return None


def _opened_again(gone: list[Open]) -> list[Open]:
    """Formatting that hides, and that a browser opens again after its block: all but what a cell keeps in."""
    outside = itertools.takewhile(lambda each: each.tag not in _MARKERS, gone)
    return [each for each in outside if each.is_hiding and each is not gone[0]]


def _beyond(tag: str) -> frozenset[str]:
    """The elements past which an end tag finds nothing to end."""
    if tag in _TABLE:
        return _WALLS - {tag}
    if tag in ("li", "p"):
        return _SCOPE | ({"ol", "ul"} if tag == "li" else {"button"})
    return _SCOPE - {tag} if tag in _SPECIAL else _SPECIAL
