"""What each element does to the text: headings, lists, tables, code, and numbered links."""

from collections.abc import Callable
from urllib.parse import quote, urljoin, urlsplit

from .flow import CLOSE, OPEN, Flow, Table
from .invisible import visible
from .styles import Element, names

MAX_LINKS = 2000
MAX_URL = 1000  #: Characters of a link's address.
_PARAGRAPHS = names("p dl blockquote figure address hgroup details table h1 h2 h3 h4 h5 h6")
_LINES = names(
    "div section article header footer main form fieldset legend aside center dt dd summary figcaption "
    "caption menu dir search ul ol li"
)
_URL_SAFE = "!#$%&'()*+,/:;=?@[]~"

Leave = Callable[[], None]  #: What an element's end does.


class Writer:
    """Writes a page's text as its elements begin and end.

    :param address: what links are completed with
    """

    def __init__(self, address: str) -> None:
        self.flow = Flow()
        self.links: dict[str, int] = {}  #: Number by address.
        self.heading = ""  #: The first one.
        self._base = address
        self._said = 0  #: Characters; grows with every word that is seen.
        self._pre: list[str] | None = None  #: Text within ``pre``.
        self._tables: list[Table] = []
        self._lists: list[int] = []  #: The next number of each open list; 0 where it has none.

    def say(self, text: str) -> None:
        """Text that is seen."""
        text = visible(text)
        self._said += len(text.strip())
        if self._pre is None:
            self.flow.say(text)
        else:
            self._pre.append(text)

    def enter(self, element: Element) -> Leave | None:
        """An element that is seen begins.

        :return: what its end must do
        """
        tag = element.tag
        lines = 2 if tag in _PARAGRAPHS or (tag in ("ul", "ol") and not self._lists) else int(tag in _LINES)
        if lines:
            self.flow.end(lines)
        inner = _ENTER[tag](self, element) if tag in _ENTER else None
        if not lines:
            return inner

        def leave() -> None:
            if inner:
                inner()
            self.flow.end(lines)

        return leave

    def _break(self, element: Element) -> None:
        if self._pre is not None:
            self._pre.append("\n")
        else:
            self.flow.end(min(2, self.flow.breaks + 1))

    def _rule(self, element: Element) -> None:
        self.flow.block("---")

    def _set_base(self, element: Element) -> None:
        self._base = _joined(self._base, element.attributes.get("href", "")) or self._base

    def _heading(self, element: Element) -> Leave:
        flow, begin = self.flow, len(self.flow.parts)
        flow.marker = (flow.marker or flow.prefix) + "#" * int(element.tag[1]) + " "

        def leave() -> None:
            flow.marker = ""
            self.heading = self.heading or "".join(flow.parts[begin:]).strip().lstrip("-># ")

        return leave

    def _list(self, element: Element) -> Leave:
        self._lists.append(1 if element.tag == "ol" else 0)
        return lambda: self._lists.pop() and None

    def _item(self, element: Element) -> Leave:
        number = self._lists[-1] if self._lists else 0
        if number:
            self._lists[-1] += 1
        flow, before = self.flow, self.flow.move_in("  ")
        flow.marker = before + (f"{number}. " if number else "- ")

        def leave() -> None:
            flow.prefix, flow.marker = before, ""

        return leave

    def _quote(self, element: Element) -> Leave:
        return self._moved_in("> ")

    def _definition(self, element: Element) -> Leave:
        return self._moved_in("  ")

    def _moved_in(self, by: str) -> Leave:
        flow, before = self.flow, self.flow.move_in(by)

        def leave() -> None:
            flow.prefix = before

        return leave

    def _preformatted(self, element: Element) -> Leave | None:
        if self._pre is not None:
            return None
        self._pre = []

        def leave() -> None:
            text, self._pre = "".join(self._pre or ()).strip("\n").rstrip(), None
            if text:
                self.flow.block(f"```\n{text}\n```")

        return leave

    def _code(self, element: Element) -> Leave | None:
        if self._pre is not None:
            return None
        self.flow.glue("`")
        return lambda: self.flow.stick("`")

    def _link(self, element: Element) -> Leave | None:
        href = visible(element.attributes.get("href", "")).strip()
        url = href and _joined(self._base, href)
        said = self._said

        def leave() -> None:
            # A link that shows no word leads nowhere a reader could choose to go.
            if self._said > said and (number := self._number(url)):
                self._mark(f"{OPEN}{number}{CLOSE}")

        return leave if url else None

    def _mark(self, mark: str) -> None:
        if self._pre is None:
            self.flow.stick(mark)
        else:
            self._pre.append(mark)

    def _number(self, url: str) -> int:
        """The link's number; 0 when there are too many."""
        if url not in self.links and len(self.links) < MAX_LINKS:
            self.links[url] = len(self.links) + 1
        return self.links.get(url, 0)

    def _table(self, element: Element) -> Leave:
        table = Table(self.flow)
        self._tables.append(table)

        def leave() -> None:
            self._tables.pop()
            if text := table.text():
                table.around.block(text)

        return leave

    def _row(self, element: Element) -> None:
        if self._tables:
            self._tables[-1].rows.append([])

    def _cell(self, element: Element) -> Leave | None:
        if not self._tables:
            return None
        table, before, cell = self._tables[-1], self.flow, Flow()
        self.flow = cell

        def leave() -> None:
            self.flow = before
            table.add(cell.text(), is_head=element.tag == "th")

        return leave


def _joined(base: str, href: str) -> str:
    """A link's whole address in plain ASCII; "" where it leads to no web page."""
    try:
        url = urljoin(base, href)
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in ("https", "http") or not parts.netloc or len(url) > MAX_URL:
        return ""
    return quote(url, safe=_URL_SAFE)


_ENTER: dict[str, Callable[[Writer, Element], Leave | None]] = {
    "a": Writer._link,
    "base": Writer._set_base,
    "blockquote": Writer._quote,
    "br": Writer._break,
    "dd": Writer._definition,
    "hr": Writer._rule,
    "li": Writer._item,
    "ol": Writer._list,
    "pre": Writer._preformatted,
    "table": Writer._table,
    "td": Writer._cell,
    "th": Writer._cell,
    "tr": Writer._row,
    "ul": Writer._list,
    **dict.fromkeys(("code", "kbd", "samp"), Writer._code),
    **{f"h{level}": Writer._heading for level in range(1, 7)},
}
