"""The small checks that the rules are made of.

A check looks at one value and appends a sentence per problem; checks are combined into bigger ones, so
that `elements`, `blocks` and `manifest` read like tables of what Slack documents.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Problems = list[str]
Check = Callable[[Any, str, Problems], None]
Table = Mapping[str, Check]

#: What a button value or metadata may hold: an id that means nothing to a reader.
OPAQUE = re.compile(r"[A-Za-z0-9._:|=+/~-]+\Z")
SECRETS = re.compile(
    r"xox[abeoprs]-|xapp-\d|sk-[A-Za-z0-9_-]{16}|AKIA[0-9A-Z]{16}|gh[opsu]_[A-Za-z0-9]{20}|AIza[0-9A-Za-z_-]{30}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ|-----BEGIN"
)


class RuleError(ValueError):
    """A payload breaks Slack's rules or ours.

    :ivar problems: one sentence each, starting with the path of the wrong field
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def refuse(problems: Problems) -> None:
    """Raises `RuleError` when there is any problem."""
    if problems:
        raise RuleError(problems)


def units(text: str) -> int:
    """Length in UTF-16 code units: what JavaScript counts, never less than Python's characters."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def anything(value: Any, path: str, problems: Problems) -> None:
    """No opinion."""


def boolean(value: Any, path: str, problems: Problems) -> None:
    if not isinstance(value, bool):
        problems.append(f"{path}: must be true or false")


def integer(low: int, high: int) -> Check:
    def check(value: Any, path: str, problems: Problems) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            problems.append(f"{path}: must be a whole number from {low} to {high}")

    return check


def string(limit: int, least: int = 1, pattern: str = "") -> Check:
    """Text of `least` to `limit` characters that matches the whole pattern, if there is one."""

    def check(value: Any, path: str, problems: Problems) -> None:
        if not isinstance(value, str):
            problems.append(f"{path}: must be text")
        elif units(value) < least:
            problems.append(
                f"{path}: must not be " + ("empty" if least == 1 else f"under {least} characters")
            )
        elif units(value) > limit:
            problems.append(f"{path}: longer than {limit} characters ({units(value)})")
        elif pattern and not re.fullmatch(pattern, value):
            problems.append(f"{path}: not of the form {pattern}")

    return check


def one_of(*values: str) -> Check:
    def check(value: Any, path: str, problems: Problems) -> None:
        if value not in values:
            problems.append(f"{path}: must be one of {', '.join(values)}")

    return check


def opaque(limit: int) -> Check:
    """An id of ours: no words, no JSON, no secret."""
    length = string(limit)

    def check(value: Any, path: str, problems: Problems) -> None:
        before = len(problems)
        length(value, path, problems)
        if len(problems) > before:
            return
        if SECRETS.search(value):
            problems.append(f"{path}: looks like a secret")
        elif not OPAQUE.match(value):
            problems.append(
                f"{path}: only an opaque id may stand here (letters, digits and . _ : | = + / ~ -)"
            )

    return check


def list_of(item: Check, most: int, least: int = 1) -> Check:
    def check(value: Any, path: str, problems: Problems) -> None:
        if not isinstance(value, list):
            problems.append(f"{path}: must be a list")
            return
        if not least <= len(value) <= most:
            problems.append(f"{path}: must have {least} to {most} items ({len(value)})")
        for index, one in enumerate(value):
            item(one, f"{path}[{index}]", problems)

    return check


def record(required: Table, optional: Table | None = None) -> Check:
    """An object with these keys and no others."""
    known = {**required, **(optional or {})}

    def check(value: Any, path: str, problems: Problems) -> None:
        if not isinstance(value, dict):
            problems.append(f"{path}: must be an object")
            return
        problems.extend(f"{join(path, key)}: missing" for key in required if key not in value)
        for key, inner in value.items():
            if key in known:
                known[key](inner, join(path, key), problems)
            else:
                problems.append(f"{join(path, key)}: unknown key")

    return check


def join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def typed(kinds: Table, noun: str) -> Check:
    """An object whose `type` picks its check; any other type is refused."""

    def check(value: Any, path: str, problems: Problems) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if isinstance(kind, str) and kind in kinds:
            kinds[kind](value, path, problems)
        else:
            problems.append(f"{path}: unknown {noun} type {kind!r}")

    return check


def both(*checks: Check) -> Check:
    def check(value: Any, path: str, problems: Problems) -> None:
        for one in checks:
            one(value, path, problems)

    return check


def any_key_of(*keys: str) -> Check:
    """At least one of the keys is there."""

    def check(value: Any, path: str, problems: Problems) -> None:
        if isinstance(value, dict) and not any(value.get(key) for key in keys):
            problems.append(f"{path}: needs {' or '.join(keys)}")

    return check
