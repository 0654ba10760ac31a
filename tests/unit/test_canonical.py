"""The canonical form is that of RFC 8785, whichever of the two writers wrote it."""

from __future__ import annotations

import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from ironclaw.canonical import canonical
from ironclaw.errors import BadRequest

NUMBERS = st.floats() | st.floats(-1e-3, 1e-3) | st.floats(-1e17, 1e17) | st.integers(-(2**60), 2**60)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(st.characters(codec=None))
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


def by_the_book(value: object) -> bytes | None:
    """What the reference writes; None where it refuses."""
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except (rfc8785.CanonicalizationError, ValueError):
        return None


@settings(max_examples=500, deadline=None)
@given(VALUES)
def test_as_the_reference(value: object) -> None:
    """
    Every value has the reference's bytes, or is refused as there.
    """
    try:
        ours: bytes | None = canonical(value)
    except BadRequest:
        ours = None

    assert by_the_book(value) == ours
