"""The index on a Qdrant server: what goes over the wire, and what its answers are made of.

No server is here: a front with qdrant-client's own engine behind it stands for one, and Qdrant Edge checks
that engine (test_memory_agreement.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import AsyncQdrantClient
from tests.fakes.embeddings import FakeEmbeddings, by_digest
from tests.fakes.memory import files, meaning, on_server, rows
from tests.fakes.qdrant import FakeQdrant

from ironclaw.errors import IndexUnavailable
from ironclaw_plugins.memory_qdrant import server as wire
from ironclaw_plugins.memory_qdrant.naming import LEXICAL

CANARY = "zanzibarquux"


@pytest.fixture
async def server() -> AsyncIterator[FakeQdrant]:
    async with FakeQdrant() as found:
        yield found
        assert [] == found.complaints


async def test_the_collection(server: FakeQdrant, tmp_path: Path) -> None:
    """
    One graph for each tenant and none over all; the tenant is the index's own kind of field.
    """
    async with FakeEmbeddings() as embeddings, on_server(tmp_path, server, **meaning(embeddings)) as memory:
        await memory.of("acme").put(rows("billing"))

    assert {"m": 0, "payload_m": 16} == server.made[0]["hnsw_config"]
    assert {"type": "keyword", "is_tenant": True} == server.indexes["tenant"]
    assert {"size": 64, "distance": "Cosine"} == server.made[0]["vectors"]["dense"]
    assert {"lexical": {"modifier": "idf"}} == server.made[0]["sparse_vectors"]


async def test_no_text_is_sent(server: FakeQdrant, tmp_path: Path) -> None:
    """
    Neither of a memory nor of a question: numbers, a row's id and a tenant's.
    """
    async with on_server(tmp_path, server) as memory:
        await memory.of("acme").put(rows(f"the word is {CANARY}"))
        assert ("m0",) == await memory.of("acme").search(CANARY, 5)

    assert not [body for body in server.bodies if CANARY in body]


@pytest.mark.parametrize("kind", ["lexical", "hybrid"])
async def test_the_rarity_of_words_is_the_tenants_own(server: FakeQdrant, tmp_path: Path, kind: str) -> None:
    """
    Another tenant that uses a rare word often does not change the order of this one's memories.
    """
    own = rows("billing billing outage", "outage payroll cache", "cache cache payroll", "billing cache queue")
    async with FakeEmbeddings(by_digest) as embeddings:
        changes = meaning(embeddings) if kind == "hybrid" else {}
        async with on_server(tmp_path, server, **changes) as memory:
            await memory.of("acme").put(own)
            before = await memory.of("acme").search("payroll billing", 4)
            await memory.of("umbra").put(rows(*(f"payroll {n}" for n in range(40)), prefix="u"))

            assert before == await memory.of("acme").search("payroll billing", 4)
            assert len(before) >= 3


def test_the_tenant_is_in_every_part() -> None:
    """
    At the top, in both prefetches, and in the statistics of the one by words, where alone they count.
    """
    shelf = wire.ServerShelf("http://127.0.0.1:1", "", "p", LEXICAL, 0)
    question = shelf._question(wire.mine("acme"), wire.Wanted("billing", 5, (1.0,)))

    assert question is not None
    assert [wire.mine("acme")] * 4 == [
        question["query_filter"],
        *(each.filter for each in question["prefetch"]),
        question["prefetch"][1].params.idf.corpus,
    ]


@pytest.mark.parametrize("tenant", ["", " ", "a b", "*"])
def test_no_filter_without_a_tenant(tenant: str) -> None:
    """
    The one function that makes filters makes none for nobody.
    """
    with pytest.raises(ValueError, match="none is named"):
        wire.mine(tenant)
    with pytest.raises(ValueError, match="none is named"):
        wire.mine(tenant, ["m0"])


@pytest.mark.parametrize("tenant", ["", None])
async def test_nobody_asks_the_server(server: FakeQdrant, tenant: Any) -> None:
    """
    Even below the port, each call without a tenant is an error before anything is sent, and never all rows.
    """
    shelf = wire.ServerShelf(server.url, "k", "p", LEXICAL, 0)
    wanted = wire.Wanted("billing", 5)
    calls = [
        shelf.search(tenant, wanted),
        shelf.count(tenant),
        shelf.clear(tenant),
        shelf.remove(tenant, ["m"]),
    ]
    for call in calls:
        with pytest.raises((ValueError, TypeError)):
            await call
    await shelf.close()

    assert [] == server.bodies


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "QDRANT_API_KEY"),
        (403, "QDRANT_API_KEY"),
        (500, "try again"),
        (429, "try again"),
        (307, "try again"),
    ],
)
async def test_a_server_that_refuses(server: FakeQdrant, tmp_path: Path, status: int, said: str) -> None:
    """
    Every call says in our words what to do; a redirect is not followed.
    """
    async with on_server(tmp_path, server) as memory:
        acme = memory.of("acme")
        server.status = status
        for call in (
            acme.put(rows("x")),
            acme.search("x", 5),
            acme.count(),
            acme.remove(["m0"]),
            acme.clear(),
        ):
            with pytest.raises(IndexUnavailable, match=said):
                await call

    assert 5 == len(server.bodies)


async def test_another_key_is_refused(server: FakeQdrant, tmp_path: Path) -> None:
    """
    The key is sent with each request, and only the right one opens.
    """
    async with files(tmp_path, qdrant_url=server.url, qdrant_api_key="another") as memory:
        with pytest.raises(IndexUnavailable, match="refused the key"):
            await memory.of("acme").search("x", 5)


async def test_no_server_is_there(tmp_path: Path) -> None:
    """
    It is said at the call, and the bot has started all the same.
    """
    async with FakeQdrant() as gone:
        url = gone.url
    async with files(tmp_path, qdrant_url=url) as memory:
        with pytest.raises(IndexUnavailable, match="QDRANT_URL"):
            await memory.of("acme").put(rows("x"))


async def test_no_proxy_of_the_environment(
    server: FakeQdrant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Memories' numbers go to the server that was named, whatever the environment says.
    """
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with on_server(tmp_path, server) as memory:
        await memory.of("acme").put(rows("billing"))

        assert 1 == await memory.of("acme").count()


