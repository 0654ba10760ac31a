"""``ironclaw tenant``: who is served here; beside a running bot, or alone."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ironclaw.budgets import money
from ironclaw.errors import BadRequest
from ironclaw.settings import Settings
from ironclaw.showing import in_line
from ironclaw.task import Json
from ironclaw_bot.commanding import Add, Command, OpenDoor
from ironclaw_bot.demo_folder import add_demo_options
from ironclaw_bot.local import SOCKET, Remote
from ironclaw_bot.tenant_file import FILE, add_table, drop_table

CHANGES = {
    "suspend": "do nothing more for it, at once and at every door; nothing is lost",
    "resume": "serve it again; what waits goes on",
}
ABOUT_FORGET = (
    "All of the tenant {name} goes: tasks, files, memories, secrets, schedules, approvals, and the words of "
    "its audit log. Nobody can bring it back, but for a backup."
)
LOG_STAYS = "Its audit log holds, of each event, the commitment: `ironclaw audit verify` still works."


def add_tenants(add: Add, door: OpenDoor) -> None:
    """Put the verbs of ``ironclaw tenant`` into the command line."""
    commands = Tenants(door)
    new = add("add", commands.add, f"add a tenant to {FILE}; a bot that runs serves it at once")
    new.add_argument("name", help="letters, digits, _ and -")
    new.add_argument("--slack", action="append", metavar="T...", help="its workspace; may be given again")
    new.add_argument("--approver", action="append", help="slack:TEAM:USER, ...; may be given again")
    new.add_argument("--channel", default="", metavar="C...", help="gets a copy of every approval card")
    verbs = [add("list", commands.list, "list the tenants and whether each is served")]
    verbs.append(add("reload", commands.reload, f"have a bot that runs take up the tenants of {FILE}"))
    for verb, about in ({"show": "show its settings, what it has and what it used"} | CHANGES).items():
        verbs.append(add(verb, commands.about(verb), about))
        verbs[-1].add_argument("name")
    forget = add("forget", commands.forget, "remove every byte of a tenant, and print a receipt")
    forget.add_argument("name")
    forget.add_argument("--yes", action="store_true", help="do not ask: for scripts")
    forget.add_argument("--settings", action="store_true", help=f"take its table out of {FILE} too")
    for parser in (*verbs, forget, new):
        add_demo_options(parser)


class Tenants:
    """The commands."""

    def __init__(self, door: OpenDoor) -> None:
        self._door = door

    async def add(self, settings: Settings, chosen: argparse.Namespace) -> int:
        values = {
            "slack": chosen.slack or (),
            "approvers": chosen.approver or (),
            "approvals_channel": chosen.channel,
        }
        add_table(Path(), chosen.name, values, os.environ)
        print(f"[tenants.{chosen.name}] stands in {FILE}.")
        if not chosen.approver:
            print("It has no approvers: nothing that needs a yes can run. Add some.", file=sys.stderr)
        remote = Remote(settings.data_dir / SOCKET)
        if await remote.is_there():
            _say_taken_up(await remote.ask("tenants", verb="reload"))
        else:
            print("No bot runs here: the next one serves it.")
        return 0

    async def list(self, settings: Settings, chosen: argparse.Namespace) -> int:
        async with self._door(settings) as door:
            found = await door.ask("tenants", verb="list")
        for each in found:
            where = "" if each["in_settings"] else f"  not in {FILE}: not served"
            print(f"{each['tenant']:<24} {each['state']}{where}")
        if not found:
            print("There are no tenants.")
        return 0

    async def reload(self, settings: Settings, chosen: argparse.Namespace) -> int:
        async with self._door(settings) as door:
            _say_taken_up(await door.ask("tenants", verb="reload"))
        return 0

    def about(self, verb: str) -> Command:
        """The command that shows, suspends or resumes one."""

        async def command(settings: Settings, chosen: argparse.Namespace) -> int:
            async with self._door(settings) as door:
                found = await door.ask("tenants", verb=verb, name=chosen.name)
            lines = _lines(found) if verb == "show" else [f"The tenant {chosen.name} is {found['state']}."]
            print(*map(in_line, lines), sep="\n")
            return 0

        return command

    async def forget(self, settings: Settings, chosen: argparse.Namespace) -> int:
        """
        :raises BadRequest: somebody did not type the name
        """
        async with self._door(settings) as door:
            await door.ask("tenants", verb="show", name=chosen.name)  # It is there.
            if not chosen.yes:
                _ask(chosen.name)
            found = await door.ask("tenants", verb="forget", name=chosen.name)
        print(*map(in_line, _receipt(found["receipt"])), sep="\n")
        if chosen.settings and not drop_table(Path(), chosen.name, os.environ):
            print(f"Its table could not be taken out of {FILE}: do it by hand.", file=sys.stderr)
        return 0


def _ask(name: str) -> None:
    """
    :raises BadRequest: it was not typed
    """
    print(ABOUT_FORGET.format(name=name), file=sys.stderr)
    print(f"Type {name} to go on: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != name:
        raise BadRequest("That is not its name. Nothing was removed.")


def _say_taken_up(found: Json) -> None:
    for what, names in (("added", found["added"]), ("changed", found["changed"])):
        if names:
            print(f"The bot has taken up: {what} {', '.join(names)}.")
    if not (found["added"] or found["changed"] or found["left"]):
        print(f"Nothing in {FILE} is new to the bot.")
    if found["left"]:
        print(f"Not in {FILE} any more, and served until the bot starts anew: {', '.join(found['left'])}.")


def _lines(found: Json) -> Iterator[str]:
    counts = found["counts"]
    changed = f", by {found['changed_by']} at {_moment(found['changed_at'])}" if found["changed_by"] else ""
    yield f"{found['tenant']}: {found['state']}{changed}"
    if found["settings"] is None:
        yield f"It is not in {FILE}."
    for name, value in sorted((found["settings"] or {}).items()):
        yield f"    {name} = {value}"
    yield f"open tasks {counts['open']}, reviews {counts['waiting']}, schedules {counts['schedules']}"
    yield f"memories {counts['memories']}, secrets {counts['secrets']}"
    yield f"files of {counts['scratch_bytes']:,} bytes"
    yield (
        f"this month: {counts['requests']} requests to models, {counts['tokens_in']:,} tokens in, "
        f"{counts['tokens_out']:,} out, {money(counts['micros'])}"
    )
    if found["receipt"]:
        yield from _receipt(found["receipt"])


def _receipt(receipt: Json) -> Iterator[str]:
    what = f"the tenant {receipt['tenant']} is {receipt['state']}"
    yield f"Receipt: {what}, by {receipt['by']}, {_moment(receipt['at'])}."
    for what, removed in receipt["removed"].items():
        yield f"{removed:>10,}  {what}"
    yield f"sha256 of this: {receipt['sha256']}"
    yield LOG_STAYS
    yield "Not reached:"
    for each in receipt["stays"]:
        yield f"    {each}"


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
