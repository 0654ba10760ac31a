"""How the configured MCP servers stand: of a bot that runs, or what is kept of them."""

from __future__ import annotations

from collections.abc import Iterator

from ironclaw.errors import IronclawError
from ironclaw.mcp.listing import config_digest
from ironclaw.mcp.servers import check_installed
from ironclaw.settings import Settings
from ironclaw.store import listings_in
from ironclaw_bot.local import SOCKET, Remote


async def standing(settings: Settings) -> list[tuple[str, str]]:
    """Of each configured server a sentence, and why its tools are not there; "" where they are.

    :raises SettingsError: the package that speaks with them is not there
    :raises IronclawError: neither the bot nor the database answers
    """
    if not settings.mcp_servers:
        return []
    check_installed()
    remote = Remote(settings.data_dir / SOCKET)
    if not await remote.is_there():
        return list(_kept(settings))
    found = await remote.ask("mcp_servers", verb="list")
    return [(f"MCP server {each['name']}", "" if each["is_well"] else each["state"]) for each in found]


def _kept(settings: Settings) -> Iterator[tuple[str, str]]:
    """Where no bot runs, nobody is connected: what people approved is all that can be said."""
    try:
        rows = listings_in(settings.data_dir / "ironclaw.db", settings.postgres)
    except IronclawError:
        rows = ()  # What is wrong with the database, others say.
    approved = {(row.server, row.config) for row in rows if row.state == "approved"}
    for name, server in sorted(settings.mcp_servers.items()):
        is_well = (name, config_digest(name, server)) in approved
        look = f"see them with: ironclaw mcp-server approve {name}"
        yield f"MCP server {name}", "" if is_well else f"nobody has approved its tools; {look}"
