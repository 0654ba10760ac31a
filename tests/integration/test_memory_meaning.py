"""Memories found by meaning, and an embeddings server that does not do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.embeddings import DIMENSIONS, FakeEmbeddings, by_digest
from tests.fakes.memory import PLACES, at, files, meaning, rows

from ironclaw.settings import Settings
from ironclaw_plugins.memory_qdrant.embedder import Embedder, Unusable, vectors

TEXTS = ("billing deploys on Fridays", "the staging cluster is in Frankfurt")
SAME = {"When does money software ship?": TEXTS[0], "Where do we rehearse?": TEXTS[1]}


def by_sense(text: str) -> list[float]:
    """As a model would that knows these two paraphrases, and nothing else."""
    return by_digest(SAME.get(text, text))


@pytest.fixture
async def server() -> AsyncIterator[FakeEmbeddings]:
    async with FakeEmbeddings(by_sense) as found:
        yield found
        assert [] == found.complaints


def embedder(server: FakeEmbeddings, **quick: float) -> Embedder:
    return Embedder(Settings.model_validate(meaning(server)), **quick)


@pytest.mark.parametrize("place", PLACES)
async def test_a_paraphrase_is_found(server: FakeEmbeddings, tmp_path: Path, place: str) -> None:
    """
    Without a word in common, it comes first by its meaning; what has the words is found as well.
    """
    async with at(place, tmp_path, **meaning(server)) as memory:
        acme = memory.of("acme")
        assert ("hybrid", ()) == (memory.kind, await acme.put(rows(*TEXTS)))

        assert ["m0", "m1"] == [(await acme.search(words, 1))[0] for words in SAME]
        assert {"m0", "m1"} == set(await acme.search("the cluster", 2))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "broken", [{"status": 500}, {"status": 307}, {"raw": b"<html>"}, {"embed": lambda _: [1.0]}]
)
async def test_a_server_that_fails(
    server: FakeEmbeddings, tmp_path: Path, place: str, broken: dict[str, Any]
) -> None:
    """
    Memories are found by their words, the caller is told which lack their meaning, and they get it later.
    """
    well = {name: getattr(server, name) for name in broken}
    async with at(place, tmp_path, **meaning(server)) as memory:
        acme = memory.of("acme")
        vars(server).update(broken)
        assert ("m0", "m1") == await acme.put(rows(*TEXTS))
        assert ("lexical", ("m0",)) == (memory.kind, await acme.search("billing Friday", 1))
        vars(server).update(well)
        up_again(memory)
        assert () == await acme.put(rows(*TEXTS))

        assert ("m0",) == await acme.search(next(iter(SAME)), 1)


def up_again(memory: Any) -> None:
    """As if the pause after a failure were over."""
    memory._embedder._paused_until = 0.0


async def test_a_meaning_is_not_lost(server: FakeEmbeddings, tmp_path: Path) -> None:
    """
    A memory that is put again while the server is down keeps the meaning that it has.
    """
    async with files(tmp_path, **meaning(server)) as memory:
        acme = memory.of("acme")
        await acme.put(rows(*TEXTS))
        server.status = 503
        assert ("m0", "m1") == await acme.put(rows(*TEXTS))
        server.status = 200
        up_again(memory)

        assert ("m0",) == await acme.search(next(iter(SAME)), 1)


async def test_nobody_is_there(tmp_path: Path) -> None:
    """
    A server that cannot be reached at all is as one that fails.
    """
    async with FakeEmbeddings() as gone:
        there = meaning(gone)
    async with files(tmp_path, **there) as memory:
        assert ("m0",) == await memory.of("acme").put(rows(TEXTS[0]))
        assert ("m0",) == await memory.of("acme").search("billing", 5)


async def test_a_slow_server_holds_nobody_up(server: FakeEmbeddings) -> None:
    """
    A search waits for so long, once; after that the server is left alone for a while.
    """
    asked = embedder(server, search_seconds=0.5)
    await asked.documents(["warm"])
    server.is_slow = True

    assert [None] * 20 == [await asked.query("billing") for _ in range(20)]
    assert (2, False) == (server.requests, asked.is_up)
    await asked.close()


async def test_after_the_pause_it_is_asked_again(server: FakeEmbeddings) -> None:
    """
    A server that is back is found to be.
    """
    server.status = 429
    asked = embedder(server, pause_seconds=0.0)
    assert await asked.query("billing") is None
    server.status = 200

    assert await asked.query("billing") is not None
    await asked.close()


async def test_many_texts(server: FakeEmbeddings) -> None:
    """
    Asked for in several requests, answered in any order, each text has its own meaning.
    """
    texts = [f"fact {n}" for n in range(150)]
    asked = embedder(server)
    found = await asked.documents(texts)
    await asked.close()

    assert 3 == server.requests
    assert [pytest.approx(by_digest(text)) for text in texts] == [list(each or ()) for each in found]


async def test_long_texts_are_cut_for_the_server_only(server: FakeEmbeddings, tmp_path: Path) -> None:
    """
    Its model could not take them whole; the words at their end are found all the same.
    """
    async with files(tmp_path, **meaning(server)) as memory:
        await memory.of("acme").put(rows("x " * 20_000 + "billing", "payroll"))

        assert 8_000 == len(server.texts[0])
        assert ("m0",) == await memory.of("acme").search("billing", 1)


async def test_an_endless_answer_is_not_read(server: FakeEmbeddings) -> None:
    """
    What is longer than vectors can be is cut, even where the vectors are in it.
    """
    asked = embedder(server, pause_seconds=0.0)
    server.raw = reply(by_digest("billing"))
    assert await asked.query("billing") is not None
    server.raw += b" " * 2**20

    assert await asked.query("billing") is None
    await asked.close()


async def test_a_redirect_is_not_followed(server: FakeEmbeddings) -> None:
    """
    Texts go to the server that was named, and not to whom it names.
    """
    async with FakeEmbeddings() as other:
        server.status, server.elsewhere = 307, other.url
        asked = embedder(server)
        assert await asked.query("billing") is None
        await asked.close()

        assert (1, 0) == (server.requests, other.requests)


async def test_nothing_of_the_text_is_logged(server: FakeEmbeddings, caplog: Any, capsys: Any) -> None:
    """
    A failure is told by its kind: not by a text, nor by the key.
    """
    server.raw = b'{"error": "zanzibarquux"}'
    asked = embedder(server)
    await asked.query("zanzibarquux")
    await asked.close()
    said = capsys.readouterr().out + caplog.text

    assert "embeddings_failed" in said
    assert not [word for word in ("zanzibarquux", "embed-key") if word in said]


def reply(*embeddings: object) -> bytes:
    data = [{"index": n, "embedding": each} for n, each in enumerate(embeddings)]
    return json.dumps({"data": data}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"data": null}',
        b'{"data": [{"index": 1, "embedding": [1, 2]}]}',
        b"[" * 100_000,
        reply([1.0]),
        reply([1.0, 2.0, 3.0]),
        reply([0.0, 0.0]),
        reply([float("nan"), 1.0]),
        reply([float("inf"), 1.0]),
        reply([True, 1.0]),
        reply(["1", 1.0]),
        reply("AAAA"),
        reply(None),
    ],
)
def test_unusable_answers(body: bytes) -> None:
    """
    An answer that is not so many vectors of that length, of numbers that point somewhere, is none.
    """
    with pytest.raises(Unusable):
        vectors(body, 1, 2)


def test_another_length_names_the_setting() -> None:
    """
    The person who set it up is told both numbers.
    """
    with pytest.raises(Unusable, match=r"makes 1 numbers, embeddings_dimensions says 64"):
        vectors(reply([1.0]), 1, DIMENSIONS)


async def test_searches_at_once(server: FakeEmbeddings, tmp_path: Path) -> None:
    """
    Sixteen at once, while memories are put: each finds its own.
    """
    async with files(tmp_path, **meaning(server)) as memory:
        acme = memory.of("acme")
        await acme.put(rows(*(f"service{n}" for n in range(16))))
        found, *_ = await asyncio.gather(
            asyncio.gather(*(acme.search(f"service{n}", 1) for n in range(16))),
            *(acme.put(rows(f"other{n}", prefix=f"o{n}")) for n in range(4)),
        )

    assert [(f"m{n}",) for n in range(16)] == found
