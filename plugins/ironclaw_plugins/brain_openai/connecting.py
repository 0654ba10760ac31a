"""The network: one request to a model's server, and what came of it.

Imported late: the libraries take a second, which a bot that plans with another brain need not wait.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import structlog
from httpx2 import (
    AsyncByteStream,
    AsyncHTTPTransport,
    ConnectError,
    ConnectTimeout,
    HTTPError,
    Limits,
    Request,
    Response,
    Timeout,
)
from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncAPIResponse,
    AsyncAzureOpenAI,
    AsyncOpenAI,
    DefaultAsyncHttpx2Client,
)

from ironclaw.errors import BrainError
from ironclaw_plugins.brain_openai import told
from ironclaw_plugins.brain_openai.faults import (
    BROKE_OFF,
    ENDLESS,
    LATE,
    UNREACHABLE,
    Passing,
    Said,
    Untaken,
    refused,
)
from ironclaw_plugins.brain_openai.servers import Server
from ironclaw_plugins.brain_openai.sse import events
from ironclaw_plugins.brain_openai.wire import Api, Draft, Reply

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 5.0
MAX_REPLY = 8 * 2**20  #: Bytes of one reply.
MAX_AT_ONCE = 2**19  #: Of one in one piece, or of one event: nothing else is done while it is read.
MAX_REFUSAL = 64 * 2**10  #: Bytes of one error, as they come.


def connect(server: Server, read_seconds: float) -> AsyncOpenAI:
    """Neither proxies nor redirects: the conversation goes to the configured server and nowhere else.

    :param read_seconds: how long the server may stay silent
    """
    more: dict[str, Any] = {
        "api_key": server.key,
        "max_retries": 0,  # Its own would not wait for as long as a server asks.
        "timeout": Timeout(read_seconds, connect=CONNECT_SECONDS),
        "http_client": DefaultAsyncHttpx2Client(
            trust_env=False,
            follow_redirects=False,
            # A turn takes seconds: a kept connection would save little, and nobody closes a plugin.
            transport=Bounded(trust_env=False, limits=Limits(max_keepalive_connections=0)),
        ),
    }
    client = (
        AsyncAzureOpenAI(azure_endpoint=server.base_url, api_version=server.api_version, **more)
        if server.api_version
        else AsyncOpenAI(base_url=server.base_url, **more)
    )
    # The library reads these from the environment; ours is read in settings alone.
    client.organization = client.project = None
    return client


class Bounded(AsyncHTTPTransport):
    """Cuts what is not a reply: the library reads all of an error, however long it is."""

    async def handle_async_request(self, request: Request) -> Response:
        # Nothing packed: what unpacks to all memory, or to nothing for ever, does so before anybody counts.
        request.headers["accept-encoding"] = "identity"
        response = await super().handle_async_request(request)
        if response.status_code >= 300 and isinstance(response.stream, AsyncByteStream):
            response.stream = _Cut(response.stream)
        response.headers.pop("content-encoding", None)  # Of who packs all the same, the bytes as they came.
        # Nor in any charset but UTF-8: Python has some that are none, and the library takes them all.
        response.headers["content-type"] = response.headers.get("content-type", "").partition(";")[0]
        return response


class _Cut(AsyncByteStream):
    def __init__(self, whole: AsyncByteStream) -> None:
        self._whole = whole

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MAX_REFUSAL
        async for piece in self._whole:
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                return

    async def aclose(self) -> None:
        await self._whole.aclose()


async def exchange(client: AsyncOpenAI, api: Api, body: dict[str, Any], draft: Draft) -> Reply:
    """One request.

    :raises Untaken: it was refused, or never got there
    :raises Passing: another one may go better
    :raises Broken: one that tells the model what was wrong may go better
    :raises BrainError: none would
    """
    try:
        return await _reply(client, api, body, draft)
    except APIStatusError as error:
        raise Untaken(refused(error.status_code, Said.of(error.body), error.response.headers)) from None
    except APIConnectionError as error:
        fault = Passing(LATE if isinstance(error, APITimeoutError) else UNREACHABLE)
        raise (Untaken(fault) if _never_got_there(error) else fault) from None
    except HTTPError:
        raise Passing(BROKE_OFF) from None
    except BrainError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever a library makes of it, the next model may do better
        log.warning("model_request_failed", error=type(error).__name__)
        raise BrainError(f"The model's server could not be asked ({type(error).__name__}).") from None


def _never_got_there(error: APIConnectionError) -> bool:
    return isinstance(error.__cause__, (ConnectError, ConnectTimeout))


async def _reply(client: AsyncOpenAI, api: Api, body: dict[str, Any], draft: Draft) -> Reply:
    named = {key: body[key] for key in ("model", "messages") if key in body and api.name == "chat"}
    endpoint: Any = client.chat.completions if api.name == "chat" else client.responses
    async with endpoint.with_streaming_response.create(**named, extra_body=body) as answer:
        if "text/event-stream" in answer.headers.get("content-type", ""):
            return await _assembled(answer, api, draft)
        return api.reply(b"".join([piece async for piece in _pieces(answer, MAX_AT_ONCE)]))


async def _assembled(answer: AsyncAPIResponse[Any], api: Api, draft: Draft) -> Reply:
    """A reply that comes in events.  One that breaks after it began is the model's to give again."""
    assembly, has_begun = api.assembly(draft), False
    try:
        async for event in events(_pieces(answer, MAX_REPLY)):
            if len(event) > MAX_AT_ONCE:
                raise BrainError(ENDLESS)
            draft.events += 1
            assembly.add(event)
            has_begun = True
    except HTTPError:
        if not has_begun:
            raise
        raise told.cut() from None
    return assembly.reply()


async def _pieces(answer: AsyncAPIResponse[Any], left: int) -> AsyncIterator[bytes]:
    """The reply's bytes, counted so that a server cannot fill the memory.

    :param left: how many of them there may be
    """
    async for piece in answer.iter_bytes():
        left -= len(piece)
        if left < 0:
            raise BrainError(ENDLESS)
        yield piece
