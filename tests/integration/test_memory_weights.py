"""How meaning and words are fused: with the weights that were measured, in files and on a server alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.embeddings import DIMENSIONS, FakeEmbeddings
from tests.fakes.memory import PLACES, at, meaning, rows

ASKED = "When is the freeze?"
MEANT, NEAR, WORDED = (
    "Nothing ships in December",
    "Snow falls in winter",
    "The freeze of the fridge is broken",
)
CLOSE = {ASKED: (1.0, 0.0), MEANT: (1.0, 0.0), NEAR: (0.9, 0.44), WORDED: (0.5, 0.87)}


def embed(text: str) -> list[float]:
    """Where a model would put these four."""
    return [*CLOSE[text], *[0.0] * (DIMENSIONS - 2)]


@pytest.mark.parametrize("place", PLACES)
async def test_meaning_counts_twice(tmp_path: Path, place: str) -> None:
    """
    What is first by its meaning alone comes before what is first by its words and third by its meaning, as
    only with k = 1 and 2:1: with equal weights, with 1:2 or with the usual k = 60 it would not.
    """
    async with FakeEmbeddings(embed) as server, at(place, tmp_path, **meaning(server)) as memory:
        acme = memory.of("acme")
        await acme.put(rows(MEANT, NEAR, WORDED))

        assert ("m0", "m2", "m1") == await acme.search(ASKED, 3)
