"""The official package's client, at ``ironclaw mcp`` in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import CallToolResult

WAITS = "waiting for approval (id "


@dataclass(slots=True)
class McpClient:
    """
    :ivar words: what progress notifications said
    """

    client: Client
    errors: Path
    words: list[str] = field(default_factory=list)
    _heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def names(self) -> list[str]:
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def call(self, name: str, key: str = "", seconds: float = 60, **arguments: Any) -> CallToolResult:
        """
        :param key: the idempotency key
        :param seconds: that the client has patience
        """
        meta: Any = {"ironclaw/idempotency-key": key} if key else None
        return await self.client.call_tool(name, arguments, seconds, self._hear, meta=meta)

    async def result(self, workflow: str) -> CallToolResult:
        return await self.call("ironclaw_result", workflow=workflow)

    async def approval(self) -> str:
        """The id of the approval that a call waits for, once the client was told."""
        async with asyncio.timeout(20):
            while not (found := [each for each in self.words if WAITS in each]):
                self._heard.clear()
                await self._heard.wait()
        return found[-1].partition(WAITS)[2].rstrip(")")

    async def _hear(self, progress: float, total: float | None, message: str | None) -> None:
        self.words.append(message or "")
        self._heard.set()


def text(result: CallToolResult) -> str:
    """All that a result says."""
    return "\n".join(getattr(block, "text", f"[{block.type}]") for block in result.content)


@contextlib.asynccontextmanager
async def mcp_client(
    script: Path, folder: Path, environ: Mapping[str, str], *words: str, **how: Any
) -> AsyncIterator[McpClient]:
    """
    :param script: the console script
    :param words: of the command line, after ``mcp``
    :param how: for the package's client
    """
    server = StdioServerParameters(command=str(script), args=["mcp", *words], cwd=folder, env=dict(environ))
    errors = folder / "mcp_errors"
    with errors.open("a") as log:
        async with Client(stdio_client(server, log), cache=None, **how) as client:
            yield McpClient(client, errors)
    assert "Traceback" not in errors.read_text()
