"""What an index of memories promises, in files and on a server alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as given_settings
from hypothesis import strategies as st
from tests.fakes.embeddings import FakeEmbeddings
from tests.fakes.memory import PLACES, at, meaning, rows

from ironclaw.recall import Indexed
from ironclaw_plugins.memory_qdrant.indexes import Indexes

TEXTS = ("billing deploys on Fridays", "the staging cluster is in Frankfurt", "Ada owns the payroll job")


@pytest.fixture(params=PLACES)
async def memory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Indexes]:
    async with at(request.param, tmp_path) as found:
        yield found


async def test_what_is_put_is_found_by_its_words(memory: Indexes) -> None:
    """
    The best comes first, whatever the form of the words.
    """
    acme = memory.of("acme")

    assert () == await acme.put(rows(*TEXTS))
    assert "m0" == (await acme.search("When do we deploy billing?", 5))[0]
    assert ("m1",) == await acme.search("frankfurt", 5)
    assert 3 == await acme.count()


@pytest.mark.parametrize("words", ["", "  \n", "the of and", "?!", "unheard-of"])
async def test_nothing_fits(memory: Indexes, words: str) -> None:
    """
    Words that say nothing, or that no memory has, find nothing.
    """
    await memory.of("acme").put(rows(*TEXTS))

    assert () == await memory.of("acme").search(words, 5)


async def test_nothing_was_ever_put(memory: Indexes, tmp_path: Path) -> None:
    """
    A tenant without memories can be asked everything, and gets no folder by it.
    """
    acme = memory.of("acme")
    await acme.remove(["m0"])
    await acme.clear()

    assert (0, ()) == (await acme.count(), await acme.search("billing", 5))
    assert not (tmp_path / "memory" / "acme").exists()


async def test_the_same_again_changes_nothing(memory: Indexes) -> None:
    """
    As an outbox that does not know says everything once more.
    """
    acme = memory.of("acme")
    for _ in range(2):
        await acme.put([*rows(*TEXTS), *rows(*TEXTS)])

    assert 3 == await acme.count()
    assert ("m0",) == await acme.search("billing", 5)


async def test_what_is_removed_is_not_found(memory: Indexes) -> None:
    """
    The others stay; an id that is not there changes nothing.
    """
    acme = memory.of("acme")
    await acme.put(rows(*TEXTS))
    await acme.remove(["m0", "never"])
    await acme.remove(["m0"])

    assert (2, ()) == (await acme.count(), await acme.search("billing", 5))
    assert ("m1",) == await acme.search("cluster", 5)


async def test_clear_is_for_one_tenant(memory: Indexes) -> None:
    """
    The other tenant's stay, and the cleared one can begin anew.
    """
    for tenant in ("acme", "umbra"):
        await memory.of(tenant).put(rows(*TEXTS))
    await memory.of("acme").clear()

    assert (0, 3) == (await memory.of("acme").count(), await memory.of("umbra").count())
    await memory.of("acme").put(rows(TEXTS[0]))
    assert ("m0",) == await memory.of("acme").search("billing", 5)


@pytest.mark.parametrize("tenant", ["", " ", "..", "a/b", "a\nb", ".lock", "x" * 65, "ä"])
async def test_nobody_has_no_index(memory: Indexes, tenant: str) -> None:
    """
    A tenant that is empty, or could name another folder, is refused before anything is asked.
    """
    with pytest.raises(ValueError, match="none is named"):
        memory.of(tenant)


@pytest.mark.parametrize(
    "words", ["\udc80 billing \x00", "billing " * 40_000, "請求書 billing 🦀", "-" * 10_000 + "billing"]
)
async def test_any_words_can_be_asked(memory: Indexes, words: str) -> None:
    """
    Half characters, a megabyte, other scripts: an answer, and no error.
    """
    acme = memory.of("acme")
    await acme.put(rows(*TEXTS, words[:20_000]))

    assert set(await acme.search(words, 3)) <= {"m0", "m1", "m2", "m3"}


async def test_limits(memory: Indexes) -> None:
    """
    No more than was asked for, and none for none.
    """
    await memory.of("acme").put(rows(*(f"billing {n}" for n in range(9))))
    found = [len(await memory.of("acme").search("billing", limit)) for limit in (-1, 0, 1, 4, 10_000)]

    assert [0, 0, 1, 4, 9] == found


@pytest.mark.parametrize(
    ("text", "word"), [("账单服务每周五部署", "部署"), ("部署はフランクフルトにあります", "フランクフルト")]
)
async def test_a_language_without_spaces(memory: Indexes, text: str, word: str) -> None:
    """
    A word is found inside of a sentence.
    """
    await memory.of("acme").put(rows(text, *TEXTS))

    assert ("m0",) == await memory.of("acme").search(word, 5)


WORDS = st.lists(
    st.sampled_from(["billing", "deploy", "payroll", "owner", "cluster", "Friday"]), min_size=1, max_size=6
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "remove", "clear", "search"]),
        st.sampled_from(["acme", "umbra"]),
        st.integers(0, 5),
        WORDS,
    ),
    max_size=8,
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["lexical", "hybrid"])
@given_settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, question=WORDS)
async def test_a_tenant_is_alone(
    tmp_path_factory: pytest.TempPathFactory, place: str, kind: str, steps: list[Any], question: list[str]
) -> None:
    """
    Whatever two tenants do, one finds what it would without the other: the same ids, in the same order.

    Fused ranks are of the engines' making, which part ties as it happens: there the ids alone are compared.
    """
    both = await _played(tmp_path_factory.mktemp("both"), place, kind, steps, question)
    own = [step for step in steps if step[1] == "acme"]
    alone = await _played(tmp_path_factory.mktemp("alone"), place, kind, own, question)

    assert alone == both
    assert all(each.startswith("acme") for found in both for each in found)


async def _played(
    folder: Path, place: str, kind: str, steps: list[Any], question: list[str]
) -> list[tuple[str, ...]]:
    """What acme was answered, in order, and at the end."""
    async with FakeEmbeddings() as embeddings:
        changes = meaning(embeddings) if kind == "hybrid" else {}
        async with at(place, folder, **changes) as memory:
            heard = [await _step(memory, *step) for step in steps]
            own = [found for found, step in zip(heard, steps, strict=True) if step[1] == "acme"]
            count = (f"acme{await memory.of('acme').count()}",)
            found = [*own, await memory.of("acme").search(" ".join(question), 50), count]
            return found if kind == "lexical" else [tuple(sorted(each)) for each in found]


async def _step(memory: Indexes, what: str, tenant: str, number: int, words: list[str]) -> tuple[str, ...]:
    index, row = memory.of(tenant), f"{tenant}-{number}"
    if what == "put":
        # A memory's text never changes: the text follows from the id.
        return await index.put([Indexed(f"{row}-{'-'.join(words)}", " ".join(words))])
    if what == "remove":
        await index.remove([f"{row}-{'-'.join(words)}"])
    if what == "clear":
        await index.clear()
    return await index.search(" ".join(words), 50) if what == "search" else ()
