"""The index on a Qdrant server: one collection for all tenants, and a filter in every question.

Imported only where a server is configured: its package is an extra.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import structlog
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from ironclaw.errors import IndexUnavailable
from ironclaw_plugins.memory_qdrant.lexical import Encoder
from ironclaw_plugins.memory_qdrant.naming import checked, point_id
from ironclaw_plugins.memory_qdrant.shelf import (
    DENSE,
    PREFETCH,
    RRF_K,
    SPARSE,
    WEIGHTS,
    Entry,
    Wanted,
    ranked,
)

SECONDS = 10  #: For one request.
ROW, TENANT = "row", "tenant"  #: What a point carries; never a text.
REFUSED = "The Qdrant server refused the key: check QDRANT_API_KEY."
UNREACHABLE = "The Qdrant server cannot be reached: check QDRANT_URL and the network."
FAILED = "The Qdrant server failed; try again later. Its log says more."

T = TypeVar("T")
log = structlog.get_logger(__name__)


def mine(tenant: str, ids: Sequence[str] | None = None) -> models.Filter:
    """The only filter there is: a tenant's own points, or those of them that are these memories.

    :raises ValueError: no tenant is named
    """
    must: list[models.Condition] = [
        models.FieldCondition(key=TENANT, match=models.MatchValue(value=checked(tenant)))
    ]
    if ids is not None:
        must.append(models.HasIdCondition(has_id=[point_id(tenant, each) for each in ids]))
    return models.Filter(must=must)


class ServerShelf:
    """Collections are named PREFIX.VERSION; ours is made when something is first put.

    :param key: "" for a server that asks for none
    :param prefix: what the names of this installation's collections begin with
    :param name: of the version
    :param dimensions: of meanings; 0 for none
    """

    def __init__(self, url: str, key: str, prefix: str, name: str, dimensions: int) -> None:
        self._prefix = f"{prefix}."
        self._collection = f"{self._prefix}{name}"
        self._dimensions = dimensions
        self._encoder = Encoder()
        self._is_made = False
        self._client = AsyncQdrantClient(
            url=url,
            headers={"api-key": key} if key else None,
            timeout=SECONDS,
            check_compatibility=False,  # It asks the server at once, and not in the background.
            trust_env=False,
            follow_redirects=False,
        )

    async def put(self, tenant: str, entries: Sequence[Entry]) -> None:
        """Written and found when it returns."""
        await _said(self._made)
        points = await asyncio.to_thread(lambda: [self._point(checked(tenant), entry) for entry in entries])
        known = [point for point, entry in zip(points, entries, strict=True) if entry.meaning is not None]
        blind = [point for point, entry in zip(points, entries, strict=True) if entry.meaning is None]
        if known:
            await _said(lambda: self._client.upsert(self._collection, known, wait=True))
        if blind:
            # A memory's text never changes: one that is there may have its meaning, and keeps it.
            mode = models.UpdateMode.INSERT_ONLY
            await _said(lambda: self._client.upsert(self._collection, blind, wait=True, update_mode=mode))

    async def remove(self, tenant: str, ids: Sequence[str]) -> None:
        """Not found any more when it returns, in no version; the server rewrites its own files later."""
        await self._delete(mine(tenant, ids))

    async def clear(self, tenant: str) -> None:
        """Likewise, all of the tenant's."""
        await self._delete(mine(tenant))

    async def search(self, tenant: str, wanted: Wanted) -> tuple[str, ...]:
        """Ids, best first."""
        question = self._question(mine(tenant), wanted)
        if question is None:
            return ()
        try:
            found = await _said(
                lambda: self._client.query_points(
                    self._collection, limit=wanted.limit, with_payload=[ROW], **question
                )
            )
        except _NoCollection:
            return ()
        return ranked([(hit.score, str(hit.payload[ROW])) for hit in found.points if hit.payload])

    async def count(self, tenant: str) -> int:
        """How many points the tenant has."""
        own = mine(tenant)
        try:
            found = await _said(lambda: self._client.count(self._collection, count_filter=own, exact=True))
        except _NoCollection:
            return 0
        return found.count

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _question(self, own: models.Filter, wanted: Wanted) -> dict[str, Any] | None:
        """With the filter at the top and in every part; None where no word says anything."""
        sparse = self._encoder.query(wanted.text)
        words = models.SparseVector(indices=list(sparse.indices), values=list(sparse.values))
        # How rare a word is, is asked of the own memories only: others' would show in the order.
        rarity = models.SearchParams(idf=models.IdfCorpusParams(corpus=own))
        if wanted.meaning is None:
            asked = {"query": words, "using": SPARSE, "search_params": rarity, "query_filter": own}
            return asked if words.indices else None
        meaning = models.Prefetch(query=list(wanted.meaning), using=DENSE, filter=own, limit=PREFETCH)
        if not words.indices:
            return {"prefetch": [meaning], "query": _fused(1), "query_filter": own}
        lexical = models.Prefetch(query=words, using=SPARSE, filter=own, limit=PREFETCH, params=rarity)
        return {"prefetch": [meaning, lexical], "query": _fused(2), "query_filter": own}

    def _point(self, tenant: str, entry: Entry) -> models.PointStruct:
        sparse = self._encoder.document(entry.text)
        vector: dict[str, Any] = {
            SPARSE: models.SparseVector(indices=list(sparse.indices), values=list(sparse.values))
        }
        if entry.meaning is not None:
            vector[DENSE] = list(entry.meaning)
        carried = {ROW: entry.id, TENANT: tenant}
        return models.PointStruct(id=point_id(tenant, entry.id), vector=vector, payload=carried)

    async def _delete(self, which: models.Filter) -> None:
        """In every version's collection: an older one may still have what is to be forgotten."""
        selector = models.FilterSelector(filter=which)
        listed = await _said(self._client.get_collections)
        for name in [each.name for each in listed.collections if each.name.startswith(self._prefix)]:
            await _said(partial(self._client.delete, name, selector, wait=True))

    async def _made(self) -> None:
        if self._is_made:
            return
        if not await self._client.collection_exists(self._collection):
            await self._create()
        # Again where it is there already: a crash may have come between the two.
        by_tenant = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
        await self._client.create_payload_index(self._collection, TENANT, by_tenant, wait=True)
        self._is_made = True

    async def _create(self) -> None:
        size = self._dimensions
        dense = {DENSE: models.VectorParams(size=size, distance=models.Distance.COSINE)} if size else {}
        try:
            await self._client.create_collection(
                self._collection,
                vectors_config=dense,
                sparse_vectors_config={SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
                # A graph for each tenant, and none over all of them.
                hnsw_config=models.HnswConfigDiff(m=0, payload_m=16),
            )
        except UnexpectedResponse as error:
            if error.status_code != 409:  # Another process was first.
                raise


class _NoCollection(IndexUnavailable):
    """Nothing was put yet."""


async def _said(ask: Callable[[], Awaitable[T]]) -> T:
    """
    :raises IndexUnavailable: in our words; the server's own may quote the request
    """
    try:
        return await ask()
    except UnexpectedResponse as error:
        log.warning("qdrant_refused", status=error.status_code)
        if error.status_code == 404:
            raise _NoCollection from None
        raise IndexUnavailable(REFUSED if error.status_code in (401, 403) else FAILED) from None
    except (ApiException, QdrantException, OSError, ValueError) as error:
        log.warning("qdrant_failed", why=type(error).__name__)
        raise IndexUnavailable(UNREACHABLE) from None


def _fused(parts: int) -> models.RrfQuery:
    return models.RrfQuery(rrf=models.Rrf(k=RRF_K, weights=list(WEIGHTS[:parts])))
