"""``ironclaw edit`` and ``ironclaw grants``: what waits can be changed, what was granted taken back."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime

from ironclaw.settings import Settings
from ironclaw.showing import in_terminal
from ironclaw.task import Json
from ironclaw_bot.commanding import Add, OpenDoor
from ironclaw_bot.demo_folder import add_place
from ironclaw_bot.waiting import asked

MAX_INPUT = 1 << 20  #: Characters read from standard input.


def add_edit(add: Add, door: OpenDoor) -> None:
    """Add ``edit``."""
    parser = add("edit", Reviews(door).edit, "change the arguments of a waiting call; it waits on")
    parser.add_argument("id")
    parser.add_argument("arguments", help="all of them as one JSON object, or - for standard input")
    add_place(parser)


def add_grants(add: Add, door: OpenDoor) -> None:
    """Add the verbs of ``grants``."""
    reviews = Reviews(door)
    add_place(add("list", reviews.grants, "list what runs without asking, because somebody said so"))
    revoke = add("revoke", reviews.revoke, "take a grant back")
    revoke.add_argument("id")
    add_place(revoke)


class Reviews:
    """The commands."""

    def __init__(self, door: OpenDoor) -> None:
        self._door = door

    async def edit(self, settings: Settings, chosen: argparse.Namespace) -> int:
        text = sys.stdin.read(MAX_INPUT) if chosen.arguments == "-" else chosen.arguments
        async with self._door(settings) as door:
            new = await door.ask("edit", tenant=chosen.tenant, approval_id=chosen.id, arguments=text)
        print(f"{new['id']}  {asked(new, '  ')}\n    waits in place of {chosen.id}")
        return 0

    async def grants(self, settings: Settings, chosen: argparse.Namespace) -> int:
        async with self._door(settings) as door:
            found = await door.ask("grants", tenant=chosen.tenant)
        print(in_terminal("\n".join(map(_line, found))) or "There are no grants.")
        return 0

    async def revoke(self, settings: Settings, chosen: argparse.Namespace) -> int:
        async with self._door(settings) as door:
            done = await door.ask("revoke", tenant=chosen.tenant, grant_id=chosen.id)
        print(f"Revoked: {done['tool']} asks again.")
        return 0


def _line(grant: Json) -> str:
    until = datetime.fromtimestamp(grant["expires_at"]).astimezone().strftime("%Y-%m-%d %H:%M")
    hosts = f" to {', '.join(grant['hosts'])}" if grant["hosts"] else ""
    same = "the same arguments" if grant["same_arguments"] else "any arguments"
    return (
        f"{grant['id']}  {grant['tool']}{hosts}, {same}\n"
        f"    for {grant['requester']} in this {grant['scope']}, by {grant['granted_by']}, "
        f"{grant['used']} of {grant['max_uses']} used, until {until}"
    )
