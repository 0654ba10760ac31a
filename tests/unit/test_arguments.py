"""A model's arguments: one meaning, bounded, or refused."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironclaw.canonical import canonical
from ironclaw.errors import BadRequest
from ironclaw.registry import parse_arguments

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
