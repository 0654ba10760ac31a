"""One tenant's shard of Qdrant Edge.  Not async, and for one caller at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    Fusion,
    Modifier,
    Point,
    Prefetch,
    Query,
    QueryRequest,
    Record,
    ScrollRequest,
    UpdateMode,
    UpdateOperation,
)

from ironclaw_plugins.memory_qdrant import folders
from ironclaw_plugins.memory_qdrant.lexical import Encoder
from ironclaw_plugins.memory_qdrant.naming import point_id
from ironclaw_plugins.memory_qdrant.shelf import (
    DENSE,
    PREFETCH,
    RRF_K,
    SPARSE,
    WEIGHTS,
    Entry,
    Meaning,
    Wanted,
    ranked,
)

ROW = "row"  #: The only thing that a point carries: the memory's id.
PAGE = 500  #: Points that are copied at once.


class Shard:
    """Open until :meth:`close`.  Any exception of the library's means: close it, and open it again.

    :param home: folder of one tenant and one version
    :param dimensions: of meanings; 0 for none
    """

    def __init__(self, home: Path, tenant: str, dimensions: int, encoder: Encoder) -> None:
        self._home = home
        self._tenant = tenant
        self._encoder = encoder
        self._config = _config(dimensions)
        path = folders.current(home)
        if path is None:
            self._build(iter(()))
            path = folders.install(home)
        self._edge = EdgeShard.load(str(path))
        self.points = self.count()

    def put(self, entries: Sequence[Entry]) -> None:
        """On disk when it returns."""
        known = [self._point(entry) for entry in entries if entry.meaning is not None]
        blind = [self._point(entry) for entry in entries if entry.meaning is None]
        if known:
            self._edge.update(UpdateOperation.upsert_points(known))
        if blind:
            # A memory's text never changes: one that is there may have its meaning, and keeps it.
            self._edge.update(UpdateOperation.upsert_points(blind, update_mode=UpdateMode.InsertOnly))
        self._edge.flush()
        self.points = self.count()

    def remove(self, ids: Sequence[str]) -> None:
        """Build the shard anew without them: what is deleted in place stays readable in the old files.

        Not deleted in place before that: a crash in between would leave what nobody finds to remove.
        """
        gone = {point_id(self._tenant, each) for each in ids}
        if not self._edge.retrieve(list(gone), with_payload=False, with_vector=False):
            return
        self._build(_without(self._edge, gone))
        self._edge.close()
        self._edge = EdgeShard.load(str(folders.install(self._home)))
        self.points = self.count()

    def search(self, wanted: Wanted) -> tuple[str, ...]:
        """Ids, best first."""
        hits = self._edge.query(self._request(wanted))
        return ranked([(hit.score, hit.payload[ROW]) for hit in hits if hit.payload])

    def count(self) -> int:
        """How many points there are."""
        return self._edge.count(CountRequest())

    def close(self) -> None:
        """Let go of its files."""
        self._edge.close()

    def _point(self, entry: Entry) -> Point:
        vector: dict[str, Any] = {SPARSE: self._encoder.document(entry.text)}
        if entry.meaning is not None:
            vector[DENSE] = list(entry.meaning)
        return Point(id=point_id(self._tenant, entry.id), vector=vector, payload={ROW: entry.id})

    def _request(self, wanted: Wanted) -> QueryRequest:
        words: Any = Query.Nearest(self._encoder.query(wanted.text), using=SPARSE)
        if wanted.meaning is None:
            return QueryRequest(query=words, limit=wanted.limit, with_payload=True)
        fused: Any = Fusion.Rrf(k=RRF_K, weights=list(WEIGHTS))
        return QueryRequest(
            prefetches=[_by_meaning(wanted.meaning), Prefetch(query=words, limit=PREFETCH)],
            query=fused,
            limit=wanted.limit,
            with_payload=True,
        )

    def _build(self, batches: Iterator[list[Point]]) -> None:
        """A shard with these points beside what is there; it does not count before it is installed."""
        edge = EdgeShard.create(str(folders.make(self._home)), self._config)
        try:
            for batch in batches:
                edge.update(UpdateOperation.upsert_points(batch))
            edge.flush()
        finally:
            edge.close()


def _config(dimensions: int) -> EdgeConfig:
    dense = {DENSE: EdgeVectorParams(size=dimensions, distance=Distance.Cosine)} if dimensions else None
    return EdgeConfig(
        vectors=dense,
        sparse_vectors={SPARSE: EdgeSparseVectorParams(modifier=Modifier.Idf)},
        max_search_threads=1,  # Its default is a thread for each core and open shard.
        wal_enabled=True,
    )


def _by_meaning(meaning: Meaning) -> Prefetch:
    query: Any = Query.Nearest(list(meaning), using=DENSE)
    return Prefetch(query=query, limit=PREFETCH)


def _without(edge: EdgeShard, gone: set[str]) -> Iterator[list[Point]]:
    """Its points but these, as they are: no text is needed."""
    offset: Any = None
    while True:
        request = ScrollRequest(offset=offset, limit=PAGE, with_payload=True, with_vector=True)
        records, offset = edge.scroll(request)
        kept = [_copy(record) for record in records if str(record.id) not in gone]
        if kept:
            yield kept
        if offset is None:
            return


def _copy(record: Record) -> Point:
    return Point(id=record.id, vector=record.vector or {}, payload=record.payload)
