"""Puts words, blocks, lists and tables together as plain text."""

import re
from dataclasses import dataclass, field

MAX_PREFIX = 16  #: Characters: however deep lists and quotes go.
#: Stand around a link's number until the text is whole; the page's own are taken out before.
OPEN, CLOSE = "\ue000", "\ue001"
_SPACE = " \t\n\r\f"


@dataclass
class Flow:
    """Text that grows: of a page, or of one cell."""

    parts: list[str] = field(default_factory=list)
    prefix: str = ""  #: Of every line: what lists and quotes move it in by.
    marker: str = ""  #: Of the next line, instead of the prefix: such as "- ".
    breaks: int = 0  #: Line ends that are due before what comes next.
    space: bool = False  #: Whether a space is.

    def say(self, text: str) -> None:
        """Words of a line; spaces and line ends in them are one space."""
        words = text.split()
        if words:
            self.space = self.space or text[0] in _SPACE
            self.glue(" ".join(words))
            self.space = text[-1] in _SPACE
        elif text:
            self.space = True

    def glue(self, text: str) -> None:
        """Text as it is, after the space or the line ends that are due."""
        if self.breaks or not self.parts:
            if self.parts:
                self.parts.append("\n" * self.breaks)
            self.parts.append(self.marker or self.prefix)
            self.marker = ""
        elif self.space:
            self.parts.append(" ")
        self.breaks, self.space = 0, False
        self.parts.append(text)

    def stick(self, text: str) -> None:
        """Text at the end of what was said last, before any space that is due."""
        due, self.space, breaks, self.breaks = self.space, False, self.breaks, 0
        self.glue(text)
        self.space, self.breaks = due, breaks

    def move_in(self, by: str) -> str:
        """Lines begin further to the right from here.

        :return: the prefix until now, to be put back
        """
        before = self.prefix
        if len(before) < MAX_PREFIX:
            self.prefix += by
        return before

    def end(self, lines: int) -> None:
        """What comes next begins a line (1) or a paragraph (2), though not right after an item's marker."""
        self.breaks = max(self.breaks, 1 if self.marker else lines)
        self.space = False

    def block(self, text: str) -> None:
        """Lines of their own, as they are."""
        self.end(2)
        for line in text.split("\n"):
            self.glue(line)
            self.end(1)
        self.end(2)

    def text(self) -> str:
        return "".join(self.parts).strip("\n")


@dataclass
class Table:
    """Rows of cells, each a text."""

    around: Flow
    rows: list[list[str]] = field(default_factory=list)
    heads: int = 0  #: Cells of the first row that are headings.

    def add(self, cell: str, *, is_head: bool) -> None:
        if not self.rows:
            self.rows.append([])
        self.heads += is_head and len(self.rows) == 1
        self.rows[-1].append(cell)

    def text(self) -> str:
        """Lines with bars; where a cell has lines itself, the table is for layout: paragraphs."""
        rows = [row for row in self.rows if any(row)]
        if any("\n" in cell for row in rows for cell in row):
            return "\n\n".join(cell for row in rows for cell in row if cell)
        lines = [" | ".join(row) for row in rows]
        if rows and self.heads == len(rows[0]) > 1:
            lines.insert(1, " | ".join(["---"] * self.heads))
        return "\n".join(lines)


def numbered(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text with its links' marks written as ``[n]``.

    :return: also where each mark begins, and its number
    """
    parts, marks, length = [], [], 0
    for part in re.split(f"{OPEN}([0-9]+){CLOSE}", text):
        is_number = len(parts) % 2 == 1
        shown = f" [{part}]" if is_number else part
        if is_number:
            marks.append((length, int(part)))
        parts.append(shown)
        length += len(shown)
    return "".join(parts), marks
