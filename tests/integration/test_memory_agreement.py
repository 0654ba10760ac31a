"""Two engines that know nothing of each other, Qdrant Edge and qdrant-client's own, find the same."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.embeddings import FakeEmbeddings, by_digest
from tests.fakes.memory import files, meaning, on_server, rows
from tests.fakes.qdrant import FakeQdrant

from ironclaw_plugins.memory_qdrant.indexes import TenantIndex

QUESTIONS, MEMORIES, ALL = 200, 60, 100
Pair = tuple[TenantIndex, TenantIndex]


def texts(seed: int, count: int) -> list[str]:
    """Sentences of few words, so that many share some; no two as long, so that few fit as well."""
    chance = random.Random(seed)
    words = [f"word{n}" for n in range(40)]
    return [" ".join(chance.choices(words, k=3 + n % 60)) for n in range(count)]


@pytest.fixture(params=["lexical", "hybrid"])
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pair]:
    """One tenant's memories in files, and on a server where another tenant has as many."""
    async with FakeEmbeddings(by_digest) as embeddings, FakeQdrant() as server:
        changes = meaning(embeddings) if request.param == "hybrid" else {}
        async with files(tmp_path, **changes) as here, on_server(tmp_path, server, **changes) as there:
            for memory in (here, there):
                await memory.of("acme").put(rows(*texts(1, MEMORIES)))
            await there.of("umbra").put(rows(*texts(2, MEMORIES), prefix="u"))
            yield here.of("acme"), there.of("acme")
        assert [] == server.complaints


async def test_200_questions(pair: Pair) -> None:
    """
    Whatever is asked, both find the same memories, and the same ones first.

    Behind the first three a tie of fused ranks may fall either way: one of them counts in more digits.
    """
    here, there = pair
    found = [(await here.search(words, ALL), await there.search(words, ALL)) for words in texts(3, QUESTIONS)]

    assert [] == [each for each in found if set(each[0]) != set(each[1]) or each[0][:3] != each[1][:3]]
    assert 0.85 * QUESTIONS < sum(one == other for one, other in found)
    assert all(one for one, _ in found)
