"""Searching text in the tenant's folder."""

import re
from collections.abc import Iterator
from typing import Any

from ironclaw_guest import InvalidInput, tool

from families.paths import resolve, walk

MAX_LINE = 300  #: Characters shown of a line.


@tool("text.grep")
def grep(
    pattern: str, path: str = "", ignore_case: bool = False, literal: bool = False, limit: int = 100
) -> dict[str, Any]:
    wanted = _compile(pattern, ignore_case, literal)
    matches: list[dict[str, Any]] = []
    for match in _matches(wanted, path):
        if len(matches) == limit:
            return {"matches": matches, "more": True}
        matches.append(match)
    return {"matches": matches, "more": False}


def _compile(pattern: str, ignore_case: bool, literal: bool) -> re.Pattern[str]:
    try:
        return re.compile(re.escape(pattern) if literal else pattern, re.IGNORECASE if ignore_case else 0)
    except (re.error, RecursionError, OverflowError) as error:
        hint = "literal=true takes it as plain text"
        raise InvalidInput(f"pattern is no regular expression ({error}); {hint}") from None


def _matches(wanted: re.Pattern[str], path: str) -> Iterator[dict[str, Any]]:
    for each in walk(path):
        with open(resolve(each), encoding="utf-8", errors="replace", newline="\n") as file:
            for number, line in enumerate(file, 1):
                if "\0" in line:
                    break  # No text: the rest of the file would be noise.
                if wanted.search(line := line.rstrip("\r\n")):
                    yield {"path": each, "line": number, "text": line[:MAX_LINE]}
