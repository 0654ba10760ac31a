"""Arguments as policy sees them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironclaw_plugins.policy_cedar.arguments import MOST, amount, read

ARGS = {
    "to": ["a", "b"],
    "subject": "hi",
    "a/b~c": {"x": True},
    "items": [{"price": 3}, {"price": 4.5}],
    "none": None,
    "n": -2.5,
}


def test_by_path() -> None:
    """
    Texts where there is one, lists of all that is there, numbers rounded up; a null is not there.
    """
    found = read(ARGS)

    assert {"/subject": "hi", "/a~1b~0c/x": "true", "/n": "-2.5"} == found.texts
    assert {"/items/price": 5, "/n": -2} == found.numbers
    assert (["a", "b"], ["3", "4.5"], ["hi"]) == (
        found.lists["/to"],
        found.lists["/items/price"],
        found.lists["/subject"],
    )


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({}, None),
        ({"text": "500"}, None),
        ({"amount": 10}, 10),
        ({"amount": 10.2}, 11),
        ({"amount": -10}, 10),
        ({"amount": True}, None),
        ({"amount": None}, None),
        ({"amount": "10"}, 10),
        ({"amount": "1e3"}, 1000),
        ({"amount": "1.500,00 EUR"}, 150_000),
        ({"amount": "$ 12"}, 12),
        ({"amount": "many"}, None),
        ({"amount": "NaN"}, None),
        ({"amount": "inf"}, MOST),
        ({"amount": 1e300}, MOST),
        ({"amount": "9," * 30_000}, MOST),
        ({"amount": "1e999999999"}, MOST),
        ({"amount": "1e-999999999"}, 1),
        ({"amount": "1e99999999999999999999"}, MOST),
        ({"amount": "sNaN"}, None),
        ({"maxAmount": 3, "total_cents": 7}, 7),
        ({"items": [{"price": 3}, {"price": 9}]}, 9),
        ({"prices": [1, 2]}, 2),
        ({"amounting": 5}, None),
        ({"total": {"of": 5}}, 5),
        ({"amount": {"usd": 5000}, "to": {"usd": 9000}}, 5000),
    ],
)
def test_amount(args: Any, expected: int | None) -> None:
    """
    The largest number in what is called like an amount, and never less than it can mean.
    """
    assert expected == amount(args)


NAMES = st.sampled_from(["amount", "to", "a/b", "~", "", "*"]) | st.text(max_size=5)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
NUMERALS = st.text("0123456789.,eE+-_ €'N", max_size=12)
VALUES = st.recursive(
    LEAVES | NUMERALS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_whatever_is_written(args: Any) -> None:
    """
    No argument is too odd to be judged: every number is one that Cedar can hold.
    """
    largest = amount({"amount": args})

    assert all(-MOST <= each <= MOST for each in read(args).numbers.values())
    assert largest is None or 0 <= largest <= MOST
