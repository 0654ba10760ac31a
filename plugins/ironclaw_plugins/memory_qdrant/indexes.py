"""What every index does, wherever its points are: checks, meanings, batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ironclaw.recall import Indexed
from ironclaw_plugins.memory_qdrant.embedder import Embedder
from ironclaw_plugins.memory_qdrant.naming import checked
from ironclaw_plugins.memory_qdrant.shelf import Entry, Shelf, Wanted

BATCH = 256  #: Memories that are written at once: what one failure has to do again.
MOST_WORDS = 4_000  #: Characters of a question that count.
MOST_FOUND = 100


class Indexes:
    """Every tenant's index.

    :param open_shelf: called when the first of them is asked
    :param embedder: what makes meanings; None to search by words alone
    """

    def __init__(self, open_shelf: Callable[[], Shelf], embedder: Embedder | None, version: str) -> None:
        self._open_shelf = open_shelf
        self._shelf: Shelf | None = None
        self._embedder = embedder
        self._version = version

    @property
    def kind(self) -> str:
        """ "hybrid", but "lexical" while the embeddings server does not answer, and where there is none."""
        return "hybrid" if self._embedder and self._embedder.is_up else "lexical"

    @property
    def version(self) -> str:
        return self._version

    def of(self, tenant: str) -> TenantIndex:
        """
        :raises ValueError: no tenant is named
        """
        if self._shelf is None:
            self._shelf = self._open_shelf()
        return TenantIndex(checked(tenant), self._shelf, self._embedder)

    async def close(self) -> None:
        """Let go of files and connections, once what is under way has ended."""
        if self._shelf is not None:
            await self._shelf.close()
        if self._embedder is not None:
            await self._embedder.close()


class TenantIndex:
    """One tenant's: bound to it when it is made."""

    def __init__(self, tenant: str, shelf: Shelf, embedder: Embedder | None) -> None:
        self._tenant = tenant
        self._shelf = shelf
        self._embedder = embedder

    async def put(self, memories: Sequence[Indexed]) -> tuple[str, ...]:
        """See the port."""
        known = list({memory.id: memory for memory in memories}.values())
        missing: list[str] = []
        for start in range(0, len(known), BATCH):
            entries = await self._entries(known[start : start + BATCH])
            await self._shelf.put(self._tenant, entries)
            missing += [entry.id for entry in entries if self._embedder and entry.meaning is None]
        return tuple(missing)

    async def _entries(self, memories: Sequence[Indexed]) -> list[Entry]:
        texts = [_clean(memory.text) for memory in memories]
        meanings = await self._embedder.documents(texts) if self._embedder else [None] * len(texts)
        return [
            Entry(memory.id, text, meaning)
            for memory, text, meaning in zip(memories, texts, meanings, strict=True)
        ]

    async def remove(self, ids: Sequence[str]) -> None:
        """See the port."""
        if ids:
            await self._shelf.remove(self._tenant, tuple(dict.fromkeys(ids)))

    async def search(self, words: str, limit: int) -> tuple[str, ...]:
        """See the port."""
        text = _clean(words[:MOST_WORDS])
        if limit < 1 or not text.strip():
            return ()
        meaning = await self._embedder.query(text) if self._embedder else None
        return await self._shelf.search(self._tenant, Wanted(text, min(limit, MOST_FOUND), meaning))

    async def count(self) -> int:
        """See the port."""
        return await self._shelf.count(self._tenant)

    async def clear(self) -> None:
        """See the port."""
        await self._shelf.clear(self._tenant)


def _clean(text: str) -> str:
    """Text that can be written as UTF-8: half a surrogate pair cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
