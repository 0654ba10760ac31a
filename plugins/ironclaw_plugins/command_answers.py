"""What came of a command, in words for the person who typed it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from ironclaw.task import Json

WIDTH = 80  #: A result's JSON up to so many characters stays on one line.
CELL = 60  #: Characters of one cell of a table.
FENCE = "```"
EDITED = frozenset({"edited_by", "arguments"})  #: Beside the result of a call that a person changed.

OUTSIDE = (
    "outside_envelope"  #: The kind of an observation: something was not as the person saw it who approved.
)

#: What to say first, by the kind of an observation; other kinds are failures of a tool that ran.
TROUBLE = {
    "unknown_tool": "Not run",
    "bad_arguments": "Not run, the arguments do not fit",
    "denied": "Denied",
    "correct": "Policy refused this, and nothing was run",
    "cancelled": "Cancelled",
    "superseded": "Not run",
    "in_doubt": "In doubt",
    "invalid_input": "The tool refused its arguments",
    "unavailable": "The tool could not reach what it needs",
    "timeout": "The tool took too long and was stopped",
}


#: What a model is told of a call that a person settled; who typed it needs no telling what not to do.
SETTLED = re.compile(
    r"A person \((?P<who>.+)\) (?P<said>says that it ran\. What it gave is not known\.) Do not repeat it\."
)


def error_of(result: str) -> Mapping[str, str] | None:
    """The error in an observation, or None for the result of a tool that ran and gave one."""
    found = _parsed(result)
    error = found.get("error") if isinstance(found, dict) and found.keys() - EDITED == {"error"} else None
    return error if isinstance(error, dict) else None


def trouble(error: Mapping[str, str], tool: str, requester: str) -> str:
    """Why there is no result."""
    kind, message = error.get("kind", ""), error.get("message", "")
    if error.get("by"):
        return _denied(error["by"], error.get("reason", ""), tool, requester)
    # A message that says itself what came of it needs no word before it.
    is_sentence = kind in ("invalid_input", OUTSIDE) and message[:1].isupper()
    stands_alone = is_sentence or "nothing was" in message.lower()
    return message if stands_alone else f"{TROUBLE.get(kind, 'The tool failed')}: {message}"


def _denied(by: str, reason: str, tool: str, requester: str) -> str:
    """A person's no.  It begins with who said it: a door may show its own name for them."""
    who = f"Taken back by the one who asked: {tool}." if by == requester else f"{by} denied {tool}."
    return f"{who} Nothing was run.{f' Reason: {reason}' if reason else ''}"


def shown(result: str, door: str = "") -> str:
    """A tool's result: text as it is; in Slack, lists as tables; anything else as JSON that fits the eye."""
    found = _parsed(result)
    is_ours = isinstance(found, dict) and found.keys() - EDITED == {"output"}
    value = found["output"] if is_ours else found
    settled = SETTLED.fullmatch(value) if is_ours and isinstance(value, str) else None
    if settled:
        return f"{settled['who']} {settled['said']}"
    text = _readable(value) if door == "slack" else _pretty(value)
    editor = found.get("edited_by", "") if is_ours else ""
    return f"{editor} changed the arguments.\n{text}" if editor else text


def _parsed(result: str) -> Json:
    try:
        return json.loads(result)
    except ValueError:
        return result


def _pretty(value: Json) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and _is_flat(value):
        return _lines({key: _inline(item) for key, item in value.items()})
    line = json.dumps(value, ensure_ascii=False)
    return line if len(line) <= WIDTH else json.dumps(value, ensure_ascii=False, indent=2)


def _readable(value: Json) -> str:
    """For a client that sets text in a proportional font: what has columns goes into a block of code."""
    if isinstance(value, str):
        return _fenced(value) if "\n" in value else value
    if isinstance(value, dict) and all(map(_is_plain, value.values())):
        return _lines({key: _table_or_word(item) for key, item in value.items()})
    if _is_table(value):
        return _fenced(table(value))
    return _fenced(_pretty(value))


def _table_or_word(item: Json) -> str:
    if isinstance(item, list):
        return "\n" + _fenced(table(item)) if item else "none"
    return (
        "\n" + _fenced(item) if isinstance(item, str) and "\n" in item.strip() else _inline(item).strip("\n")
    )


def table(rows: Sequence[Mapping[str, Json]]) -> str:
    """Columns under their names, as wide as they need."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(names))]
    padded = ((cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def _cell(value: Json) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = re.sub(r"\s+", " ", text)
    return text if len(text) <= CELL else f"{text[: CELL - 1]}…"


def _fenced(text: str) -> str:
    """As a block of code, unless the text would end that block by itself."""
    return text if FENCE in text else f"{FENCE}\n{text.strip(chr(10))}\n{FENCE}"


def _lines(pairs: Mapping[str, str]) -> str:
    """One ``key: value`` for each that says something."""
    return "\n".join(f"{key}: {text}" for key, text in pairs.items() if text) or "(empty)"


def _is_flat(value: Mapping[str, Json]) -> bool:
    return bool(value) and not any(isinstance(item, (dict, list)) for item in value.values())


def _is_plain(item: Json) -> bool:
    return not isinstance(item, (dict, list)) or item == [] or _is_table(item)


def _is_table(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) and row for row in value)


def _inline(item: Json) -> str:
    """A value after its key: text of several lines gets lines of its own."""
    if isinstance(item, str):
        return f"\n{item}" if "\n" in item else item
    return json.dumps(item, ensure_ascii=False)