async def test_forgetting_is_for_all_versions(server: FakeQdrant, tmp_path: Path) -> None:
    """
    A collection of an older version has nothing of it either; another installation's is not touched.
    """
    async with FakeEmbeddings() as embeddings:
        async with on_server(tmp_path, server) as old:
            await old.of("acme").put(rows("billing", "payroll"))
        async with on_server(tmp_path, server, qdrant_collection="other") as other:
            await other.of("acme").put(rows("billing"))
        async with on_server(tmp_path, server, **meaning(embeddings)) as new:
            await new.of("acme").put(rows("billing", "payroll"))
            await new.of("acme").remove(["m0"])

    assert [1, 1, 1] == sorted(
        [await _points(server.engine, each.name) for each in await _all(server.engine)]
    )


async def test_a_clear_of_one_installation(server: FakeQdrant, tmp_path: Path) -> None:
    """
    Installations that share a server differ in their collections, and clear their own.
    """
    for name in ("one", "two"):
        async with on_server(tmp_path, server, qdrant_collection=name) as memory:
            await memory.of("acme").put(rows("billing"))
    async with on_server(tmp_path, server, qdrant_collection="one") as memory:
        await memory.of("acme").clear()

    found = {each.name: await _points(server.engine, each.name) for each in await _all(server.engine)}
    assert {f"one.{LEXICAL}": 0, f"two.{LEXICAL}": 1} == found


async def _all(engine: AsyncQdrantClient) -> list[Any]:
    return list((await engine.get_collections()).collections)


async def _points(engine: AsyncQdrantClient, name: str) -> int:
    return (await engine.count(name)).count
