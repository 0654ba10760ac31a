"""``ironclaw schedule``: tasks that begin by themselves, in the bot that runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from ironclaw.sentences import first_line
from ironclaw.settings import Settings
from ironclaw.showing import in_line
from ironclaw.task import Json
from ironclaw_bot.commanding import Add, Command, OpenDoor
from ironclaw_bot.demo_folder import add_place
from ironclaw_bot.local import Here

CHANGES = {
    "pause": "begin nothing until it is resumed; what runs goes on",
    "resume": "go on with the next moment from now",
    "remove": "begin nothing any more; what runs goes on",
}
BEGINS = ("add", "resume")
OUTCOME = 200  #: Characters of what came of the last run.


def add_schedules(add: Add, door: OpenDoor) -> None:
    """Add the verbs of ``schedule``."""
    commands = Schedules(door)
    parser = add("add", commands.add, "have a task begin by itself; a running bot begins it")
    parser.add_argument("cron", help="five fields in quotes: '0 7 * * 1-5' is 7:00 from Monday to Friday")
    parser.add_argument("task", nargs="+")
    parser.add_argument("--zone", default="", help="such as Europe/Berlin (default: the tenant's)")
    add_place(parser)
    add_place(add("list", commands.list, "list what begins by itself, when next, and what came of it last"))
    for verb, about in CHANGES.items():
        change = add(verb, commands.change(verb), about)
        change.add_argument("id")
        add_place(change)


class Schedules:
    """The commands."""

    def __init__(self, door: OpenDoor) -> None:
        self._door = door

    async def add(self, settings: Settings, chosen: argparse.Namespace) -> int:
        words = {"cron": chosen.cron, "zone": chosen.zone, "task": " ".join(chosen.task)}
        return await self._ask(settings, chosen, "add", **words)

    async def list(self, settings: Settings, chosen: argparse.Namespace) -> int:
        return await self._ask(settings, chosen, "list")

    def change(self, verb: str) -> Command:
        """The command that pauses, resumes or removes one."""

        async def command(settings: Settings, chosen: argparse.Namespace) -> int:
            return await self._ask(settings, chosen, verb, schedule_id=chosen.id)

        return command

    async def _ask(self, settings: Settings, chosen: argparse.Namespace, verb: str, **words: str) -> int:
        async with self._door(settings, begins=verb == "add") as door:
            found = await door.ask("schedules", tenant=chosen.tenant, verb=verb, **words)
            if verb in BEGINS and isinstance(door, Here):
                print("No bot runs here: schedules begin their tasks while one does.", file=sys.stderr)
        for each in found:
            print(*map(in_line, _lines(each)), sep="\n")
        if not found:
            print("There are no schedules.")
        return 0


def _lines(schedule: Json) -> Iterator[str]:
    yield f"{schedule['id']}  {schedule['task']}"
    yield f"    {schedule['words']}, by {schedule['requester']}"
    yield f"    {_standing(schedule)}"
    if last := schedule["last"]:
        said = f"{last['state']} {first_line(last['outcome'], OUTCOME)}".rstrip()
        yield f"    last: {said} ({last['id']})"


def _standing(schedule: Json) -> str:
    missed = f", {schedule['missed']} missed so far" if schedule["missed"] else ""
    if schedule["next"]:
        return f"next: {schedule['next']}{missed}"
    return f"{schedule['state']}{missed}. {schedule['why']}".strip()
