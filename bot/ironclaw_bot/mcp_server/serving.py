"""The protocol's side: lists the tools, has them called, and says nothing that is not for the client."""

from __future__ import annotations

import logging
from importlib.metadata import version
from typing import Any, BinaryIO

import structlog
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
)

from ironclaw.errors import BadRequest, IronclawError, NotFound
from ironclaw.task import Json
from ironclaw_bot.mcp_server.answers import refusal, result, sentence
from ironclaw_bot.mcp_server.listing import INSTRUCTIONS, RESULT, RESULT_TOOL, listed, registered_name
from ironclaw_bot.mcp_server.pipes import streams
from ironclaw_bot.mcp_server.session import Session

KEY = "ironclaw/idempotency-key"  #: In a call's _meta.
MAX_KEY = 200
log = structlog.get_logger(__name__)

# Their records hold what a client said, with tracebacks: what counts, IronClaw says in its own words.
for _name in ("mcp.server", "mcp.shared"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)

Context = ServerRequestContext[Any, Any]


class Offering:
    """What a client may ask for."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def server(self) -> Server[Any]:
        """It, as the package serves it."""
        server: Server[Any] = Server(
            "ironclaw",
            version=version("ironclaw"),
            instructions=INSTRUCTIONS,
            on_list_tools=self.tools,
            on_call_tool=self.call,
        )
        server.middleware.clear()  # Traces of calls would be somebody's telemetry.
        return server

    async def tools(self, context: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        """The tenant's tools, and the one that tells what came of calls.

        :raises MCPError: nobody can say, and why
        """
        try:
            found = await self._session.tools()
        except IronclawError as error:
            raise MCPError(INTERNAL_ERROR, sentence(error)) from None
        return ListToolsResult(tools=[*map(listed, found), RESULT_TOOL])

    async def call(self, context: Context, params: CallToolRequestParams) -> CallToolResult:
        """Call one; whatever goes wrong is a sentence."""
        try:
            return result(await self._asked(context, params))
        except IronclawError as error:
            return refusal(error)
        except Exception as error:  # noqa: BLE001 - the client gets a sentence, the log a name, nobody a traceback
            log.error("mcp_call_failed", kind=type(error).__name__)
            return refusal(error)

    async def _asked(self, context: Context, params: CallToolRequestParams) -> Json:
        async def tell(seconds: float, words: str) -> None:
            await context.session.report_progress(seconds, self._session.wait, words)

        arguments: Json = params.arguments or {}
        if params.name == RESULT:
            return await self._session.result(_workflow(arguments), tell)
        return await self._session.call(registered_name(params.name), arguments, _key(context.meta), tell)


async def serve(session: Session, reading: BinaryIO, writing: BinaryIO) -> None:
    """Until the client goes.

    :raises BadRequest: it was sent away, and why
    """
    server = Offering(session).server()
    async with streams(reading, writing) as (incoming, outgoing, ended):
        await server.run(incoming, outgoing, server.create_initialization_options())
    if ended.why:
        raise BadRequest(f"The MCP client was sent away: {ended.why}.")


def _workflow(arguments: Json) -> str:
    """
    :raises NotFound: what cannot be one's id
    """
    found = arguments.get("workflow")
    if not isinstance(found, str) or len(found) > 64 or not found.isalnum():
        raise NotFound("There is no such workflow.")
    return found


def _key(meta: Any) -> str:
    """
    :raises BadRequest: it is no short text
    """
    key = dict(meta or {}).get(KEY, "")
    if not isinstance(key, str) or len(key) > MAX_KEY:
        raise BadRequest(f"{KEY} is no text of at most {MAX_KEY} characters.")
    return key
