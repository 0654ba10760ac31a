"""Finds known secret values in a text, also encoded, split or changed in case.

A value is searched in a *folded* copy of the text: without white space and invisible characters, lower
case, percent and backslash escapes undone.  That is a few microseconds per value and form.  Only when it is
there is it located in the text itself, with a slower pattern; found in the copy but nowhere in the
text, the whole text is withheld.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

#: Shorter values are words: hiding them would shred every text, and they protect nothing.
MIN_LENGTH = 8
#: A core of base64 shorter than this says too little of the value.
MIN_CORE = 8

_INVISIBLE = "\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
#: What may stand between two characters of a value that somebody split; bounded, so that a search is linear.
_GAP = rf"(?:[\s{_INVISIBLE}]|\\{{1,8}}[nrt]){{0,8}}"
_UNSEEN = re.compile(rf"\\{{1,8}}[nrt]|[\s{_INVISIBLE}]+")
_ESCAPE = re.compile(r"%(?:25){0,4}([0-9a-f]{2})|\\{1,8}u00([0-9a-f]{2})|\\{1,8}x([0-9a-f]{2})")


def fold(text: str) -> str:
    """The text as the search sees it; a backslash before n, r or t counts as split-off white space."""
    if text.isascii() and "\\" not in text:
        return _unescaped("".join(text.split()))
    return _unescaped(_UNSEEN.sub("", text))


def _is_in(needles: Iterable[str], folds: Iterable[str]) -> bool:
    return any(needle in folded for needle in needles for folded in folds)


def _folds(text: str) -> Iterable[str]:
    """Every reading: a backslash may begin an escape, or just stand before a value that looks like one."""
    if "\\" not in text:
        return (fold(text),)
    squeezed = "".join(text.split())
    return dict.fromkeys((fold(text), _unescaped(squeezed), squeezed.lower().replace("\\", "")))


def _unescaped(text: str) -> str:
    seen = text.lower()
    return _ESCAPE.sub(_unescape, seen).replace("\\", "").lower() if "%" in seen or "\\" in seen else seen


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1] or match[2] or match[3], 16))


def forms(value: str) -> Iterator[str]:
    """The value and what it becomes in other encodings, longest first among those that overlap."""
    raw = value.encode()
    yield value
    yield html.escape(value)
    yield value[::-1]
    yield raw.hex()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(raw).decode()
        yield from (encoded, encoded.rstrip("="))
        yield from (core for offset in range(3) if len(core := _core(encode, raw, offset)) >= MIN_CORE)


def _core(encode: Callable[[bytes], bytes], raw: bytes, offset: int) -> str:
    """What depends on ``raw`` alone in the base64 of a text that holds it at ``offset`` modulo 3."""
    encoded = encode(b"\0" * offset + raw).decode()
    first = (0, 2, 3)[offset]
    return encoded[first : (offset + len(raw)) * 8 // 6]


class Values:
    """Known secret values, and their removal from a text."""

    __slots__ = ("_forms",)

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """:param secrets: values by the name that may be shown in their place"""
        self._forms: tuple[tuple[tuple[str, ...], str, str], ...] = tuple(
            (tuple(_folds(form)), form, name)
            for name, value in secrets.items()
            if len(value) >= MIN_LENGTH
            for form in dict.fromkeys(forms(value))
        )

    def __bool__(self) -> bool:
        return bool(self._forms)

    def __add__(self, others: Values) -> Values:
        """These values and those."""
        both = Values({})
        both._forms = tuple(dict.fromkeys(self._forms + others._forms))
        return both

    def redact(self, text: str) -> str:
        """The text with ``[redacted: name]`` in place of each value."""
        folds = _folds(text)
        for needles, form, name in self._forms:
            if _is_in(needles, folds):
                text = _anywhere(form).sub(f"[redacted: {name}]", text)
                folds = _folds(text)
                if _is_in(needles, folds):
                    return f"[redacted: a text that hides {name}]"
        return text


def _anywhere(form: str) -> re.Pattern[str]:
    """Matches the form with each character plain or escaped, in either case, with gaps between them."""
    return re.compile(_GAP.join(_any_form(char) for char in form), re.IGNORECASE)


def _any_form(char: str) -> str:
    escapes = "|".join(rf"%(?:25){{0,4}}{byte:02x}" for byte in char.encode()) if ord(char) < 128 else ""
    code = f"{ord(char):02x}"
    plain = rf"\\{{0,8}}{re.escape(char)}"
    return rf"(?:{plain}|{escapes}|\\{{1,8}}u00{code}|\\{{1,8}}x{code})" if escapes else f"(?:{plain})"
