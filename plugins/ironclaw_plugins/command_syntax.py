"""``tool.name key=value key="quoted value"``: from typed text to a tool's name and arguments.

A value may be bare, in quotes of any kind (typographic ones too: phones make them), or JSON that begins
with ``[`` or ``{``.  In double quotes ``\\"``, ``\\\\``, ``\\n`` and ``\\t`` mean what they do in JSON;
any other backslash stays, so that a regular expression can be typed as it is.  In single quotes, and in
a block between triple backticks, everything is literal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ironclaw.task import Json

#: Opening quote to the quotes that may close it, the likeliest first.
QUOTES = {
    '"': '"\u201d',
    "\u201c": '\u201d"',
    "\u201e": '\u201c\u201d"',
    "\u00ab": "\u00bb",
    "'": "'\u2019",
    "\u2018": "\u2019'",
}
LITERAL = "'\u2018"  #: In these quotes a backslash is a backslash.
BLOCK = "```"
ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}

_KEY = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_-]*)=")
_BARE = re.compile(r"\S+")
_STRAIGHT = str.maketrans({"\u201c": '"', "\u201d": '"', "\u201e": '"'})


class SyntaxProblem(Exception):
    """The text is no command; the message says where and what to type."""


@dataclass(frozen=True, slots=True)
class Word:
    """One value as it was typed."""

    text: str
    is_quoted: bool = False
    json: Json = None  #: The parsed value when it was typed as an array or object.


def words(text: str) -> Iterator[tuple[str, Word]]:
    """Each ``key=value`` of the text, in order.

    :raises SyntaxProblem: a word without ``=``, a quote that is never closed, broken JSON
    """
    at = 0
    while text[at:].strip():
        match = _KEY.match(text, at)
        if not match:
            bare = _BARE.search(text, at)
            raise SyntaxProblem(
                f"I do not understand {bare[0] if bare else ''!r}: each argument is name=value."
            )
        word, at = _value(text, match.end(), match[1])
        yield match[1], word


def _value(text: str, at: int, key: str) -> tuple[Word, int]:
    """The value that begins here, and where it ends."""
    first = text[at : at + 1]
    if text.startswith(BLOCK, at):
        return _block(text, at + len(BLOCK), key)
    if first in QUOTES:
        return _quoted(text, at, key)
    if first and first in "[{":
        return _json(text, at, key)
    match = _BARE.match(text, at)
    return (Word(match[0]), match.end()) if match else (Word(""), at)


def _block(text: str, at: int, key: str) -> tuple[Word, int]:
    """Lines between triple backticks, as one pastes a program, without the line break at their start."""
    end = text.find(BLOCK, at)
    if end < 0:
        raise SyntaxProblem(f"The block of {key} is never closed: end it with {BLOCK}.")
    return Word(text[at:end].removeprefix("\n"), is_quoted=True), end + len(BLOCK)


def _quoted(text: str, at: int, key: str) -> tuple[Word, int]:
    for closing in QUOTES[text[at]]:
        found = _up_to(text, at + 1, closing, is_literal=text[at] in LITERAL)
        if found:
            return found
    raise SyntaxProblem(f"The quotes around the value of {key} do not close before a space or the end.")


def _up_to(text: str, at: int, closing: str, is_literal: bool) -> tuple[Word, int] | None:
    """The value up to the closing quote, which must end the word; None where it does not."""
    found: list[str] = []
    while at < len(text) and text[at] != closing:
        following = text[at + 1 : at + 2]
        escaped = ESCAPES.get(following) if text[at] == "\\" and not is_literal else None
        found.append(escaped or text[at])
        at += 2 if escaped else 1
    is_end = at < len(text) and not text[at + 1 : at + 2].strip()
    return (Word("".join(found), is_quoted=True), at + 1) if is_end else None


def _json(text: str, at: int, key: str) -> tuple[Word, int]:
    decoder = json.JSONDecoder()
    for reading in (text, text.translate(_STRAIGHT)):
        try:
            value, end = decoder.raw_decode(reading, at)
        except (ValueError, RecursionError):
            continue
        if not text[end : end + 1].strip():
            return Word(text[at:end], json=value), end
    raise SyntaxProblem(f"The value of {key} begins like JSON and is none; put it in quotes if it is text.")


def argument(word: Word, schema: Mapping[str, Json]) -> Json:
    """The value as the schema wants it: text where text is allowed, else what the JSON literal means.

    One value where a list is wanted is a list of one.
    """
    value = _one(word, schema)
    if types(schema) != {"array"} or isinstance(value, list):
        return value
    items: Mapping[str, Json] = schema.get("items", {})
    item = _one(word, items)
    return [item] if not types(items) or kinds(item) & types(items) else value


def _one(word: Word, schema: Mapping[str, Json]) -> Json:
    wanted = types(schema)
    if word.json is not None:
        return word.text if wanted == {"string"} else word.json
    if "string" in wanted and (word.is_quoted or not _is_null(word, wanted)):
        return word.text
    if word.is_quoted and not wanted:
        return word.text
    try:
        value = json.loads(word.text)
    except (ValueError, RecursionError):
        return word.text
    return value if not wanted or kinds(value) & wanted else word.text


def _is_null(word: Word, wanted: set[str]) -> bool:
    return word.text == "null" and "null" in wanted


def types(schema: Mapping[str, Json]) -> set[str]:
    """The JSON types that a property's schema allows; empty when it does not say."""
    named = schema.get("type", ())
    found = {named} if isinstance(named, str) else set(named)
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        found |= types(part)
    for value in (*schema.get("enum", ()), *((schema["const"],) if "const" in schema else ())):
        found |= kinds(value)
    return found


def kinds(value: Json) -> set[str]:
    """The JSON types that a value has."""
    if value is None:
        return {"null"}
    if isinstance(value, bool):
        return {"boolean"}
    if isinstance(value, (int, float)):
        return {"integer", "number"} if float(value).is_integer() else {"number"}
    return {"string"} if isinstance(value, str) else {"array" if isinstance(value, list) else "object"}
