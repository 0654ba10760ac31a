"""An embeddings server on loopback.  What it says of a text is made by the test: no model is here."""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web

KEY, MODEL = "embed-key", "stub-embed"
DIMENSIONS = 64
Embed = Callable[[str], list[float]]


def by_words(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """A text's words, each hashed into one of the numbers: near for common words, and no more than that."""
    return of_marks(re.findall(r"\w+", text.lower()), dimensions)


def by_digest(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Numbers of which none is 0, near to nothing but the same text."""
    digest = hashlib.shake_256(text.encode()).digest(dimensions)
    found = [each - 127.5 for each in digest]
    length = math.hypot(*found)
    return [each / length for each in found]


def of_marks(marks: list[str], dimensions: int) -> list[float]:
    """A vector of length 1 in which each mark has its place and sign."""
    found = [0.0] * dimensions
    for mark in marks or ["nothing"]:
        digest = hashlib.sha256(mark.encode()).digest()
        found[int.from_bytes(digest[:4], "big") % dimensions] += 1.0 if digest[4] & 1 else -1.0
    length = math.hypot(*found)
    return [each / length for each in found] if length else [1.0, *found[1:]]


class FakeEmbeddings:
    """
    :ivar texts: that were sent, in order
    :ivar status: answered instead of the truth, where it is not 200
    :ivar elsewhere: where a redirect leads; here when empty
    :ivar raw: the body instead of the truth, where it is not empty
    :ivar is_slow: nothing is answered before the client goes away
    :ivar complaints: what was wrong with requests
    """

    def __init__(self, embed: Embed = by_words) -> None:
        self.embed = embed
        self.texts: list[str] = []
        self.requests = 0
        self.status = 200
        self.elsewhere = ""
        self.raw = b""
        self.is_slow = False
        self.complaints: list[str] = []
        self.url = ""
        app = web.Application(client_max_size=2**24)
        app.router.add_post("/v1/embeddings", self._embeddings)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()

    async def _embeddings(self, request: web.Request) -> web.Response:
        body: dict[str, Any] = await request.json()
        self.requests += 1
        self._check(request, body)
        if self.is_slow:
            await asyncio.Event().wait()
        if self.status != 200:
            where = {"Location": f"{self.elsewhere or self.url}/embeddings"}
            return web.json_response({"error": {"message": "as told"}}, status=self.status, headers=where)
        if self.raw:
            return web.Response(body=self.raw, content_type="application/json")
        self.texts += body["input"]
        data = [{"index": n, "embedding": self.embed(text)} for n, text in enumerate(body["input"])]
        return web.json_response({"object": "list", "model": MODEL, "data": data[::-1]})

    def _check(self, request: web.Request, body: dict[str, Any]) -> None:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            self.complaints.append("another key")
        if {"model": MODEL, "encoding_format": "float"} != {k: v for k, v in body.items() if k != "input"}:
            self.complaints.append(f"asked with {sorted(body)}")
