"""The list of sabotage fits the code: ``make sabotage`` edits what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sabotage.model import Mutant
from tests.sabotage.mutants import MUTANTS, NOT_YET

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: str(mutant.number))
def test_an_edit_has_its_place(mutant: Mutant) -> None:
    """
    What an edit replaces stands in its file exactly once, and its tests are there.
    """
    found = [(ROOT / edit.file).read_text("utf-8").count(edit.old) for edit in mutant.edits]

    assert [1] * len(mutant.edits) == found
    assert all((ROOT / each).exists() for each in mutant.tests)


def test_the_list_is_whole() -> None:
    """
    Each number is there once, or said to have nothing to break yet.
    """
    assert list(range(1, 39)) == sorted([*(each.number for each in MUTANTS), *NOT_YET])
