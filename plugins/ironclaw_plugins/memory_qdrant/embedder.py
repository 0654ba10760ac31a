"""What texts mean, as vectors, from any server that speaks OpenAI's ``/embeddings``.

It never raises: where the server does not do, there is no meaning, and the words still find what has them.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import structlog

from ironclaw.settings import Settings
from ironclaw_plugins.memory_qdrant.shelf import Meaning

if TYPE_CHECKING:
    from openai import AsyncOpenAI

log = structlog.get_logger(__name__)

OPENAI = "https://api.openai.com/v1"
BATCH = 64  #: Texts in one request.
MOST_TEXT = 8_000  #: Characters of one text: models take about 8,000 tokens.
CONNECT_SECONDS = 3.0
BYTES_OF_A_NUMBER = 40  #: At most, as JSON, spaces included.
BYTES_AROUND = 64 * 1024


class Unusable(Exception):
    """The server's answer is not what was asked for."""


class Embedder:
    """Asks the server, and not again for a while after it failed.

    :param search_seconds: how long a search waits for the meaning of its words
    :param put_seconds: how long a batch of memories does
    :param pause_seconds: how long nobody asks a server that failed
    """

    def __init__(
        self,
        settings: Settings,
        search_seconds: float = 2.0,
        put_seconds: float = 20.0,
        pause_seconds: float = 15.0,
    ) -> None:
        self._settings = settings
        self._search_seconds = search_seconds
        self._put_seconds = put_seconds
        self._pause_seconds = pause_seconds
        self._paused_until = 0.0

    @property
    def is_up(self) -> bool:
        """Whether it answered when it was last asked, or may be asked again."""
        return time.monotonic() >= self._paused_until

    async def query(self, text: str) -> Meaning | None:
        """What a question means; None where nobody can say in time."""
        return (await self._asked([text], self._search_seconds))[0]

    async def documents(self, texts: Sequence[str]) -> list[Meaning | None]:
        """What each text means, in their order; None for those of which nobody can say."""
        found: list[Meaning | None] = []
        for start in range(0, len(texts), BATCH):
            found += await self._asked(texts[start : start + BATCH], self._put_seconds)
        return found

    async def close(self) -> None:
        """Close the connections."""
        if "_client" in vars(self):
            await self._client.close()

    async def _asked(self, texts: Sequence[str], seconds: float) -> Sequence[Meaning | None]:
        if self.is_up:
            try:
                # In a thread: the import takes a second, the trust store a moment, and others must not wait.
                client = await asyncio.to_thread(lambda: self._client)
                async with asyncio.timeout(seconds):
                    return await self._vectors(client, texts)
            except Exception as error:  # noqa: BLE001  # whatever it is, the words still find
                self._pause(error)
        return [None] * len(texts)

    def _pause(self, error: Exception) -> None:
        self._paused_until = time.monotonic() + self._pause_seconds
        # A library's own words may quote the request, and so the memories.
        why = str(error) if isinstance(error, Unusable) else type(error).__name__
        log.warning(
            "embeddings_failed", why=why, remedy="memories are found by their words only until it answers"
        )

    async def _vectors(self, client: AsyncOpenAI, texts: Sequence[str]) -> list[Meaning]:
        body: dict[str, Any] = {"model": self._settings.embeddings_model, "encoding_format": "float"}
        if self._chooses_length():
            body["dimensions"] = self._settings.embeddings_dimensions
        body["input"] = [text[:MOST_TEXT] for text in texts]
        most = BYTES_AROUND + len(texts) * self._settings.embeddings_dimensions * BYTES_OF_A_NUMBER
        async with client.embeddings.with_streaming_response.create(**body) as reply:
            return vectors(await _bytes(reply, most), len(texts), self._settings.embeddings_dimensions)

    def _chooses_length(self) -> bool:
        """OpenAI's models make vectors of the length they are asked for; other servers refuse the word."""
        return self._settings.embeddings_model.startswith("text-embedding-3")

    @cached_property
    def _client(self) -> AsyncOpenAI:
        """Neither proxies nor redirects: the texts go to the configured server and nowhere else."""
        from httpx2 import Timeout  # noqa: PLC0415  # it takes a second, as above
        from openai import AsyncOpenAI, DefaultAsyncHttpx2Client  # noqa: PLC0415  # likewise

        from ironclaw_plugins.brain_openai.connecting import Bounded  # noqa: PLC0415  # likewise

        key = self._settings.embeddings_api_key
        client = AsyncOpenAI(
            api_key=key.get_secret_value() if key else "none",  # Local servers need none, the library does.
            base_url=self._settings.embeddings_base_url or OPENAI,
            max_retries=0,  # The one who wants the meaning asks again, later.
            timeout=Timeout(self._put_seconds, connect=CONNECT_SECONDS),
            http_client=DefaultAsyncHttpx2Client(
                trust_env=False, follow_redirects=False, transport=Bounded(trust_env=False)
            ),
        )
        # The library reads these from the environment; ours is read in settings alone.
        client.organization = client.project = None
        return client


async def _bytes(reply: Any, most: int) -> bytes:
    """
    :raises Unusable: more of them than vectors of that length can be
    """
    found = bytearray()
    async for piece in reply.iter_bytes():
        found += piece
        if len(found) > most:
            raise Unusable("the server's answer is far longer than it can be: check embeddings_dimensions")
    return bytes(found)


def vectors(reply: bytes, count: int, dimensions: int) -> list[Meaning]:
    """The vectors of a reply, in the order of the texts.

    :raises Unusable: not exactly so many, of exactly that length, of numbers that can be compared
    """
    try:
        by_index = {each["index"]: each["embedding"] for each in json.loads(reply)["data"]}
        found = [by_index[index] for index in range(count)]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unusable("the server's answer is no list of embeddings: check embeddings_base_url") from None
    return [_checked(each, dimensions) for each in found]


def _checked(vector: object, dimensions: int) -> Meaning:
    """
    :raises Unusable: the vector is none, has another length, or points nowhere
    """
    if not isinstance(vector, list) or not all(type(each) in (int, float) for each in vector):
        raise Unusable("an embedding is no list of numbers: check embeddings_base_url")
    if len(vector) != dimensions:
        raise Unusable(f"the model makes {len(vector)} numbers, embeddings_dimensions says {dimensions}")
    length = math.hypot(*vector)
    if not 0 < length < 1e18:
        raise Unusable("an embedding points nowhere: check embeddings_model")
    return tuple(float(each) for each in vector)
