"""Memory, put together: what keeps it, what finds it again, what a brain is given of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ironclaw.app import memory_tools
from ironclaw.app.memories import Memories
from ironclaw.app.memory_index import MemoryIndexing
from ironclaw.app.memory_tools import MemoryRunner
from ironclaw.app.retention import Keeping
from ironclaw.memory import MemorySeals
from ironclaw.orchestrator.recalling import Recalling
from ironclaw.orchestrator.results import Results
from ironclaw.plugin_manager import Hooks
from ironclaw.recall import MemoryIndexes
from ironclaw.registry import Registry
from ironclaw.store import Store
from ironclaw.tenancy import Tenancy


@dataclass(frozen=True, slots=True)
class Remembering:
    """Its parts, which share one index and one key."""

    indexes: MemoryIndexes | None
    memories: Memories
    indexing: MemoryIndexing
    recalling: Recalling
    runner: MemoryRunner
    keeping: Keeping

    @classmethod
    def over(
        cls,
        store: Store,
        hooks: Hooks,
        tenancy: Tenancy,
        key: bytes,
        results: Results,
        clock: Callable[[], float],
    ) -> Remembering:
        """
        :param key: the host's own: memories outlive a restore
        :raises SettingsError: several plugins would find memories again
        """
        indexes, seals = hooks.memory_indexes(), MemorySeals(key)
        indexing = MemoryIndexing(store, indexes, clock)
        memories = Memories(store, tenancy, seals, indexing, hooks.redact, results.forget, clock)
        recalling = Recalling(store, indexes, tenancy, seals, clock)
        runner = MemoryRunner(store, memories, recalling)
        keeping = Keeping(store, tenancy, memories, results.forget, clock)
        return cls(indexes, memories, indexing, recalling, runner, keeping)

    def offered(self, registry: Registry) -> Registry:
        """The tools with those of memory, where something finds memories again.

        :raises ToolboxError: another toolbox has one of their names
        """
        if self.indexes is None:
            return registry
        others = (tool for tool in registry.tools if tool.toolbox.name != "memory")
        return Registry([*others, *memory_tools.tools()], registry.left_out)

    async def close(self) -> None:
        """Let go of the index."""
        if self.indexes is not None:
            await self.indexes.close()
