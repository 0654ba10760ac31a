"""Streamable HTTP of the ``mcp`` package, sent through our own door to the network and no other."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2
from aiohttp import ClientResponse
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client
from multidict import CIMultiDict

from ironclaw.binding import Injection
from ironclaw.egress.endpoint import Endpoint
from ironclaw.errors import EgressDenied, EgressUnavailable, IronclawError
from ironclaw.mcp.confining import MAX_MESSAGE
from ironclaw.mcp.flow import Ended, Flood, Meter

CHUNK = 64 * 1024
#: What the protocol sends and reads; nothing of a connection's own, no cookie, no challenge.
SENT = frozenset({"accept", "cache-control", "content-type", "last-event-id"})
READ = frozenset({"content-type", "mcp-session-id"})
MAX_HEADER = 1024

Lend = Callable[[], Awaitable[Injection | None]]


class Door(httpx2.AsyncBaseTransport):
    """Lets requests to one address out."""

    def __init__(self, endpoint: Endpoint, lend: Lend, ended: Ended) -> None:
        """
        :param lend: gives the secret of the server as it is now
        """
        self._endpoint, self._lend, self._ended = endpoint, lend, ended
        self._url = httpx2.URL(str(endpoint.target.url()))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        stack = contextlib.AsyncExitStack()
        try:
            if request.url != self._url:
                raise EgressDenied("It leads to another address.")
            body = await request.aread()
            sent = self._endpoint.request(request.method, _sent(request), body, await self._lend())
            answer = await stack.enter_async_context(sent)
        except IronclawError as error:
            await stack.aclose()
            self._ended.why = self._ended.why or str(error)
            raise httpx2.ConnectError(str(error), request=request) from None
        return httpx2.Response(
            answer.status, headers=_read(answer), stream=_Body(answer, stack), request=request
        )


class _Body(httpx2.AsyncByteStream):
    """An answer's bytes, each message and all of them bounded."""

    def __init__(self, answer: ClientResponse, stack: contextlib.AsyncExitStack) -> None:
        self._answer, self._stack = answer, stack

    async def __aiter__(self) -> AsyncIterator[bytes]:
        is_stream = self._answer.headers.get("Content-Type", "").startswith("text/event-stream")
        meter, total = Meter(), 0
        try:
            async for chunk in self._answer.content.iter_chunked(CHUNK):
                meter.take(len(chunk))
                total += len(chunk)
                if total > MAX_MESSAGE and not is_stream:
                    raise Flood(f"it sent a message of more than {MAX_MESSAGE} bytes")
                yield chunk
        except (Flood, EgressDenied, EgressUnavailable, OSError) as error:
            raise httpx2.ReadError(str(error)) from None

    async def aclose(self) -> None:
        await self._stack.aclose()


def _sent(request: httpx2.Request) -> CIMultiDict[str]:
    given = ((name.lower(), value) for name, value in request.headers.items())
    return CIMultiDict((n, v) for n, v in given if n in SENT or n.startswith("mcp-"))


def _read(answer: ClientResponse) -> list[tuple[str, str]]:
    """No Location: nothing is followed.  No other packing than none: none was asked for."""
    given = ((name.lower(), value) for name, value in answer.headers.items())
    return [(name, value) for name, value in given if name in READ and len(value) <= MAX_HEADER]


@contextlib.asynccontextmanager
async def web(endpoint: Endpoint, lend: Lend, ended: Ended) -> AsyncIterator[TransportStreams]:
    """A server behind an address, as a transport of the ``mcp`` package."""
    door = Door(endpoint, lend, ended)
    client = httpx2.AsyncClient(transport=door, trust_env=False, follow_redirects=False, timeout=None)
    async with (
        client,
        streamable_http_client(
            str(endpoint.target.url()), http_client=client, max_sse_event_size=MAX_MESSAGE
        ) as streams,
    ):
        yield streams
    ended.say("it was let go")
