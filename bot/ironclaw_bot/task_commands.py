"""``ironclaw run``, ``approvals``, ``approve`` and ``deny``."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from getpass import getpass

from ironclaw.errors import StepUpNeeded
from ironclaw.settings import Settings
from ironclaw.task import Json
from ironclaw.terms import GrantScope
from ironclaw_bot.commanding import DONE, FAILED, Add, OpenDoor
from ironclaw_bot.demo_folder import add_place
from ironclaw_bot.digests import add_digest
from ironclaw_bot.ending import told
from ironclaw_bot.local import Here, Remote
from ironclaw_bot.looking_on import look_on
from ironclaw_bot.tool_commands import check_name
from ironclaw_bot.waiting import listed

TOOL = re.compile(r"[a-z][a-z0-9_]*\.[a-z0-9_]+")  #: A task that begins so is a command.


def add_tasks(add: Add, door: OpenDoor) -> None:
    """Add the four."""
    commands = Tasks(door)
    run = add("run", commands.run, "give the bot a task and wait for it")
    run.add_argument("task", nargs="+")
    run.add_argument("--wait", type=float, default=600, help="seconds to wait (default 600)")
    listing = add("approvals", commands.approvals, "list what waits for approval")
    approve = add("approve", commands.approve, "approve a waiting call")
    deny = add("deny", commands.deny, "deny a waiting call")
    for decision in (approve, deny):
        decision.add_argument("id")
        decision.add_argument("--reason", default="")
        decision.add_argument("--wait", type=float, default=600, help=argparse.SUPPRESS)
    scopes = [scope.value for scope in GrantScope]
    approve.add_argument("--grant", choices=scopes, default="", help="also for calls like it")
    approve.add_argument("--code", default="", help="of your authenticator app, where a rule asks for one")
    add_digest(approve)
    for parser in (run, listing, approve, deny):
        add_place(parser)


class Tasks:
    """The commands."""

    def __init__(self, door: OpenDoor) -> None:
        self._door = door

    async def run(self, settings: Settings, chosen: argparse.Namespace) -> int:
        task = " ".join(chosen.task)
        if settings.brain_name == "commands" and TOOL.fullmatch(task.split()[0] if task.split() else ""):
            await check_name(settings, task.split()[0])
        is_seen, seen = sys.stdout.isatty(), ""
        async with self._door(settings, begins=True) as door:
            wait = 0 if is_seen else chosen.wait
            found = await door.ask("run", tenant=chosen.tenant, task=task, brain="", wait=wait)
            if is_seen:
                found, seen = await look_on(door, found, chosen.wait)
        return told(found, chosen, seen)

    async def approvals(self, settings: Settings, chosen: argparse.Namespace) -> int:
        async with self._door(settings) as door:
            waiting = await door.ask("approvals", tenant=chosen.tenant)
        for each in waiting:
            print(*listed(each), sep="\n")
        if not waiting:
            print("Nothing waits for approval.")
        return DONE

    async def approve(self, settings: Settings, chosen: argparse.Namespace) -> int:
        return await self._decide(settings, chosen, "approve")

    async def deny(self, settings: Settings, chosen: argparse.Namespace) -> int:
        code = await self._decide(settings, chosen, "deny")
        # A task that failed because it was denied is what who denies it wants.
        return DONE if code == FAILED else code

    async def _decide(self, settings: Settings, chosen: argparse.Namespace, decision: str) -> int:
        words = {"approval_id": chosen.id, "decision": decision, "reason": chosen.reason, "wait": chosen.wait}
        words |= {name: getattr(chosen, name, None) or "" for name in ("grant", "code", "digest")}
        async with self._door(settings) as door:
            return told(await with_code(door, {**words, "tenant": chosen.tenant}), chosen)


async def with_code(door: Remote | Here, words: dict[str, Json]) -> Json:
    """Decide; where a second factor is needed, ask for the code on a terminal.

    :raises StepUpNeeded: one is needed, and nobody sits there
    """
    try:
        return await door.ask("decide", **words)
    except StepUpNeeded as needed:
        if words["code"] or not sys.stdin.isatty():
            raise StepUpNeeded(f"{needed} Run it again with --code 123456.") from None
    code = await asyncio.to_thread(getpass, "Code of your authenticator app: ")
    return await door.ask("decide", **{**words, "code": code})
