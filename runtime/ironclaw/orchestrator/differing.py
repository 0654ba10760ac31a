"""What changes between two texts, as lines that nothing in them can imitate.  Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ironclaw.showing import GAP, LINE, spelled

MOST_BYTES = 256 * 1024  #: Of one side: a longer one is not read.
MOST_COMPARED = (
    1_000  #: Lines of one side, those left out that both begin or end with: comparing is quadratic.
)
MOST_LINES = 400  #: Of one difference.
MOST_CHARS = 16_000  #: Of one difference.
CONTEXT = 3  #: Lines shown around a change.
NO_NEWLINE = " ◂ no newline at the end"  #: Ours alone.
ODD = "Some characters are not plain ASCII, or could mislead: they stand here as \\u{...}."


@dataclass(frozen=True, slots=True)
class Lines:
    """What people see."""

    lines: tuple[str, ...] = ()
    note: str = ""  #: Why there are none, or what a reader must be told of them.


def difference(old: bytes, new: bytes) -> Lines:
    """The changed lines with what is around them; none where they are too many, or not text."""
    if len(old) > MOST_BYTES or len(new) > MOST_BYTES:
        return Lines(note="Too long to be compared.")
    before, after = _text_lines(old), _text_lines(new)
    if before is None or after is None:
        return Lines(note="Not text.")
    start, ends = _unchanged(before, after)
    middles = before[start : len(before) - ends], after[start : len(after) - ends]
    if max(map(len, middles)) > MOST_COMPARED + 2 * CONTEXT:
        return Lines(note="Too many lines changed to be shown.")
    return _shown(tuple(_changes(*middles, start)))


def plain(content: bytes, mark: str) -> Lines:
    """All of a text.

    :param mark: begins each line, so that none can be taken for anything else
    """
    lines = _text_lines(content) if len(content) <= MOST_BYTES else []
    if lines is None:
        return Lines(note="Not text.")
    return (
        _shown(tuple(f"{LINE}{mark} {line}" for line in lines))
        if lines or not content
        else Lines(note="Too long.")
    )


def _shown(lines: tuple[str, ...]) -> Lines:
    if len(lines) > MOST_LINES or sum(map(len, lines)) > MOST_CHARS:
        return Lines(note="Too long to be shown.")
    return Lines(lines, ODD if any("\\u{" in line for line in lines) else "")


def _text_lines(content: bytes) -> list[str] | None:
    """Spelled lines; None where it is no text.  Only a line feed ends one."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    if "\0" in text:
        return None
    lines = [spelled(line) for line in text.split("\n")]
    if lines[-1]:
        return [*lines[:-1], lines[-1] + NO_NEWLINE]
    return lines[:-1]


def _unchanged(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """How many lines both begin and end with, but for those that are shown around a change."""
    most = min(len(before), len(after))
    start = next((i for i in range(most) if before[i] != after[i]), most)
    rest = most - start
    ends = next((i for i in range(rest) if before[-1 - i] != after[-1 - i]), rest)
    return max(0, start - CONTEXT), max(0, ends - CONTEXT)


def _changes(before: Sequence[str], after: Sequence[str], offset: int) -> Iterator[str]:
    """A unified difference.

    :param offset: how many lines stand before both
    """
    for group in difflib.SequenceMatcher(None, before, after).get_grouped_opcodes(CONTEXT):
        first, last = group[0], group[-1]
        yield (
            f"{LINE}{GAP} lines {_span(first[1], last[2], offset)} become {_span(first[3], last[4], offset)}"
        )
        for tag, low, high, low_after, high_after in group:
            if tag == "equal":
                yield from (f"{LINE}  {line}" for line in before[low:high])
                continue
            yield from (f"{LINE}- {line}" for line in before[low:high])
            yield from (f"{LINE}+ {line}" for line in after[low_after:high_after])


def _span(low: int, high: int, offset: int) -> str:
    """Such as 3-7, counted from 1."""
    if low == high:
        return "none"
    first, last = low + offset + 1, high + offset
    return str(first) if first == last else f"{first}-{last}"
