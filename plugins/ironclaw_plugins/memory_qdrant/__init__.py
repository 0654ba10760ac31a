"""The plugin ``memory_qdrant``: finds memories again with Qdrant, in files of this process or on a server."""

from ironclaw_plugins.memory_qdrant.plugin import MemoryQdrant

__all__ = ["MemoryQdrant"]
