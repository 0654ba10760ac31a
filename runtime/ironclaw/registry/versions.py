"""Which of two versions is the later one: Semantic Versioning's precedence, for any text."""

from __future__ import annotations

Part = tuple[bool, int, str]


def is_older(version: str, than: str) -> bool:
    """Whether a version comes before another; what follows a ``+`` does not count."""
    return _key(version) < _key(than)


def _key(version: str) -> tuple[tuple[Part, ...], bool, tuple[Part, ...]]:
    """1.2.0 is 1.2; a version without a ``-`` comes after those that have one."""
    release, dash, early = version.partition("+")[0].partition("-")
    parts = [_part(part) for part in release.split(".")]
    while len(parts) > 1 and parts[-1] == _part("0"):
        parts.pop()
    return tuple(parts), not dash, tuple(_part(part) for part in early.split("."))


def _part(text: str) -> Part:
    """Numbers by value, and before words."""
    is_number = text.isascii() and text.isdigit()
    return not is_number, int(text) if is_number else 0, text if not is_number else ""
