"""Text that a server made, as people and the brain may see it."""

from __future__ import annotations

import unicodedata

#: Beside control characters: marks that turn the direction of a line, and what nobody sees.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def plain(text: str, most: int = 1000) -> str:
    """One line of printable text: without what steers, hides or turns around.

    :param most: characters; a longer text ends with an ellipsis
    """
    seen = "".join(_shown(char) for char in text[: 4 * most])
    line = " ".join(seen.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _shown(char: str) -> str:
    if char.isspace():
        return " "
    return "" if unicodedata.category(char) in _INVISIBLE else char
