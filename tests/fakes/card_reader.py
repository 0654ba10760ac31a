"""Reads a card's arguments back: what a careful person could write down from looking at it."""

from __future__ import annotations

import itertools
import re
from typing import Any

KEY = r'[A-Za-z_][A-Za-z0-9_-]*|"(?:[^"\\]|\\.)*"'
STEP = re.compile(rf"\.?({KEY})|\[(\d+)\]")
ESCAPE = re.compile(r"\\u\{([0-9A-F]{4,6})\}|\\(.)")
SHORT = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
MARK, DEFAULT = "▸ ", " ◂ default"  #: Where a line begins, and what nobody chose; no argument can hold them.
WORDS = {"true": True, "false": False, "null": None, "{}": {}, "[]": []}


def boxes(drawing: dict[str, Any]) -> list[str]:
    """The text of each preformatted box with arguments: the first ones, with nothing between them."""
    blocks = itertools.dropwhile(lambda block: block["type"] != "rich_text", drawing["blocks"])
    with_arguments = itertools.takewhile(lambda block: block["type"] == "rich_text", blocks)
    return [part["elements"][0]["text"] for block in with_arguments for part in block["elements"]]


def arguments(drawing: dict[str, Any]) -> Any:
    """The arguments that a card shows, when it cuts none, or that the details show."""
    root: dict[str, Any] = {"": None}
    for line in "\n".join(boxes(drawing)).replace("\n… ", "").split("\n"):
        steps, value = _line(line)
        _put(root, ["", *steps], value)
    return _lists(root[""])


def _line(marked: str) -> tuple[list[str | int], Any]:
    if not marked.startswith(MARK):
        raise ValueError(f"no mark before {marked!r}")
    line = marked.removeprefix(MARK).removesuffix(DEFAULT)
    steps: list[str | int] = []
    at = 0
    if line not in WORDS:
        while not line.startswith(": ", at):
            found = STEP.match(line, at)
            if found is None:
                raise ValueError(f"no step at {at} of {line!r}")
            at = found.end()
            steps.append(int(found[2]) if found[1] is None else _key(found[1]))
        at += 2
    return steps, _value(line[at:])


def _key(text: str) -> str:
    return unquote(text) if text.startswith('"') else text


def _value(text: str) -> Any:
    if text in WORDS:
        return WORDS[text]
    if text.startswith('"'):
        return unquote(text)
    is_whole = re.fullmatch(r"-?\d{1,16}", text) and abs(int(text)) < 2**53
    return int(text) if is_whole else float(text)


def unquote(text: str) -> str:
    """The string between quotes."""
    if not re.fullmatch(r'"(?:[^"\\]|\\.)*"', text):
        raise ValueError(f"not one quoted string: {text!r}")
    return ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else SHORT[found[2]], text[1:-1])


def _put(node: dict[Any, Any], steps: list[str | int], value: Any) -> None:
    for step in steps[:-1]:
        node[step] = node.get(step) or {}
        node = node[step]
    node[steps[-1]] = value


def _lists(node: Any) -> Any:
    """Objects whose keys are positions become lists."""
    if not isinstance(node, dict) or not node:
        return node
    if all(isinstance(key, int) for key in node):
        return [_lists(node[index]) for index in range(len(node))]
    return {key: _lists(value) for key, value in node.items()}
