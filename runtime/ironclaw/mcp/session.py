"""One connection to a server: hands shaken, its tools listed, one called.  What it asks of us is refused."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from mcp import Client
from mcp.client._transport import TransportStreams
from mcp.client.session import IncomingMessage
from mcp_types import (
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    Implementation,
    InputRequiredResult,
    ListToolsRequest,
    ListToolsResult,
    PaginatedRequestParams,
    Tool,
    ToolListChangedNotification,
)
from pydantic import TypeAdapter

from ironclaw.errors import BadRequest
from ironclaw.mcp.listing import MAX_TOOLS
from ironclaw.mcp.texts import plain
from ironclaw.task import Json

START_SECONDS = 30.0  #: To connect and shake hands; the first half may go to asking for the newer protocol.
LIST_SECONDS = 20.0
MAX_PAGES = 20
MAX_NAME = 200  #: Characters of what a server calls itself.
MAX_CURSOR = 4096  #: Characters of what is sent back for the next page.
_ANSWERS: TypeAdapter[CallToolResult | InputRequiredResult] = TypeAdapter(
    CallToolResult | InputRequiredResult
)

# Their records hold what a server said, with tracebacks: what counts, IronClaw says in its own words.
for _name in ("client", "mcp.client", "mcp.shared"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class Session:
    """A connection that is open.  Made by :func:`opened`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def about(self) -> str:
        """What the server calls itself."""
        info = self._client.server_info
        name = f"{info.name} {info.version}" if info else "no name"
        # Whole or not at all: secrets are taken out of it later, and half a one is none that anybody finds.
        return plain(name, MAX_NAME) if len(name) <= MAX_NAME else "a name that is too long"

    async def tools(self) -> list[dict[str, Json]]:
        """Every tool that it lists now.

        :raises BadRequest: it lists too many
        :raises Exception: whatever the connection raises
        """
        found: list[dict[str, Json]] = []
        cursor: str | None = None
        async with asyncio.timeout(LIST_SECONDS):
            for _ in range(MAX_PAGES):
                request = ListToolsRequest(params=PaginatedRequestParams(cursor=cursor))
                # Not the client's own method: it would leave out what it holds for wrong.
                page = await self._client.session.send_request(request, ListToolsResult)
                found += [_told(tool) for tool in page.tools]
                cursor = page.next_cursor
                if len(found) > MAX_TOOLS or len(cursor or "") > MAX_CURSOR:
                    break
                if cursor is None:
                    return found
        raise BadRequest(f"it lists more than {MAX_TOOLS} tools or {MAX_PAGES} pages, or has no short cursor")

    async def call(
        self, name: str, args: Mapping[str, Json], meta: Mapping[str, Json]
    ) -> CallToolResult | None:
        """Call a tool, once.

        :return: None where the server asks for something in return instead
        :raises Exception: whatever the connection raises
        """
        params = CallToolRequestParams(name=name, arguments=dict(args), _meta=dict(meta) or None)
        # Not the client's own method: it would send again what it holds for stale, answer what the server
        # asks, and hold results against schemas of the server's that may take for ever.
        answer = await self._client.session.send_request(CallToolRequest(params=params), _ANSWERS)
        return answer if isinstance(answer, CallToolResult) else None

    async def listen(self, changed: Callable[[], None]) -> None:
        """Hear of changes where the newer protocol has a stream of its own for them."""
        with contextlib.suppress(Exception):  # Whoever has none is asked again and again anyway.
            async with self._client.listen(tools_list_changed=True) as events:
                async for _ in events:
                    changed()


def _told(tool: Tool) -> dict[str, Json]:
    annotations = tool.annotations.model_dump(by_alias=True, exclude_none=True) if tool.annotations else {}
    return {
        "name": tool.name,
        "description": tool.description or "",
        "schema": tool.input_schema,
        "annotations": annotations,
    }


@contextlib.asynccontextmanager
async def opened(
    transport: AbstractAsyncContextManager[TransportStreams], version: str, changed: Callable[[], None]
) -> AsyncIterator[Session]:
    """A connection with its hands shaken, until the block ends.

    :param version: of IronClaw
    :param changed: called when the server says that its tools have changed
    :raises Exception: whatever the connection raises
    """

    async def hear(message: IncomingMessage) -> None:
        if isinstance(message, ToolListChangedNotification):
            changed()

    client = Client(
        _Once(transport),
        read_timeout_seconds=None,
        message_handler=hear,
        client_info=Implementation(name="ironclaw", version=version),
        cache=None,
    )
    async with contextlib.AsyncExitStack() as stack:
        async with asyncio.timeout(START_SECONDS):
            await stack.enter_async_context(client)
        session = Session(client)
        listening = asyncio.create_task(session.listen(changed))
        try:
            yield session
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


class _Once:
    """A transport, as the package asks for it."""

    def __init__(self, inner: AbstractAsyncContextManager[TransportStreams]) -> None:
        self._inner = inner

    async def __aenter__(self) -> TransportStreams:
        return await self._inner.__aenter__()

    async def __aexit__(self, *error: Any) -> bool | None:
        return await self._inner.__aexit__(*error)
