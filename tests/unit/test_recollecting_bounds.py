"""What a recall may fill of a model's context at the very most."""

from __future__ import annotations

from tests.unit.test_memorable import said

from ironclaw.recollecting import ALL_BYTES, HEAD, LINE_BYTES, line, recollections, within_budget


def test_long_ones() -> None:
    """
    Of memories that each fill a line as many are given as fit beside the head, and the next would not have.
    """
    long = [said("ü" * 300, number) for number in range(8)]
    found = within_budget(long)
    size = len(recollections(found).encode())

    assert max(len(line(each).encode()) for each in long) <= LINE_BYTES
    assert len(HEAD.encode()) < size <= ALL_BYTES < size + LINE_BYTES
    assert long[: len(found)] == list(found)
