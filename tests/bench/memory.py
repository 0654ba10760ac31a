"""How long a search of memories takes, against Qdrant Edge called directly; and what it finds (recall@5)."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from qdrant_edge import Query, QueryRequest

from ironclaw_plugins.memory_qdrant.embedded import EdgeShelf
from ironclaw_plugins.memory_qdrant.indexes import Indexes, TenantIndex
from ironclaw_plugins.memory_qdrant.lexical import Encoder
from ironclaw_plugins.memory_qdrant.naming import LEXICAL
from ironclaw_plugins.memory_qdrant.shelf import SPARSE, Entry
from tests.bench.measure import Result, Row, Samples, ms, say, times
from tests.fakes.embeddings import FakeEmbeddings, of_marks
from tests.fakes.memory import files, meaning, rows

BAR = 1.5  #: Of p50, from the issue.
DATA = Path(__file__).parent / "data"
CHUNK = 5_000  #: Memories put at once: only to fill the shard sooner.
FOUND, DIMENSIONS = 5, 512


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    memories: tuple[int, ...] = (1_000, 10_000, 100_000)
    questions: int = 1_500
    warmup: int = 100


async def measure(size: Size = Size()) -> Result:
    """Both ways with each question, in turns of random order; then the fixed set."""
    taken: dict[int, dict[str, Samples]] = {}
    for count in size.memories:
        say(f"memory: {count} of them")
        with TemporaryDirectory() as folder:
            taken[count] = await _searched(Path(folder), count, size)
    recall = await recalled()
    ratios = {count: each["ours"].p50 / each["edge"].p50 for count, each in taken.items()}
    return Result(
        name="memory",
        title="A search of memories (by words, 5 of them), against Qdrant Edge called directly",
        head=("memories", "p50 ms", "p99 ms", "Edge p50 ms", "p99 ms", "of Edge"),
        rows=tuple(_row(count, each, ratios[count]) for count, each in taken.items()),
        numbers={
            "search": {
                str(count): {name: samples.summary() for name, samples in each.items()}
                for count, each in taken.items()
            },
            "recall": recall,
        },
        notes=(*_bars(ratios), *_said(recall)),
    )


def _row(count: int, taken: dict[str, Samples], ratio: float) -> Row:
    ours, edge = taken["ours"], taken["edge"]
    return (f"{count:,}", ms(ours.p50), ms(ours.p99), ms(edge.p50), ms(edge.p99), times(ratio))


def _bars(ratios: dict[int, float]) -> list[str]:
    return [
        f"{count:,}: {ratio:.2f}x (at most {BAR}x): " + ("met" if ratio <= BAR else "MISSED")
        for count, ratio in ratios.items()
    ]


def _said(recall: dict[str, dict[str, float]]) -> list[str]:
    return [
        f"recall@5 (recall@1), {name}: "
        + ", ".join(f"{kind} {each[f'{kind}@5']:.3f} ({each[f'{kind}@1']:.3f})" for kind in ("easy", "hard"))
        for name, each in recall.items()
    ]


async def _searched(folder: Path, count: int, size: Size) -> dict[str, Samples]:
    shelf = EdgeShelf(folder, LEXICAL, 0)
    memory = Indexes(lambda: shelf, None, LEXICAL)
    chance = random.Random(count)
    for start in range(0, count, CHUNK):
        numbers = range(start, min(count, start + CHUNK))
        await shelf.put("bench", [Entry(f"m{n}", _sentence(chance, 20)) for n in numbers])
    ask = [_sentence(chance, 6) for _ in range(size.warmup + size.questions)]
    taken = await _in_turns(memory.of("bench"), _directly(shelf), ask)
    await memory.close()
    return {name: Samples(tuple(seconds[size.warmup :])) for name, seconds in taken.items()}


def _sentence(chance: random.Random, words: int) -> str:
    """Few words are in most sentences, most words in few, as in a language."""
    return " ".join(f"word{int(chance.paretovariate(0.7)) % 20_000}" for _ in range(words))


def _directly(shelf: EdgeShelf) -> Callable[[str], tuple[str, ...]]:
    """The same shard, with nothing around it."""
    shard, encoder = shelf._open["bench"], Encoder()
    assert shard is not None
    edge = shard._edge

    def search(words: str) -> tuple[str, ...]:
        query: Any = Query.Nearest(encoder.query(words), using=SPARSE)
        hits = edge.query(QueryRequest(query=query, limit=FOUND, with_payload=True))
        return tuple(hit.payload["row"] for hit in hits if hit.payload)

    return search


async def _in_turns(
    ours: TenantIndex, directly: Callable[[str], tuple[str, ...]], ask: Sequence[str]
) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {"ours": [], "edge": []}
    for words in ask:
        for name in random.sample(("ours", "edge"), 2):
            began = time.perf_counter()
            found = await ours.search(words, FOUND) if name == "ours" else directly(words)
            taken[name].append(time.perf_counter() - began)
            assert found
    return taken


async def recalled() -> dict[str, dict[str, float]]:
    """Of the fixed set, how many questions find their fact: by words, by a stub's meaning, by both."""
    facts = json.loads((DATA / "facts.json").read_text("utf-8"))
    known = rows(*(fact for fact, _, _ in facts))
    questions = {"easy": [easy for _, easy, _ in facts], "hard": [hard for _, _, hard in facts]}
    with TemporaryDirectory() as folder:
        async with FakeEmbeddings(stub()) as server:
            settings = meaning(server, embeddings_dimensions=DIMENSIONS)
            async with (
                files(Path(folder) / "words") as words,
                files(Path(folder) / "both", **settings) as both,
            ):
                for memory in (words, both):
                    assert () == await memory.of("bench").put(known)
                return {
                    "BM25": await _recall(words.of("bench").search, questions),
                    "dense stub": await _recall(_nearest([fact for fact, _, _ in facts]), questions),
                    "both, fused": await _recall(both.of("bench").search, questions),
                }


async def _recall(search: Any, questions: dict[str, list[str]]) -> dict[str, float]:
    found = {kind: [await search(words, FOUND) for words in asked] for kind, asked in questions.items()}
    return {
        f"{kind}@{most}": sum(f"m{n}" in each[:most] for n, each in enumerate(answers)) / len(answers)
        for kind, answers in found.items()
        for most in (FOUND, 1)
    }


def stub() -> Callable[[str], list[float]]:
    """No model: each word of a text, and in its place each group of the thesaurus that it is in, hashed.

    The thesaurus was written by somebody who saw the questions; so that it is not always right, every third
    group is left out.  It shows what fusing does with such a meaning, and nothing about any real model.
    """
    lines = json.loads((DATA / "thesaurus.json").read_text("utf-8"))
    groups = [set(line.split()) for number, line in enumerate(lines) if number % 3]

    def embed(text: str) -> list[float]:
        words = re.findall(r"[a-z]+", text.lower())
        return of_marks([mark for word in words for mark in _marks(word, groups)], DIMENSIONS)

    return embed


def _marks(word: str, groups: list[set[str]]) -> list[str]:
    found = [f"group {number}" for number, group in enumerate(groups) if word in group]
    return found or ([word] if len(word) > 3 else [])


def _nearest(facts: list[str]) -> Any:
    embed = stub()
    vectors = [embed(fact) for fact in facts]

    async def search(words: str, limit: int) -> tuple[str, ...]:
        asked = embed(words)
        near = [sum(a * b for a, b in zip(asked, vector, strict=True)) for vector in vectors]
        return tuple(f"m{n}" for n in sorted(range(len(facts)), key=lambda n: -near[n])[:limit])

    return search
