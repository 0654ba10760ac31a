"""Vectors: whatever is asked of one tenant's index, nothing of another's comes, goes or counts."""

from __future__ import annotations

import contextlib
import inspect
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from ironclaw.recall import Indexed, MemoryIndex
from ironclaw.settings import Settings
from ironclaw_plugins.memory_qdrant.plugin import indexes

#: The same text under the same id in both, as ids that are made of the text would be; and one of its own.
SAME = Indexed("0" * 32, "the launch code is tangerine")
THEIRS = Indexed("2" * 32, "only the rival knows marmalade")
MINE = Indexed("1" * 32, "our own note on quinces")


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Any]:
    with tempfile.TemporaryDirectory() as folder:
        found = indexes(Settings.model_validate({"data_dir": Path(folder) / "data"}))
        assert found
        await found.of("T1").put([SAME, MINE])
        await found.of("T2").put([SAME, THEIRS])
        try:
            yield Questions(found).play
        finally:
            await found.close()


class Questions:
    """Asks the real index, in files."""

    def __init__(self, indexes: Any) -> None:
        self._indexes = indexes
        self._mine: MemoryIndex = indexes.of("T1")
        self._ways: dict[str, Callable[[], Awaitable[str | None]]] = {
            "vector_memory-01": lambda: self._raises(""),
            "vector_memory-02": lambda: self._raises(None),
            "vector_memory-03": lambda: self._raises(["T1", "T2"]),
            "vector_memory-04": self._finds_its_own,
            "vector_memory-05": self._takes_no_filter,
            "vector_memory-07": self._removes_its_own,
            "vector_memory-09": self._same_id,
            "vector_memory-10": self._by_example,
            "vector_memory-11": self._counts_its_own,
            "vector_memory-13": lambda: self._raises("T1/../x"),
        }

    async def play(self, case: Mapping[str, str]) -> str | None:
        return await self._ways[case["id"]]()

    async def _raises(self, tenant: Any) -> str | None:
        try:
            self._indexes.of(tenant)
        except (ValueError, TypeError):
            return None
        return f"an index of {tenant!r} was given out"

    async def _finds_its_own(self) -> str | None:
        """With no filter to give, everything that fits is one's own."""
        found = set(await self._mine.search("launch code tangerine rival marmalade quinces", 100))
        return None if found == {SAME.id, MINE.id} else f"found {found}"

    async def _takes_no_filter(self) -> str | None:
        """No method takes a filter, an offset or a tenant."""
        taken = {
            name
            for verb in ("put", "remove", "search", "count", "clear")
            for name in inspect.signature(getattr(self._mine, verb)).parameters
        }
        found = await self._mine.search(THEIRS.id, 100)
        return None if taken <= {"memories", "ids", "words", "limit"} and not found else f"{taken} {found}"

    async def _removes_its_own(self) -> str | None:
        await self._mine.remove([THEIRS.id])
        found = await self._indexes.of("T2").search("marmalade", 10)
        return None if found == (THEIRS.id,) else "another's point was removed"

    async def _same_id(self) -> str | None:
        """One point each, under one id: the one goes, the other stays."""
        await self._mine.remove([SAME.id])
        found = await self._indexes.of("T2").search("tangerine", 10)
        await self._mine.put([SAME])
        return None if found == (SAME.id,) else "the twin went with it"

    async def _by_example(self) -> str | None:
        """The words of another's point find nothing: there is no search by a point's id."""
        found = await self._mine.search("only rival knows marmalade", 10)
        return f"found {found}" if THEIRS.id in found or hasattr(self._mine, "recommend") else None

    async def _counts_its_own(self) -> str | None:
        count = await self._mine.count()
        return None if count == 2 else f"counted {count}"
