"""Whether people see an element's text: what they do not see is where orders to a model are put."""

import re
from dataclasses import dataclass, replace

from .styles import Element, Properties, names

#: Their content is no text of the page, or none that a browser shows.
SKIPPED = names(
    "script style template noscript nav svg math iframe object embed applet canvas audio video map select "
    "datalist textarea noembed noframes frameset dialog"
)
#: Given by style sheets that we do not fetch, by a convention as old as they are.
FOR_SCREEN_READERS = frozenset({"sr-only", "visually-hidden", "visuallyhidden", "screen-reader-text"})
FAR = -500.0  #: Pixels: what lies further to the left or above is on nobody's screen.
TINY = 3.0  #: Pixels: what is written smaller is read by nobody.
FAINT = 0.1

_LENGTH = re.compile(r"(-?(?:\d+\.?\d*|\.\d+))(px|pt|em|rem|ex|ch|vw|vh|%|cm|mm|in|pc)?(?![\w.])")
_PIXELS = {"": 1, "px": 1, "pt": 1.33, "em": 16, "rem": 16, "ex": 8, "ch": 8, "vw": 12.8, "vh": 8, "%": 10,
           "cm": 38, "mm": 3.8, "in": 96, "pc": 16}  # fmt: skip
_SCALE = re.compile(r"scale[xy3d]{0,2}\(\s*([\d.]+)")
_EDGE = r"[01](?:px)?[ ,]+"
_CLIPPED = re.compile(
    rf"inset\(\s*(?:[5-9]\d|100)(?:\.\d+)?%|circle\(\s*0|rect\(\s*{_EDGE}{_EDGE}{_EDGE}[01]"
)
#: A colour with how much of it covers what is behind.
_ALPHA = re.compile(r"(?:rgba?|hsla?)\((?:(?:[^,/)]+,){3}|[^,/)]+/)\s*([\d.]+%?)\s*\)")
_HEX_ALPHA = re.compile(r"#[0-9a-f]{6}0[0-9a-f]|#[0-9a-f]{3}0")
_RGB = re.compile(r"rgba?\(\s*(\d+)[ ,]+(\d+)[ ,]+(\d+)")
_NAMED = {"white": "#ffffff", "black": "#000000"}
_CLIPS = frozenset({"hidden", "clip", "scroll", "auto"})


@dataclass(frozen=True)
class Look:
    """How the text within an element looks; each part is handed on to what is inside."""

    gone: bool = False  #: For good: nothing inside can come back.
    unseen: bool = False  #: By visibility, which an element inside may undo.
    tiny: bool = False  #: By the size of its letters, as well.
    color: str = ""
    background: str = ""

    @property
    def is_hidden(self) -> bool:
        clear = self.color == "transparent" or (self.color and self.color == self.background)
        return self.gone or self.unseen or self.tiny or bool(clear)

    def inside(self, element: Element, properties: Properties) -> "Look":
        """The look of an element within this one, for which the style sheets say this."""
        if self.gone or _is_gone(element) or _takes_no_place(properties):
            return replace(self, gone=True)
        given = {**_old_ways(element), **properties}
        if not given:
            return self
        return Look(
            unseen=_is_unseen(given, self.unseen),
            tiny=_is_tiny(given, self.tiny),
            color=_color(given.get("-webkit-text-fill-color") or given.get("color", ""), self.color),
            background=_color(given.get("background-color") or given.get("background", ""), self.background),
        )


def _is_gone(element: Element) -> bool:
    tag, attributes = element.tag, element.attributes
    return (
        (tag in SKIPPED and not (tag == "dialog" and "open" in attributes))
        or "hidden" in attributes
        or attributes.get("aria-hidden", "").strip().lower() == "true"
        or attributes.get("role", "").strip().lower() == "navigation"
        or bool(element.classes & FOR_SCREEN_READERS)
    )


def _takes_no_place(given: Properties) -> bool:
    """Whether an element is not drawn at all, or where nobody looks."""
    return bool(given) and (
        given.get("display") == "none"
        or given.get("content-visibility") == "hidden"
        or _is_faint(given.get("opacity", ""))
        or any(_number(scale) < FAINT for scale in _SCALE.findall(given.get("transform", "")))
        or (given.get("scale", "").startswith("0") and _number(given["scale"]) < FAINT)
        or _CLIPPED.search(f"{given.get('clip', '')} {given.get('clip-path', '')}") is not None
        or "opacity(0" in given.get("filter", "")
        or _has_no_size(given)
        or _is_far(given)
    )  # fmt: skip


def _is_faint(value: str) -> bool:
    return bool(value) and _number(value) / (100 if value.endswith("%") else 1) < FAINT


def _has_no_size(given: Properties) -> bool:
    width, height = (
        {_pixels(given.get(f"{most}{side}", "")) for most in ("", "max-")} for side in ("width", "height")
    )
    narrow, flat = (any(size is not None and size <= 1 for size in sizes) for sizes in (width, height))
    cut = _CLIPS & set(
        f"{given.get('overflow', '')} {given.get('overflow-x', '')} {given.get('overflow-y', '')}".split()
    )
    return (narrow and flat) or bool(cut and (narrow or flat))


def _is_far(given: Properties) -> bool:
    """Whether it is moved off the screen."""
    names = ["text-indent", "margin", "margin-left", "margin-top", "transform", "translate"]
    if given.get("position") in ("absolute", "fixed", "relative"):
        names += ["left", "top", "right", "bottom", "inset"]
    lengths = (_LENGTH.findall(given[name]) for name in names if name in given)
    return any(float(number) * _PIXELS[unit] <= FAR for found in lengths for number, unit in found)


def _is_unseen(given: Properties, before: bool) -> bool:
    value = given.get("visibility", "")
    return (
        value in ("hidden", "collapse") if value in ("hidden", "collapse", "visible", "initial") else before
    )


def _is_tiny(given: Properties, before: bool) -> bool:
    """Whether its letters are too small; a size that is a share of what is around stays too small."""
    value = given.get("font-size") or given.get("font", "")
    found = _LENGTH.search(value)
    if not found:
        return before and not value.startswith(("small", "medium", "large", "x", "initial"))
    relative = found[2] in ("em", "%", "ex", "ch")
    size = float(found[1]) * (0.16 if found[2] == "%" else _PIXELS[found[2] or ""])
    return size < TINY or (relative and before)


def _old_ways(element: Element) -> dict[str, str]:
    """What attributes of old HTML say, as CSS."""
    names = {"bgcolor": "background-color"} | ({"color": "color"} if element.tag == "font" else {})
    return {new: element.attributes[old].lower() for old, new in names.items() if old in element.attributes}


def _color(value: str, before: str) -> str:
    """A colour in one spelling, or what holds around where none is said."""
    if not value or value in ("inherit", "currentcolor"):
        return before
    alpha = _ALPHA.match(value)
    if value == "transparent" or _HEX_ALPHA.fullmatch(value) or (alpha and _is_faint(alpha[1])):
        return "transparent"
    if rgb := _RGB.match(value):
        return "#" + "".join(f"{min(int(part), 255):02x}" for part in rgb.groups())
    if re.fullmatch(r"#[0-9a-f]{3}", value):
        return "#" + "".join(digit * 2 for digit in value[1:])
    return _NAMED.get(value, value)


def _pixels(value: str) -> float | None:
    """A length on its own, or None."""
    found = _LENGTH.fullmatch(value)
    return float(found[1]) * _PIXELS[found[2] or ""] if found else None


def _number(value: str) -> float:
    found = _LENGTH.match(value)
    return float(found[1]) if found else 1.0
