"""``ironclaw mcp-server``: see what MCP servers list, and say whether their tools may be offered."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime

from ironclaw.canonical import digest
from ironclaw.errors import BadRequest, Conflict
from ironclaw.settings import Settings
from ironclaw.showing import in_terminal
from ironclaw.task import Json
from ironclaw_bot.commanding import Add, OpenDoor
from ironclaw_bot.demo_folder import add_demo_options
from ironclaw_bot.digests import WHOLE, add_digest
from ironclaw_bot.local import Here, Remote

UNKNOWN = "  low, pure and keyed name what it does not list: {0}. Mend ironclaw.toml, or nothing comes of it."


def add_mcp_servers(add: Add, door: OpenDoor) -> None:
    """Put the verbs of ``ironclaw mcp-server`` into the command line."""
    commands = McpServerCommands(door)
    listing = add("list", commands.list, "list the configured servers, and how each of them stands")
    show = add("show", commands.show, "show a server's tools, and what of it waits for approval")
    approve = add("approve", commands.approve, "show every word that waits, ask, and have the tools offered")
    approve.add_argument("--yes", action="store_true", help="do not ask: you have read what show says")
    add_digest(approve, WHOLE)
    reject = add("reject", commands.reject, "keep what waits, or was approved, from being offered")
    for parser in (show, approve, reject):
        parser.add_argument("name")
    for parser in (listing, show, approve, reject):
        add_demo_options(parser)


class McpServerCommands:
    """The commands."""

    def __init__(self, door: OpenDoor) -> None:
        self._door = door

    async def list(self, settings: Settings, chosen: argparse.Namespace) -> int:
        async with self._door(settings, begins=True) as door:
            found = await door.ask("mcp_servers", verb="list")
        for each in found:
            _say(*_standing(each))
        if not found:
            print("No MCP servers are configured: docs/mcp.md says how.")
        return 0

    async def show(self, settings: Settings, chosen: argparse.Namespace) -> int:
        async with self._door(settings, begins=True) as door:
            found = await door.ask("mcp_servers", verb="show", name=chosen.name)
        _say(*_standing(found))
        for tool in found["tools"]:
            _say(f"  {tool['name']:<32} {tool['risk']:<5} {tool['description']}")
        _say(*(f"  left out: {each}" for each in found["left_out"]))
        _say(*_waiting(found))
        return 0

    async def approve(self, settings: Settings, chosen: argparse.Namespace) -> int:
        async with self._door(settings, begins=True) as door:
            found = await door.ask("mcp_servers", verb="show", name=chosen.name)
            if not found["pending"]:
                _say(f"Nothing of {chosen.name} waits for approval: {found['state']}.")
                return 0 if found["is_well"] else 1
            _say(*_waiting(found))
            _check(chosen.digest or "", found)
            if not (
                chosen.yes
                or chosen.digest
                or _is_confirmed(f"May these tools of {chosen.name} be offered? [y/N] ")
            ):
                print("Nothing was changed.")
                return 1
            after = await self._decide(door, chosen.name, found["pending"], "approved")
        _say(f"Tools of {chosen.name} that are offered: {after['count']}")
        _say(*(f"  left out: {each}" for each in after["left_out"]))
        _say(*(() if after["is_well"] else (f"  {after['state']}",)), *_unknown(after))
        return 0

    async def reject(self, settings: Settings, chosen: argparse.Namespace) -> int:
        async with self._door(settings, begins=True) as door:
            found = await door.ask("mcp_servers", verb="show", name=chosen.name)
            which = found["pending"] or found["approved"]
            if not which:
                raise BadRequest(f"{chosen.name} has listed nothing yet: {found['state']}.")
            await self._decide(door, chosen.name, which, "rejected")
        _say(f"These tools of {chosen.name} are not offered.")
        return 0

    async def _decide(self, door: Remote | Here, name: str, which: Json, state: str) -> Json:
        return await door.ask("mcp_servers", verb="decide", name=name, state=state, **which)


def _standing(server: Json) -> tuple[str, ...]:
    lines = [f"{server['name']:<20} {server['place']}", f"  {server['state']}"]
    if server["approved_by"]:
        at = datetime.fromtimestamp(server["approved_at"]).astimezone().strftime("%Y-%m-%d %H:%M")
        lines.append(f"  approved by {server['approved_by']} at {at}; tools: {server['count']}")
    return (*lines, *_unknown(server))


def _unknown(server: Json) -> tuple[str, ...]:
    return (UNKNOWN.format(", ".join(server["unknown"])),) if server["unknown"] else ()


def _waiting(found: Json) -> tuple[str, ...]:
    if not found["pending"]:
        return ()
    return ("Waits for approval:", *found["differences"], f"digest {_digest(found)}")


def _digest(found: Json) -> str:
    """Of all that a yes is to: the tools, what the server calls itself, and its settings."""
    return digest([found["pending"]["component"], found["pending"]["manifest"]])


def _check(seen: str, found: Json) -> None:
    """
    :param seen: the digest of what somebody saw; "" where they do not say
    :raises Conflict: this is something else
    """
    if seen and seen != _digest(found):
        raise Conflict(f"The tools of {found['name']} are not those that you saw. Read what is shown now.")


def _is_confirmed(question: str) -> bool:
    """
    :raises BadRequest: nobody sits there
    """
    if not sys.stdin.isatty():
        raise BadRequest(
            "Nobody can be asked here. Read all of it, and run this again with its --digest, or --yes."
        )
    return input(question).strip().lower() in ("y", "yes")


def _say(*lines: str) -> None:
    for line in lines:
        print(in_terminal(line))
