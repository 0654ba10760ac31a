"""Arguments that stand for something else: a file can be bound to an approval, an address cannot."""

from __future__ import annotations

from typing import Any

import pytest

from ironclaw.registry.schemas import schema_fault

FILE = {"type": "string", "description": "A file.", "format": "scratch-path"}
PAGE = {"type": "string", "description": "What to run.", "format": "content-url"}


def arguments(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def test_a_file_at_the_top() -> None:
    """
    A string of the arguments may name a file.
    """
    assert None is schema_fault(arguments(path=FILE, text={"type": "string", "description": "Text."}))


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"path": {**FILE, "type": "array"}}, "strings at the top only"),
        ({"paths": {"type": "array", "description": "Files.", "items": FILE}}, "strings at the top only"),
        ({"url": PAGE}, "cannot be bound"),
        ({"urls": {"type": "array", "description": "Pages.", "items": PAGE}}, "cannot be bound"),
    ],
)
def test_what_could_not_be_bound(properties: dict[str, Any], words: str) -> None:
    """
    A file where nobody would look for it, and what an address gives, are refused before there is a tool.
    """
    assert words in (schema_fault(arguments(**properties)) or "")


def test_read_again() -> None:
    """
    A schema that was refused is refused each time, and one that was good stays good.
    """
    wrong, right = (
        arguments(text={"type": "txet"}),
        arguments(text={"type": "string", "description": "Text."}),
    )
    said = [schema_fault(each) for each in (wrong, right, wrong, right)]

    assert [True, False, True, False] == ["is no JSON Schema" in (each or "") for each in said]
    assert said[:2] == said[2:]
