"""From what was approved of a server to tools of the registry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironclaw.capabilities import Capabilities, Limits
from ironclaw.errors import BadRequest
from ironclaw.mcp.listing import Listing
from ironclaw.mcp.names import alike, verb
from ironclaw.mcp.schemas import usable
from ironclaw.mcp.texts import plain
from ironclaw.registry import LeftOut, Tool, Toolbox, Where
from ironclaw.settings import McpServer
from ironclaw.store import McpListing
from ironclaw.task import Effect, Risk


@dataclass(frozen=True, slots=True)
class Absent(LeftOut):
    """A server whose tools are not offered, or one tool of it."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What one server's approved listing comes to."""

    tools: tuple[Tool, ...] = ()
    theirs: Mapping[str, str] = field(default_factory=dict)  #: The server's own names, by ours.
    refused: tuple[Absent, ...] = ()


def offer(name: str, server: McpServer, row: McpListing) -> Offer:
    """
    :param row: as it was approved
    """
    listed = Listing.read(row.listing)
    box = toolbox(name, server, row)
    names = Counter(str(tool["name"]) for tool in listed)
    looks_like = alike(names)
    tools: list[Tool] = []
    theirs: dict[str, str] = {}
    refused: list[Absent] = []
    for each in listed:
        own = str(each["name"])
        try:
            _check_name(own, names[own], looks_like)
            tool = _tool(each, server, box)
        except BadRequest as error:
            refused.append(Absent(f"{name}.{plain(own, 64)}", str(error)))
            continue
        tools.append(tool)
        theirs[tool.name] = own
    return Offer(tuple(tools), theirs, tuple(refused))


def toolbox(name: str, server: McpServer, row: McpListing) -> Toolbox:
    """The server, as the registry knows it."""
    return Toolbox(
        name=name,
        version=plain(row.about, 64),
        folder=Path(f"mcp:{name}"),
        component=Path(server.command or name),
        component_sha256=row.component,
        manifest_sha256=row.manifest,
        profile="",
        where=Where.MCP,
    )


def _check_name(theirs: str, count: int, looks_like: Mapping[str, str]) -> None:
    if verb(theirs) is None:
        raise BadRequest("its name is not of letters, digits, _, -, . and / alone, or too long")
    if count > 1:
        raise BadRequest("the server lists its name twice")
    if other := looks_like.get(theirs):
        raise BadRequest(f"its name is, or looks like, that of {plain(other, 64)}")


def _tool(told: Mapping[str, Any], server: McpServer, box: Toolbox) -> Tool:
    """
    :raises BadRequest: its schema cannot be used
    """
    theirs = str(told["name"])
    return Tool(
        name=f"{box.name}.{verb(theirs)}",
        description=plain(str(told["description"])) or "The server says nothing of it.",
        schema=usable(told["schema"]),
        risk=Risk.LOW if theirs in server.low else Risk.HIGH,
        effect=_effect(theirs, server),
        capabilities=Capabilities(
            limits=Limits(seconds=server.seconds, output_bytes=server.output_kb << 10),
            server=line(box.name, server),
        ),
        toolbox=box,
        tenants=None if server.tenants is None else frozenset(server.tenants),
    )


def _effect(theirs: str, server: McpServer) -> Effect:
    if theirs in server.pure:
        return Effect.PURE
    return Effect.KEYED if theirs in server.keyed else Effect.ONCE


def line(name: str, server: McpServer) -> str:
    """What a card says that a call touches."""
    more = (*(["the network"] if server.network else []), *(f"files in {path}" for path in server.write))
    return f"MCP server {name} ({server.place})" + (f", which may use {', '.join(more)}" if more else "")
