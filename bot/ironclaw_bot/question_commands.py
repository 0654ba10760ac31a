"""``ironclaw questions`` and ``ironclaw answer``: what the brain asks of whoever gave it a task."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import datetime

from ironclaw.settings import Settings
from ironclaw.showing import in_line
from ironclaw.task import Json
from ironclaw_bot.commanding import Add, OpenDoor, Told
from ironclaw_bot.demo_folder import add_place
from ironclaw_bot.hints import called
from ironclaw_bot.waiting import same_place


def add_questions(add: Add, door: OpenDoor, told: Told) -> None:
    """Add ``questions`` and ``answer``."""
    commands = Questions(door, told)
    listing = add("questions", commands.list, "list what the model asks of who gave it a task")
    answer = add("answer", commands.answer, "answer such a question of yours; it allows nothing")
    answer.add_argument("id")
    answer.add_argument("text", nargs="+")
    answer.add_argument("--wait", type=float, default=600, help=argparse.SUPPRESS)
    for parser in (listing, answer):
        add_place(parser)


class Questions:
    """The commands."""

    def __init__(self, door: OpenDoor, told: Told) -> None:
        self._door = door
        self._told = told

    async def list(self, settings: Settings, chosen: argparse.Namespace) -> int:
        async with self._door(settings) as door:
            found = await door.ask("questions", tenant=chosen.tenant)
        for each in found:
            print(*map(in_line, listed(each)), sep="\n")
        if not found:
            print("Nothing is asked.")
        return 0

    async def answer(self, settings: Settings, chosen: argparse.Namespace) -> int:
        words = {"question_id": chosen.id, "text": " ".join(chosen.text), "wait": chosen.wait}
        async with self._door(settings) as door:
            return self._told(await door.ask("answer_question", tenant=chosen.tenant, **words), chosen)


def listed(question: Json) -> Iterator[str]:
    """One question: what is asked, of whom, and what there is to choose from."""
    until = datetime.fromtimestamp(question["expires_at"]).astimezone().strftime("%Y-%m-%d %H:%M")
    yield f"{question['id']}  {question['text']}"
    yield from (f"    - {each}" for each in question["choices"])
    yield f"    asked of {question['requester']}, until {until}"


def next_step(question: Json, chosen: argparse.Namespace) -> Iterator[str]:
    """What to type about a workflow that waits for an answer."""
    yield "The model asks:"
    yield from (f"    {each}" for each in question["text"].splitlines())
    yield from (f"    - {each}" for each in question["choices"])
    yield f"Answer with: {called('answer', question['id'], 'TEXT', *same_place(chosen))}"
