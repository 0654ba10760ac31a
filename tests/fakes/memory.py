"""Indexes of memories for tests: in files, or on a server that is not there without the test."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from ironclaw.recall import Indexed
from ironclaw.settings import Settings
from ironclaw_plugins.memory_qdrant.indexes import Indexes
from ironclaw_plugins.memory_qdrant.plugin import indexes
from tests.fakes import embeddings, qdrant

PLACES = ("files", "server")


def rows(*texts: str, prefix: str = "m") -> list[Indexed]:
    """Memories m0, m1 and so on."""
    return [Indexed(f"{prefix}{number}", text) for number, text in enumerate(texts)]


def meaning(server: embeddings.FakeEmbeddings, **changes: Any) -> dict[str, Any]:
    """The settings that have texts embedded by this server."""
    known = {
        "embeddings_model": embeddings.MODEL,
        "embeddings_base_url": server.url,
        "embeddings_api_key": embeddings.KEY,
        "embeddings_dimensions": embeddings.DIMENSIONS,
    }
    return {**known, **changes}


def opened(folder: Path, **changes: Any) -> Indexes:
    """Whoever calls it closes them.

    :param folder: the data_dir
    """
    found = indexes(Settings.model_validate({"data_dir": folder, **changes}))
    assert found is not None
    return found


@contextlib.asynccontextmanager
async def files(folder: Path, **changes: Any) -> AsyncIterator[Indexes]:
    """In files of that data_dir."""
    found = opened(folder, **changes)
    try:
        yield found
    finally:
        await found.close()


@contextlib.asynccontextmanager
async def on_server(folder: Path, server: qdrant.FakeQdrant, **changes: Any) -> AsyncIterator[Indexes]:
    """On that server."""
    async with files(folder, qdrant_url=server.url, qdrant_api_key=qdrant.KEY, **changes) as found:
        yield found


@contextlib.asynccontextmanager
async def at(place: str, folder: Path, **changes: Any) -> AsyncIterator[Indexes]:
    """At one of the two places; a server's requests were all as they must be."""
    if place == "files":
        async with files(folder, **changes) as found:
            yield found
        return
    async with qdrant.FakeQdrant() as server:
        async with on_server(folder, server, **changes) as found:
            yield found
        assert [] == server.complaints
