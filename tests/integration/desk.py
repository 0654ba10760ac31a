"""The memory of one process over either database, an index that fails when it is told to, and a memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.fakes import memory
from tests.fakes.clock import Clock
from tests.fakes.postgres import NOT_INSTALLED, programs
from tests.integration.engine import ADA, settings

from ironclaw.app.memories import Memories
from ironclaw.app.memory_index import MemoryIndexing
from ironclaw.errors import IndexUnavailable
from ironclaw.memory import Memory, MemorySeals, Source, Visibility
from ironclaw.orchestrator.recalling import Recalling
from ironclaw.recall import Indexed, MemoryIndex, MemoryIndexes
from ironclaw.settings import TenantSettings
from ironclaw.store import Store
from ironclaw.task import Principal
from ironclaw.tenancy import Tenancy

FACT = "Billing is deployed on Tuesdays"
WORDS = "when is billing deployed"
SEALS = MemorySeals(b"k" * 32)
BOTH = (
    "sqlite",
    pytest.param("postgres", marks=pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED)),
)


@dataclass
class Desk:
    """The memory of one process.

    :ivar indexes: may be exchanged by a test
    """

    store: Store
    indexes: MemoryIndexes
    clock: Clock
    folder: Path

    def __post_init__(self) -> None:
        tenants = {"T1": TenantSettings(slack=("T1",)), "T2": TenantSettings(slack=("T2",))}
        self.tenancy = Tenancy(settings(self.folder, tenants=tenants), self.clock)
        self.over(self.indexes)

    def over(self, indexes: MemoryIndexes) -> None:
        """The same record with another index."""
        self.indexing = MemoryIndexing(self.store, indexes, self.clock)
        self.memories = Memories(
            self.store, self.tenancy, SEALS, self.indexing, lambda _, text: text, _kept_none, self.clock
        )
        self.recalling = Recalling(self.store, indexes, self.tenancy, SEALS, self.clock)

    async def said(self, text: str = FACT, tenant: str = "T1") -> str:
        who = Principal(tenant, f"slack:{tenant}:U_ADA")
        kept = await self.memories.remember(who, text, Visibility.EVERYBODY)
        return kept.memory.id

    async def found(self, words: str = WORDS, tenant: str = "T1") -> list[str]:
        return [each.id for each in await self.recalling.search(tenant, ADA, "", words)]


async def _kept_none(tenant: str, workflow_id: str) -> None:
    """No result was too long."""


@asynccontextmanager
async def a_desk(folder: Path, url: str = "") -> AsyncIterator[Desk]:
    """
    :param url: of PostgreSQL; "" for SQLite
    """
    store = await Store.open(folder / "ironclaw.db", url)
    await store.map_tenants({}, frozenset({"T1", "T2"}), 1.0)
    async with memory.files(folder / "data") as indexes:
        yield Desk(store, indexes, Clock(), folder)
    await store.close()


class Broken:
    """An index that fails as often as it is told to, and then is the real one.

    :ivar left: failures
    :ivar lacking: what it says that it found by words only
    """

    def __init__(self, real: MemoryIndexes, left: int = 0, version: str = "") -> None:
        self._real = real
        self.left = left
        self.kind = real.kind
        self.version = version or real.version

    def of(self, tenant: str) -> MemoryIndex:
        return _Failing(self, self._real.of(tenant))

    async def close(self) -> None:
        """The real one is the fixture's."""


class _Failing:
    def __init__(self, broken: Broken, real: MemoryIndex) -> None:
        self._broken = broken
        self._real = real

    def _fail(self) -> None:
        if self._broken.left:
            self._broken.left -= 1
            raise IndexUnavailable

    async def put(self, memories: Sequence[Indexed]) -> tuple[str, ...]:
        self._fail()
        return await self._real.put(memories)

    async def remove(self, ids: Sequence[str]) -> None:
        self._fail()
        await self._real.remove(ids)

    async def search(self, words: str, limit: int) -> tuple[str, ...]:
        self._fail()
        return await self._real.search(words, limit)

    async def count(self) -> int:
        return await self._real.count()

    async def clear(self) -> None:
        await self._real.clear()


CANARIES = {"T1": "alpha-zq1", "T2": "beta-zq2"}


def sample(tenant: str, number: int = 0) -> Memory:
    """A memory that says whose it is."""
    text = f"The word of {tenant} is {CANARIES[tenant]}"
    made = Memory(
        f"m-{tenant}{number:014d}", tenant, f"slack:{tenant}:U_ADA", Visibility.EVERYBODY, text,
        Source.USER, 5.0,
    )  # fmt: skip
    return replace(made, mac=SEALS.seal(made))
