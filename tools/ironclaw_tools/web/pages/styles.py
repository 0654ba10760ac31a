"""As much CSS as it takes to know what a page hides: simple selectors, the rules of its own style sheets."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field


def names(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


VIEWPORT = {"width": 1280.0, "height": 800.0}  #: Pixels: the screen that a media rule is held against.
#: Of all properties those that can hide.
_HIDING = names(
    "display visibility content-visibility opacity filter font-size font width height max-width max-height "
    "overflow overflow-x overflow-y position left top right bottom inset text-indent margin-left margin-top "
    "margin transform scale translate clip clip-path color background background-color "
    "-webkit-text-fill-color"
)
MAX_VALUE = 200  #: Characters of a declaration that are looked at.
_ESCAPE = re.compile(r"\\([0-9a-f]{1,6})\s?|\\(.)", re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_BRACE = re.compile(r"[{};]")
_COMPOUND = re.compile(r"(\*|[a-z][\w-]*)?((?:[.#][\w-]+|\[\s*[\w-]+\s*(?:=\s*[^\]]*)?\])*)", re.IGNORECASE)
_PART = re.compile(r"([.#])([\w-]+)|\[\s*([\w-]+)\s*(?:=\s*[\"']?([^\]\"']*)[\"']?\s*)?\]")
_FEATURE = re.compile(r"\(\s*(min|max)-(width|height)\s*:\s*(\d+(?:\.\d+)?)(px|em|rem)\s*\)")

Properties = Mapping[str, str]


@dataclass(frozen=True)
class Element:
    """One open tag."""

    tag: str
    attributes: Mapping[str, str]
    classes: frozenset[str]

    @property
    def id(self) -> str:
        return self.attributes.get("id", "")


@dataclass(frozen=True)
class Compound:
    """One part of a selector, such as ``p.note#first[hidden]``."""

    tag: str
    id: str
    classes: frozenset[str]
    attributes: tuple[tuple[str, str | None], ...]

    def fits(self, element: Element) -> bool:
        return (
            self.tag in ("", "*", element.tag)
            and self.id in ("", element.id)
            and self.classes <= element.classes
            and all(
                name in element.attributes and value in (None, element.attributes[name])
                for name, value in self.attributes
            )
        )

    @property
    def weight(self) -> int:
        names = len(self.classes) + len(self.attributes)
        return (10_000 if self.id else 0) + names * 100 + (self.tag not in ("", "*"))


@dataclass(frozen=True)
class Rule:
    """What one selector gives its elements."""

    subject: Compound
    within: tuple[Compound, ...]  #: Of elements around it, the innermost first.
    weight: tuple[int, int]  #: Specificity, then place in the page.
    plain: Properties
    important: Properties

    def is_within(self, around: Sequence[Element]) -> bool:
        """:param around: the open elements, the outermost first"""
        outwards = iter(reversed(around))
        return all(any(each.fits(other) for other in outwards) for each in self.within)


def declarations(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """What a style attribute or a rule's body says of hiding: plainly, and as important."""
    plain: dict[str, str] = {}
    important: dict[str, str] = {}
    for part in _unescaped(_COMMENT.sub("", text)).lower().split(";"):
        name, _, value = part.partition(":")
        value, is_important, _ = value.partition("!")
        if name.strip() in _HIDING:
            (important if is_important else plain)[name.strip()] = " ".join(value[:MAX_VALUE].split())
    return plain, important


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: _character(found[1]) if found[1] else found[2], text)


def _character(digits: str) -> str:
    code = int(digits, 16)
    return chr(code) if 0 < code < 0xD800 or 0xDFFF < code < 0x110000 else "\ufffd"


@dataclass
class StyleSheet:
    """The page's own rules that can hide or show something."""

    by_key: dict[str, list[Rule]] = field(default_factory=dict)
    count: int = 0

    def add(self, css: str) -> None:
        for selectors, body in _rules(_COMMENT.sub("", css)):
            plain, important = declarations(body)
            if plain or important:
                for selector in selectors.split(","):
                    self._add(selector, plain, important)

    def _add(self, selector: str, plain: Properties, important: Properties) -> None:
        compounds = _compounds(selector)
        if not compounds:
            return
        self.count += 1
        *within, subject = compounds
        weight = (sum(each.weight for each in compounds), self.count)
        rule = Rule(subject, tuple(reversed(within)), weight, plain, important)
        self.by_key.setdefault(_key(subject), []).append(rule)

    def properties(self, element: Element, around: Iterable[Element]) -> dict[str, str]:
        """What holds for an element: its rules by weight, its style attribute, then what is important.

        :param around: the open elements, the outermost first; asked only where a rule might fit
        """
        keys = ["*", element.tag, f"#{element.id}", *(f".{name}" for name in element.classes)]
        rules = [rule for key in keys for rule in self.by_key.get(key, ()) if rule.subject.fits(element)]
        if not rules and "style" not in element.attributes:
            return {}
        outside = list(around)
        rules = sorted((rule for rule in rules if rule.is_within(outside)), key=lambda rule: rule.weight)
        own, own_important = declarations(element.attributes.get("style", ""))
        layers = [*(rule.plain for rule in rules), own, *(rule.important for rule in rules), own_important]
        return {name: value for layer in layers for name, value in layer.items()}


def _key(subject: Compound) -> str:
    """What an element must have to be asked about."""
    if subject.id:
        return f"#{subject.id}"
    return f".{min(subject.classes)}" if subject.classes else subject.tag or "*"


def _compounds(selector: str) -> list[Compound]:
    """The parts of a selector, the outermost first; none where it is more than we understand."""
    found = []
    for word in _unescaped(selector).replace(">", " ").split():
        match = _COMPOUND.fullmatch(word)
        if not match:
            return []
        parts = _PART.findall(match[2])
        named = [name for sign, name, _, _ in parts if sign == "#"]
        classes = frozenset(name for sign, name, _, _ in parts if sign == ".")
        attributes = tuple((key.lower(), value or None) for sign, _, key, value in parts if not sign)
        found.append(Compound((match[1] or "").lower(), "".join(named[:1]), classes, attributes))
    return found


def _rules(css: str) -> Iterator[tuple[str, str]]:
    """Selectors and body of each rule that holds on a screen."""
    open_blocks: list[tuple[str, int]] = []
    begin = 0
    for found in _BRACE.finditer(css):
        if found[0] == "{":
            open_blocks.append((css[begin : found.start()].strip(), found.end()))
        elif found[0] == "}" and open_blocks:
            prelude, start = open_blocks.pop()
            if not prelude.startswith("@") and all(_holds(outer) for outer, _ in open_blocks):
                yield prelude, css[start : found.start()]
        if found[0] != ";" or not open_blocks or open_blocks[-1][0].startswith("@"):
            begin = found.end()


def _holds(prelude: str) -> bool:
    """Whether what stands in this block counts for our screen."""
    name, _, condition = prelude.lower().partition(" ")
    if name != "@media":
        return name in ("@layer", "@supports", "@container")
    return any(_is_ours(query) for query in condition.split(","))


def _is_ours(query: str) -> bool:
    for bound, side, number, unit in _FEATURE.findall(query):
        pixels = float(number) * (1 if unit == "px" else 16)
        if pixels > VIEWPORT[side] if bound == "min" else pixels < VIEWPORT[side]:
            return False
    rest = _FEATURE.sub(" ", query).replace("only ", " ").replace(" and ", " ").split()
    return all(word in ("screen", "all", "and") for word in rest)
