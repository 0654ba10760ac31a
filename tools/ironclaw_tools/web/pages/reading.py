"""From HTML to the text that a person would have read."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from .flow import numbered
from .hiding import Look
from .invisible import visible
from .markup import RAW, VOID, End, Markup, Start, read
from .nesting import FORMATTING, Nesting, Open
from .styles import Element, Properties
from .writing import Writer

MAX_DEPTH = 500  #: Elements within one another; browsers stop at 512.
MAX_TITLE = 300
TOO_DEEP = "(The page nests deeper than any that is meant to be read; the rest was left out.)"


@dataclass
class Page:
    """What a page says."""

    title: str
    text: str
    links: dict[int, str] = field(default_factory=dict)  #: Address by number.
    marks: list[tuple[int, int]] = field(
        default_factory=list
    )  #: Where each ``[n]`` stands in the text, and n.


def readable(html: str, address: str) -> Page:
    """The page's text.

    :param address: where it came from; links are completed with it
    """
    writer = Writer(address)
    walk = _Walk(writer, read(html))
    walk.through()
    text, marks = numbered(writer.flow.text())
    title = visible("".join(walk.title)) or numbered(writer.heading)[0]
    return Page(" ".join(title.split())[:MAX_TITLE], text, {n: url for url, n in writer.links.items()}, marks)


class _Walk:
    """Goes through a page once, and has the writer write what is seen."""

    def __init__(self, writer: Writer, markup: Markup) -> None:
        self.title: list[str] = []
        self._writer, self._markup = writer, markup
        self._nesting = Nesting()
        self._raw = ""  #: The tag of the open element whose content is no markup.
        self._outermost: list[Element] = []
        self._around = Look()  #: Of the page as a whole.
        for tag in ("html", "body"):
            element = _element(tag, markup.merged.get(tag, {}))
            self._around = self._around.inside(element, self._properties(element))
            self._outermost.append(element)

    def through(self) -> None:
        for event in self._markup.events:
            if isinstance(event, str):
                self._text(event)
            elif isinstance(event, End):
                _leave(self._nesting.ended(event.tag) if event.tag != self._raw else ())
                self._raw = ""
            elif len(self._nesting.open) == MAX_DEPTH:
                _leave(self._nesting.everything())
                self._writer.flow.block(TOO_DEEP)
                return
            else:
                self._start(event)
        _leave(self._nesting.everything())

    @property
    def _look(self) -> Look:
        return self._nesting.open[-1].look if self._nesting.open else self._around

    def _text(self, text: str) -> None:
        if self._look.is_hidden:
            return
        if self._raw == "title":
            self.title.append(text)
        elif not self._raw:
            self._writer.say(text)

    def _start(self, start: Start) -> None:
        if start.tag in RAW:
            self._raw = start.tag
            return
        if not self._nesting.takes(start.tag):
            return
        _leave(self._nesting.started(start.tag))
        element, before = _element(start.tag, start.attributes), self._look
        properties = self._properties(element)
        look = before.inside(element, properties)
        leave = None if look.gone else self._writer.enter(element)
        if start.tag not in VOID:
            is_hiding = start.tag in FORMATTING and Look().inside(element, properties).is_hidden
            self._nesting.open.append(Open(element, look, is_hiding, leave))

    def _properties(self, element: Element) -> Properties:
        around = itertools.chain(self._outermost, (each.element for each in self._nesting.open))
        return self._markup.styles.properties(element, around)


def _element(tag: str, attributes: dict[str, str]) -> Element:
    return Element(tag, attributes, frozenset(attributes.get("class", "").split()))


def _leave(ended: Iterable[Open]) -> None:
    for each in ended:
        if each.leave:
            each.leave()
