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
from ironclaw.mcp.flow import Ended, Flood, Meter, values
from ironclaw.mcp.screening import Screened

CHUNK = 64 * 1024
#: What the protocol sends and reads; nothing of a connection's own, no cookie, no challenge.
SENT = frozenset({"accept", "cache-control", "content-type", "last-event-id"})
READ = frozenset({"content-type", "mcp-session-id"})
MAX_HEADER = 1024
REQUEST = 5  #: Messages that a request of ours counts as: a server decides how soon it is asked again.
EVENT = 4  #: Lines that a message has at least, in a stream of events.

Lend = Callable[[], Awaitable[Injection | None]]


class Door(httpx2.AsyncBaseTransport):
    """Lets requests to one address out."""

    def __init__(self, endpoint: Endpoint, lend: Lend, meter: Meter, ended: Ended) -> None:
        """
        :param lend: gives the secret of the server as it is now
        :param meter: of all that the server brings about
        """
        self._endpoint, self._lend, self._meter, self._ended = endpoint, lend, meter, ended
        self._url = httpx2.URL(str(endpoint.target.url()))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        stack = contextlib.AsyncExitStack()
        try:
            if request.url != self._url:
                raise EgressDenied("It leads to another address.")
            self._meter.take(0, messages=REQUEST)
            sent = self._endpoint.request(
                request.method, _sent(request), await request.aread(), await self._lend()
            )
            answer = await stack.enter_async_context(sent)
        except Flood as error:
            self._ended.say(str(error))
            raise httpx2.ConnectError(str(error), request=request) from None
        except IronclawError as error:
            await stack.aclose()
            self._ended.why = self._ended.why or str(error)
            raise httpx2.ConnectError(str(error), request=request) from None
        body = _Body(answer, stack, self._meter, self._ended)
        return httpx2.Response(answer.status, headers=_read(answer), stream=body, request=request)


class _Body(httpx2.AsyncByteStream):
    """An answer's bytes, each message and all of them bounded."""

    def __init__(
        self, answer: ClientResponse, stack: contextlib.AsyncExitStack, meter: Meter, ended: Ended
    ) -> None:
        self._answer, self._stack, self._meter, self._ended = answer, stack, meter, ended
        self._is_stream = answer.headers.get("Content-Type", "").lower().startswith("text/event-stream")
        self._line = b""  #: That has not ended yet.

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = 0
        try:
            async for chunk in self._answer.content.iter_chunked(CHUNK):
                total += len(chunk)
                self._take(chunk)
                if total > MAX_MESSAGE and not self._is_stream:
                    raise Flood(f"it sent a message of more than {MAX_MESSAGE} bytes")
                yield chunk
            self._meter.take(0, messages=0, values=values(self._line))
        except Flood as error:
            self._ended.say(str(error))
            raise httpx2.ReadError(str(error)) from None
        except (EgressDenied, EgressUnavailable, OSError) as error:
            raise httpx2.ReadError(str(error)) from None

    def _take(self, chunk: bytes) -> None:
        """
        :raises Flood: it is too much
        """
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1
        lines = self._line + chunk[:end] if end else b""
        self._line = chunk[end:] if end else self._line + chunk
        if len(self._line) > MAX_MESSAGE:
            raise Flood(f"it sent a message of more than {MAX_MESSAGE} bytes")
        ends = lines.count(b"\n") + lines.count(b"\r") if self._is_stream else 0
        self._meter.take(len(chunk), messages=max(1, ends // EVENT), values=values(lines))

    async def aclose(self) -> None:
        await self._stack.aclose()


def _sent(request: httpx2.Request) -> CIMultiDict[str]:
    given = ((name.lower(), value) for name, value in request.headers.items())
    allowed = ((n, v) for n, v in given if n in SENT or n.startswith("mcp-"))
    return CIMultiDict((n, v) for n, v in allowed if len(v) <= MAX_HEADER)


def _read(answer: ClientResponse) -> list[tuple[str, str]]:
    """No Location: nothing is followed.  No other packing than none was asked for, also none as a charset."""
    given = ((name.lower(), value.partition(";")[0]) for name, value in answer.headers.items())
    return [(name, value) for name, value in given if name in READ and len(value) <= MAX_HEADER]


@contextlib.asynccontextmanager
async def web(endpoint: Endpoint, lend: Lend, ended: Ended) -> AsyncIterator[TransportStreams]:
    """A server behind an address, as a transport of the ``mcp`` package."""
    meter = Meter()
    door = Door(endpoint, lend, meter, ended)
    client = httpx2.AsyncClient(transport=door, trust_env=False, follow_redirects=False, timeout=None)
    async with (
        client,
        streamable_http_client(
            str(endpoint.target.url()), http_client=client, max_sse_event_size=MAX_MESSAGE
        ) as (incoming, outgoing),
    ):
        yield Screened(incoming, meter, ended), outgoing
    ended.say("it was let go")
