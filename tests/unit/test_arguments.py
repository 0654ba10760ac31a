"""A model's arguments: one meaning, bounded, or refused."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ironclaw.canonical import canonical
from ironclaw.errors import BadRequest
from ironclaw.registry import parse_arguments
from ironclaw.registry.arguments import faults, with_defaults
from ironclaw.registry.schemas import validator

SAFE = 2**53 - 1
values = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE, SAFE) | st.floats(-SAFE, SAFE) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)

WRONG = {
    "nothing": "",
    "a list": "[]",
    "a text": '"x"',
    "a key twice": '{"path": "a", "path": "b"}',
    "a key twice, deep": '{"x": [{"path": 1, "pa\\u0074h": 2}]}',
    "NaN": '{"x": NaN}',
    "Infinity": '{"x": -Infinity}',
    "infinite by size": '{"x": 1e999}',
    "an integer that few read exactly": '{"x": 9007199254740993}',
    "an integer of 5,000 digits": '{"x": ' + "9" * 5000 + "}",
    "a float that would become such an integer": '{"x": 1e16}',
    "a lone surrogate": '{"x": "\\ud800"}',
    "a lone surrogate as key": '{"\\udfff": 1}',
    "a raw lone surrogate": '{"x": "\ud800"}',
    "33 deep": '{"x": ' + "[" * 32 + "]" * 32 + "}",
    "very deep": '{"x": ' + "[" * 30_000 + "]" * 30_000 + "}",
    "more after it": "{} {}",
    "a comment": "{} // yes",
    "single quotes": "{'x': 1}",
    "too long": '{"x": "' + "a" * 65_536 + '"}',
    "too long in bytes": '{"x": "' + "\u00e9" * 40_000 + '"}',
}


@pytest.mark.parametrize("case", WRONG)
def test_refused(case: str) -> None:
    """
    Text that has no meaning, or two, or too much of it, is refused in one short sentence.
    """
    with pytest.raises(BadRequest) as error:
        parse_arguments(WRONG[case])

    assert len(str(error.value)) < 200


@given(st.dictionaries(st.text(), values, max_size=4))
def test_round_trip(value: dict[str, object]) -> None:
    """
    What is accepted is what was written, and it has a canonical form.
    """
    assert value == parse_arguments(json.dumps(value))
    assert canonical(value) == canonical(parse_arguments(canonical(value).decode()))


@given(st.text())
def test_any_text(text: str) -> None:
    """
    Any text gives an object or a BadRequest.
    """
    with contextlib.suppress(BadRequest):
        assert isinstance(parse_arguments(text), dict)


def nested(depth: int) -> dict[str, Any]:
    """Alternatives within alternatives, none of which holds."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"anyOf": [schema] * 3}
    return schema


HEAVY = {
    "alternatives of alternatives": ({"items": nested(7)}, [0] * 2000),
    "alternatives that repeat all of it": ({"anyOf": [{"type": "string"}] * 400}, [0] * 20_000),
    "parts of parts": ({"allOf": [{"contains": {"type": "string"}}] * 390}, [0] * 20_000),
    "nothing, many times": ({"allOf": [{"items": {}}] * 390}, [0] * 20_000),
    "each against each, many times": ({"allOf": [{"uniqueItems": True}] * 390}, [[i] for i in range(9000)]),
    "a long choice": ({"items": {"not": {"enum": list(range(9000))}}}, [-1] * 20_000),
}


@pytest.mark.parametrize("case", HEAVY)
def test_work_is_bounded(case: str) -> None:
    """
    Arguments that would take minutes are refused, in a part of a second, on any machine the same.
    """
    schema, value = HEAVY[case]
    began = time.process_time()
    found = faults(validator({"properties": {"a": schema}}), {"a": value})

    assert ["the arguments take too long to be checked: give fewer or shorter ones"] == [
        each.sentence for each in found
    ]
    assert time.process_time() - began < 2


def test_much_that_is_simple() -> None:
    """
    As many numbers as arguments may have are held against their schema.
    """
    numbers = validator({"properties": {"a": {"type": "array", "items": {"type": "integer"}}}})

    assert [] == faults(numbers, {"a": [0] * 32_000})


@given(st.lists(values, max_size=4))
def test_each_once(items: list[Any]) -> None:
    """
    What a value is equal to, its canonical text says: as the library does, without each against each.
    """
    wanted = Draft202012Validator({"uniqueItems": True}).is_valid(items)

    assert wanted == validator({"uniqueItems": True}).is_valid(items)


def test_defaults_beside_true() -> None:
    """
    A property whose schema is just true has no default.
    """
    assert {} == with_defaults({"properties": {"a": True}}, {})


def test_defaults_that_multiply() -> None:
    """
    A toolbox gives each part of an array a long default, a model writes as many empty parts as fit: what the
    host makes of the two is refused, before it is hundreds of megabytes.
    """
    part = {"properties": {"x": {"default": "x" * 30_000}}}
    schema = {"type": "object", "properties": {"l": {"type": "array", "items": part}}}
    args = parse_arguments(json.dumps({"l": [{}] * 10_000}))
    assert [] == faults(validator(schema), args)

    with pytest.raises(BadRequest, match="With their defaults"):
        with_defaults(schema, args)
    assert {"l": [{"x": "x" * 30_000}]} == with_defaults(schema, {"l": [{}]})
