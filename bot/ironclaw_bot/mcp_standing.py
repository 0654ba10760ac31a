"""How the configured MCP servers stand, and their tools: of a bot that runs, or what is kept of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ironclaw.errors import StoreError
from ironclaw.mcp.listing import config_digest
from ironclaw.mcp.names import clashes
from ironclaw.mcp.offering import offer
from ironclaw.mcp.servers import check_installed
from ironclaw.registry import Tool
from ironclaw.settings import Settings
from ironclaw.store import McpListing, listings_in
from ironclaw_bot.finding import Finding, noted
from ironclaw_bot.local import SOCKET, Remote

NOT_THERE = "Its tools are not there."
NO_BOT = "whether it is connected is not known: no bot is running"
NO_ROWS = "Nor does the database say what people approved."
LOOK = "See them with: ironclaw mcp-server approve {0}"


@dataclass(frozen=True, slots=True)
class Kept:
    """One server, by the rows of the database."""

    name: str
    rows: tuple[McpListing, ...]  #: Of the server as it is configured now.

    @property
    def approved(self) -> McpListing | None:
        return next((row for row in self.rows if row.state == "approved" and not row.is_outlived), None)

    @property
    def said(self) -> str:
        """What people said of its tools."""
        if row := self.approved or next((row for row in self.rows if row.state == "rejected"), None):
            return f"{row.decided_by} {row.state} its tools"
        return "nobody has approved its tools"


async def standing(settings: Settings) -> list[Finding]:
    """How each configured server stands; what nobody can say now is said to be not known.

    :raises SettingsError: the package that speaks with them is not there
    :raises IronclawError: the bot that runs does not answer
    """
    if not settings.mcp_servers:
        return []
    check_installed()
    told = await _told(settings)
    if told is not None:
        return [_finding(name, why) for name, why in told.items()]
    try:
        return [_without_a_bot(each) for each in _kept(settings)]
    except StoreError:  # What is wrong with the database, others say.
        return [noted(f"MCP server {name}: {NO_BOT}", NO_ROWS) for name in sorted(settings.mcp_servers)]


async def tools_of_servers(settings: Settings, others: Iterable[Tool]) -> tuple[list[Tool], dict[str, str]]:
    """The tools that people approved, and of each server whose tools are not surely there why, by its name.

    :param others: those of the toolboxes
    :raises IronclawError: neither the bot nor the database answers
    """
    if not settings.mcp_servers:
        return [], {}
    told = await _told(settings)
    families = {family for tool in others for family in (tool.toolbox.name, tool.name.partition(".")[0])}
    notes = clashes(settings.mcp_servers, families) if told is None else {k: v for k, v in told.items() if v}
    found: list[Tool] = []
    for each in _kept(settings):
        if each.name in notes:
            continue
        if each.approved is None:
            notes[each.name] = f"{each.said}. {LOOK.format(each.name)}"
            continue
        found += offer(each.name, settings.mcp_servers[each.name], each.approved).tools
        if told is None:
            notes[each.name] = f"{NO_BOT}. A command that uses it connects it"
    return found, notes


async def _told(settings: Settings) -> dict[str, str] | None:
    """What a bot that runs says: "" where the tools are offered, else why not; None where no bot runs."""
    remote = Remote(settings.data_dir / SOCKET)
    if not await remote.is_there():
        return None
    found = await remote.ask("mcp_servers", verb="list")
    return {each["name"]: "" if each["is_well"] else each["state"] for each in found}


def _finding(name: str, why: str) -> Finding:
    return noted(f"MCP server {name}: {why}", NOT_THERE) if why else Finding(f"MCP server {name}")


def _without_a_bot(kept: Kept) -> Finding:
    remedy = "" if kept.approved else LOOK.format(kept.name)
    return noted(f"MCP server {kept.name}: {kept.said}; {NO_BOT}", remedy)


def _kept(settings: Settings) -> Iterator[Kept]:
    """
    :raises StoreError: nobody can say
    """
    rows: Sequence[McpListing] = listings_in(settings.data_dir / "ironclaw.db", settings.postgres)
    for name, server in sorted(settings.mcp_servers.items()):
        key = (name, config_digest(name, server))
        yield Kept(name, tuple(row for row in rows if (row.server, row.config) == key))
