"""Schemas in the strict subset, and the way back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.fakes.openai_lint import _strict

from ironclaw_plugins.brain_openai.strict import strict, without_nulls

CLOSED = {"type": "object", "additionalProperties": False}
READ: dict[str, Any] = {
    **CLOSED,
    "required": ["path"],
    "properties": {
        "path": {"type": "string", "description": "A file.", "maxLength": 9, "format": "scratch-path"},
        "lines": {"type": "integer", "minimum": 1, "default": 10},
        "how": {"enum": ["text", "bytes"]},
    },
}


def test_strict() -> None:
    """
    All is required, what may be absent may be null, and what the subset lacks is said in words.
    """
    path = {"type": "string", "description": "A file. (format: 'scratch-path', maxLength: 9)"}
    lines = {"type": ["integer", "null"], "minimum": 1, "description": "(default: 10)"}
    made = {"path": path, "lines": lines, "how": {"enum": ["text", "bytes", None]}}

    assert {**CLOSED, "properties": made, "required": ["path", "lines", "how"]} == strict(READ)


@pytest.mark.parametrize(
    "lost",
    [
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object"},
        {"type": "array"},
        {"type": ["string", "null"]},
        {"enum": ["a", None]},
        {"type": "null"},
        {"const": 1, "type": "integer"},
        {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        {"$ref": "#/$defs/x"},
        {"description": "anything"},
        True,
    ],
)
def test_nothing_is_lost(lost: Any) -> None:
    """
    A schema that the subset cannot say stays as it is, not strict.
    """
    assert strict({**CLOSED, "properties": {"it": lost}}) is None


def test_too_much() -> None:
    """
    So does one that is deeper or wider than strict servers take.
    """
    deep: dict[str, Any] = {**CLOSED, "properties": {}}
    for _ in range(5):
        deep = {**CLOSED, "properties": {"it": deep}}
    wide = {**CLOSED, "properties": {f"p{index}": {"type": "string"} for index in range(101)}}

    assert (None, None) == (strict(deep), strict(wide))


SCALARS = st.sampled_from(
    [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}, {"enum": ["a", "b"]}, {"type": "number"}]
)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    made = st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    return made.flatmap(
        lambda props: st.sets(st.sampled_from(sorted(props)) if props else st.nothing()).map(
            lambda needed: {**CLOSED, "properties": props, "required": sorted(needed)}
        )
    )


VALUES = st.recursive(
    SCALARS, lambda inner: objects(inner) | inner.map(lambda it: {"type": "array", "items": it}), max_leaves=6
)


def written(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a model writes by a strict schema."""
    kinds = schema.get("type", ())
    kind = kinds if isinstance(kinds, str) else next((each for each in kinds if each != "null"), "")
    null = st.none() if "null" in kinds and not isinstance(kinds, str) else st.nothing()
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if kind == "object":
        return null | st.fixed_dictionaries(
            {name: written(each) for name, each in schema["properties"].items()}
        )
    if kind == "array":
        return null | st.lists(written(schema["items"]), max_size=2)
    plain: dict[str, st.SearchStrategy[Any]] = {"string": st.text(max_size=3), "integer": st.integers(0, 9)}
    return null | plain.get(kind, st.booleans() if kind == "boolean" else st.floats(0, 1))


@given(objects(VALUES), st.data())
def test_there_and_back(schema: dict[str, Any], data: st.DataObject) -> None:
    """
    Whatever a model writes by the strict schema is, without the nulls, what the tool's own schema takes.
    """
    made = strict(schema)
    if made is None:
        return
    value = data.draw(written(made))

    assert [] == list(_strict(made))
    assert Draft202012Validator(made).is_valid(value)
    assert Draft202012Validator(schema).is_valid(without_nulls(schema, value))
