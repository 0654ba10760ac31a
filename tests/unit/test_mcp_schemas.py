"""Schemas that a stranger's server may send: refused in a sentence, or made into one that harms nobody."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ironclaw.errors import BadRequest
from ironclaw.mcp.keywords import BY_NAME, LEAVES, LISTS, ONE, REFUSED
from ironclaw.mcp.schemas import usable
from ironclaw.registry.arguments import faults
from ironclaw.registry.schemas import validator

SAFE = 2**53 - 1
LARGE = {f"a{i}": {"$ref": "#/$defs/x"} for i in range(300)}
SLOW = {"default": [0] * 900, "items": {"allOf": [{"type": "integer"}] * 300}}


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"properties": {"a": {"format": ["date"]}}}, "no JSON Schema: a wrong value stands at format"),
        ({"properties": {"a": {"type": [["string"]]}}}, "no JSON Schema: a wrong value stands at type"),
        ({"properties": {"a": {"multipleOf": 0}}}, "no JSON Schema: a wrong value stands at multipleOf"),
        ({"properties": {"a": {"enum": [{}]}}}, "no JSON Schema: a wrong value stands at enum"),
        ({"properties": [], "items": 1}, "no JSON Schema: a wrong value stands at properties"),
        ({"properties": {"a": {"items": 1}}}, "another value stands where a schema must"),
        ({"properties": LARGE, "$defs": {"x": {"description": "x" * 20_000}}}, "too large, references"),
        ({"properties": {"a": SLOW}}, "take too long to be checked"),
    ],
)
def test_odd_schemas(schema: dict[str, Any], why: str) -> None:
    """
    What is no schema, would be read for long or would have us fill in much is refused.
    """
    with pytest.raises(BadRequest, match=why):
        usable({"type": "object", "properties": {}, **schema})


WORDS = sorted(LEAVES.keys() | BY_NAME | LISTS | ONE | {"$ref", "$defs", "x-more"})
NUMBERS = st.floats(-SAFE, SAFE) | st.integers(-SAFE, SAFE)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*"ab", *WORDS]), inner, max_size=3)
    ),
    max_leaves=8,
)


def schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas of every word that may be used, with the right kind of value at each, or with any."""
    lists, by_name = st.lists(inner, min_size=1, max_size=3), st.dictionaries(st.sampled_from("ab"), inner)
    rights: dict[str, st.SearchStrategy[Any]] = {
        **dict.fromkeys(LEAVES, st.integers(0, 3) | NUMBERS),
        **dict.fromkeys(ONE, inner),
        **dict.fromkeys(LISTS, lists),
        **dict.fromkeys(BY_NAME, by_name),
        "$ref": st.sampled_from(["#/$defs/a", "#/$defs/b", "#/properties/a"]),
        "default": VALUES,
        "dependentRequired": st.just({"a": ["b"]}),
        "description": st.text(),
        "enum": st.lists(SCALARS),
        "format": st.just("date"),
        "multipleOf": st.floats(5e-324, 3) | st.integers(1, 3),
        "required": st.sampled_from([[], ["a"], ["a", "b"]]),
        "type": st.sampled_from(["object", "array", "string", "integer", ["number", "null"]]),
        "uniqueItems": st.booleans(),
    }
    return st.fixed_dictionaries({}, optional=rights) | st.dictionaries(
        st.sampled_from(WORDS), VALUES, max_size=3
    )


SCHEMAS: st.SearchStrategy[Any] = st.recursive(st.booleans() | st.just({}), schemas, max_leaves=6)


@given(SCHEMAS, SCHEMAS, SCHEMAS, VALUES)
def test_schemas_of_strangers(whole: Any, a: Any, b: Any, args: Any) -> None:
    """
    Whatever stands in a schema, it is refused, or becomes one that arguments are held against.
    """
    with contextlib.suppress(BadRequest):
        theirs = {"properties": {"a": a}, **(whole if isinstance(whole, dict) else {})}
        schema = usable({"$defs": {"a": a, "b": b}, **theirs, "type": "object"})
        Draft202012Validator.check_schema(schema)

        assert not (REFUSED | {"$ref", "$defs", "x-more"}) & {*_words(schema)}
        assert 0 <= len(faults(validator(schema), {"a": args})) <= 10


def _words(schema: Any) -> Iterator[str]:
    """The keywords in it."""
    for key, value in schema.items() if isinstance(schema, dict) else ():
        yield key
        inner = [value] if key in ONE else [*value.values()] if key in BY_NAME else value
        for each in inner if key in ONE | BY_NAME | LISTS else ():
            yield from _words(each)


def test_defaults_within_arguments() -> None:
    """
    A default is filled in for an argument, and for nothing within one: that could be done a thousand times.
    """
    inner = {"type": "object", "properties": {"b": {"type": "string", "default": "x"}}}
    found = usable({"type": "object", "properties": {"a": {**inner, "default": {}}}})["properties"]["a"]

    assert {"default": {}, "type": "object", "properties": {"b": {"type": "string"}}} == found
