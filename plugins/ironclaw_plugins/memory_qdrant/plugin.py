"""Chooses where the index is and what it searches by, as the settings say."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import structlog

from ironclaw.errors import SettingsError
from ironclaw.hookspecs import Services, hookimpl
from ironclaw.recall import MemoryIndexes
from ironclaw.settings import Settings, check_address
from ironclaw_plugins.memory_qdrant.embedded import EdgeShelf
from ironclaw_plugins.memory_qdrant.embedder import Embedder
from ironclaw_plugins.memory_qdrant.indexes import Indexes
from ironclaw_plugins.memory_qdrant.naming import index_name, place_of
from ironclaw_plugins.memory_qdrant.shelf import Shelf

log = structlog.get_logger(__name__)


class MemoryQdrant:
    """The hook ``ironclaw_memory_indexes``."""

    def __init__(self, services: Services) -> None:
        """
        :raises SettingsError: an address that cannot be, a key that would travel in the clear, or a package
            that is not installed
        """
        self._indexes = indexes(services.settings)

    @hookimpl
    def ironclaw_memory_indexes(self) -> MemoryIndexes | None:
        """None, said in the log, where several processes share a database and no server of Qdrant's."""
        return self._indexes


def indexes(settings: Settings) -> Indexes | None:
    """What the settings ask for.

    :raises SettingsError: they cannot be followed
    """
    embedder, name = _embedder(settings), _name(settings)
    if settings.qdrant_url:
        return Indexes(_on_server(settings, name), embedder, place_of(settings.qdrant_url, name))
    if settings.postgres:
        # Each process would have its own files, with what it happened to index itself.
        log.warning(
            "memory_search_off", remedy="processes that share a database need a Qdrant server: QDRANT_URL"
        )
        return None
    return Indexes(_in_files(settings, name), embedder, place_of("", name))


def _embedder(settings: Settings) -> Embedder | None:
    if not settings.embeddings_model:
        if settings.embeddings_base_url:
            raise SettingsError("embeddings_model: name the model that embeddings_base_url serves.")
        return None
    if settings.embeddings_base_url:
        has_key = settings.embeddings_api_key is not None
        check_address("embeddings_base_url", settings.embeddings_base_url, has_key=has_key)
    return Embedder(settings)


def _name(settings: Settings) -> str:
    return index_name(settings.embeddings_model, settings.embeddings_dimensions)


def _dimensions(settings: Settings) -> int:
    """0 where nothing is searched by its meaning."""
    return settings.embeddings_dimensions if settings.embeddings_model else 0


def _in_files(settings: Settings, name: str) -> Callable[[], Shelf]:
    return lambda: EdgeShelf(settings.data_dir / "memory", name, _dimensions(settings))


def _on_server(settings: Settings, name: str) -> Callable[[], Shelf]:
    key = settings.qdrant_api_key
    check_address("qdrant_url", settings.qdrant_url, has_key=key is not None)
    if find_spec("qdrant_client") is None:
        raise SettingsError(
            "qdrant_url needs another package. In the clone: .venv/bin/pip install -e '.[qdrant]'."
        )
    # Here, while nobody waits for the loop yet: it takes a second, and who has files need not have it.
    from ironclaw_plugins.memory_qdrant.server import ServerShelf  # noqa: PLC0415  # as above

    secret = key.get_secret_value() if key else ""
    prefix, size = settings.qdrant_collection, _dimensions(settings)
    return lambda: ServerShelf(settings.qdrant_url, secret, prefix, name, size)
