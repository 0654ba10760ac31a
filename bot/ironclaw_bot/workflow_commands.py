"""``ironclaw status``, ``cancel`` and ``retry``: how tasks stand, and what to do about them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import datetime

from ironclaw.settings import Settings
from ironclaw.showing import in_line, in_terminal
from ironclaw.task import Json
from ironclaw_bot.commanding import Add, OpenDoor, Told
from ironclaw_bot.demo_folder import add_place

LISTED = 20  #: Tasks in a list.
TEXT = 100  #: Characters of a task in it.


def add_workflows(add: Add, door: OpenDoor, told: Told) -> None:
    """Add ``status``, ``cancel`` and ``retry``."""
    commands = Workflows(door, told)
    status = add("status", commands.status, "how the latest tasks stand, or one of them")
    status.add_argument("id", nargs="?", default="")
    cancel = add("cancel", commands.cancel, "stop a task; a tool that runs ends first")
    retry = add("retry", commands.retry, "have a task done again that failed or was stopped, and wait for it")
    retry.add_argument("--wait", type=float, default=600, help="seconds to wait (default 600)")
    for parser in (cancel, retry):
        parser.add_argument("id")
    for parser in (status, cancel, retry):
        add_place(parser)


class Workflows:
    """The commands."""

    def __init__(self, door: OpenDoor, told: Told) -> None:
        self._door = door
        self._told = told

    async def status(self, settings: Settings, chosen: argparse.Namespace) -> int:
        async with self._door(settings) as door:
            words = {"workflow_id": chosen.id, "limit": LISTED}
            found = await door.ask("status", tenant=chosen.tenant, **words)
        for each in found:
            print(*map(in_line, _lines(each)), sep="\n")
        # What failed has said so already, where one line is all of it.
        if chosen.id and found[0]["outcome"] and not found[0]["sentence"].endswith(found[0]["outcome"]):
            print(in_terminal(found[0]["outcome"]))
        elif not found:
            print("No task yet.")
        return 0

    async def cancel(self, settings: Settings, chosen: argparse.Namespace) -> int:
        async with self._door(settings) as door:
            [found] = await door.ask("cancel", tenant=chosen.tenant, workflow_id=chosen.id)
        print(*map(in_line, _lines(found)), sep="\n")
        return 0

    async def retry(self, settings: Settings, chosen: argparse.Namespace) -> int:
        words = {"workflow_id": chosen.id, "wait": chosen.wait}
        async with self._door(settings) as door:
            return self._told(await door.ask("retry", tenant=chosen.tenant, **words), chosen)


def _lines(found: Json) -> Iterator[str]:
    at = datetime.fromtimestamp(found["created_at"]).astimezone().strftime("%Y-%m-%d %H:%M")
    yield f"{found['workflow_id']}  {found['state']}, step {found['steps']}: {found['text'][:TEXT]}"
    again = f", again after {found['retry_of']}" if found["retry_of"] else ""
    models = f" ({found['used']})" if found["used"] else ""
    yield f"    asked by {found['requester']}, {at}{again}. {found['sentence']}{models}"
