"""``ironclaw user``: second factors of the people who approve."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import segno

from ironclaw.settings import Settings
from ironclaw_bot.commanding import Add, OpenDoor
from ironclaw_bot.demo_folder import add_place


def add_users(add: Add, door: OpenDoor) -> None:
    """Add the verbs."""
    users = UserCommands(door)
    verbs = {
        "enroll": (users.enroll, "give a person a second factor; shows its QR code once"),
        "remove": (users.remove, "take a person's second factor away"),
    }
    for verb, (command, about) in verbs.items():
        parser = add(verb, command, about)
        parser.add_argument("person", help="slack:TEAM:USER, jwt:ISSUER|SUBJECT or local:NAME")
        add_place(parser)
        if verb == "enroll":
            parser.add_argument("--replace", action="store_true", help="where they have one already")
    add_place(add("list", users.list, "list who has a second factor"))


class UserCommands:
    """The commands."""

    def __init__(self, door: OpenDoor) -> None:
        self._door = door

    async def enroll(self, settings: Settings, chosen: argparse.Namespace) -> int:
        async with self._asking(settings, begins=True) as ask:
            words = {"verb": "enroll", "person": chosen.person, "replace": chosen.replace}
            done = await ask("factors", tenant=chosen.tenant, **words)
        if done["warning"]:
            print(f"Warning: {done['warning']}", file=sys.stderr)
        drawn = io.StringIO()
        segno.make(done["uri"]).terminal(out=drawn, compact=True)
        print(f"{chosen.person} scans this with an authenticator app. It is shown only now.\n")
        print(drawn.getvalue())
        print(done["uri"])
        return 0

    async def remove(self, settings: Settings, chosen: argparse.Namespace) -> int:
        async with self._asking(settings) as ask:
            await ask("factors", tenant=chosen.tenant, verb="remove", person=chosen.person)
        print(f"{chosen.person} has no second factor any more.")
        return 0

    async def list(self, settings: Settings, chosen: argparse.Namespace) -> int:
        async with self._asking(settings) as ask:
            found = await ask("factors", tenant=chosen.tenant, verb="list", person="")
        print("\n".join(found["people"]) or "Nobody has a second factor.")
        return 0

    @contextlib.asynccontextmanager
    async def _asking(self, settings: Settings, *, begins: bool = False) -> AsyncIterator[Callable[..., Any]]:
        async with self._door(settings, begins=begins) as door:
            yield door.ask
