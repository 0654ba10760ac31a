"""Where in a file a rule begins: Cedar names no line, and of a file that it cannot read no rule either."""

from __future__ import annotations

import re
from collections.abc import Iterator

import cedarpy

#: What may hide a semicolon, the semicolon that ends a policy, and anything else that is not blank.
_TOKEN = re.compile(r'(?P<comment>//[^\n]*)|"(?:\\.|[^"\\])*"|(?P<end>;)|\S', re.DOTALL)
_ID = re.compile(r'@id\s*\(\s*"([^"\n]{1,64})"')
_OPTIONAL = re.compile(r"access to optional attribute `(\w+)` in context")
_TAG = re.compile(r"access to tag `(\"[^`]*\")` on entity type `(Texts|Lists|Numbers)`")
_FIELDS = {"Texts": "arguments", "Lists": "lists", "Numbers": "numbers"}


def policies(text: str) -> tuple[tuple[int, str], ...]:
    """The line in which each policy begins, from 1, and its text."""
    return tuple((text.count("\n", 0, begin) + 1, text[begin:end]) for begin, end in _spans(text))


def beginnings(text: str, count: int) -> tuple[str, ...]:
    """``line 7: `` for each of so many policies; nothing where we do not see as many as Cedar does."""
    lines = tuple(f"line {line}: " for line, _ in policies(text))
    return lines if len(lines) == count else ("",) * count


def _spans(text: str) -> Iterator[tuple[int, int]]:
    begin: int | None = None
    for token in _TOKEN.finditer(text):
        if begin is None and not token["comment"]:
            begin = token.start()
        if token["end"] and begin is not None:
            yield begin, token.end()
            begin = None
    if begin is not None:
        yield begin, len(text)


def unreadable(text: str, stem: str) -> str:
    """The line and the name of the first policy that is none; "" where each by itself is one.

    :param stem: of what rules without an @id are called
    """
    for number, (line, policy) in enumerate(policies(text), 1):
        try:
            cedarpy.policies_to_json_str(policy)
        except ValueError:
            named = _ID.search(policy)
            return f"line {line}: {named[1] if named else f'{stem}#{number}'}: "
    return ""


def hint(error: str) -> str:
    """What to write where Cedar says that something may not be there; "" for any other complaint."""
    if optional := _OPTIONAL.search(error):
        return f"; it is not there in every call: write `context has {optional[1]} && ...`"
    if tag := _TAG.search(error):
        field = _FIELDS[tag[2]]
        return f"; it is not there in every call: write `context.{field}.hasTag({tag[1]}) && ...`"
    return ""
