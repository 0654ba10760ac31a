"""A second task in a thread where a card waits, in the playground with the real engine."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.engine import Moves, moves, wants
from tests.integration.office import Office, an_office

from ironclaw.task import Conversation, Move, Role
from ironclaw_bot.playground import Playground

pytestmark = pytest.mark.sandbox
STOP = "Stop the waiting task"


class ByWord(Moves):
    """Writes where "write" is asked for; anything else is answered at once."""

    async def plan(self, conversation: Conversation) -> Move:
        asked = next(each.text for each in reversed(conversation.messages) if each.role is Role.USER)
        if "write" in asked:
            return await super().plan(conversation)
        self.seen.append(conversation)
        return Move(answer=f"Did {asked}.")


@pytest.fixture
async def office(tmp_path: Path, built_toolboxes: Path, playground: Playground) -> AsyncIterator[Office]:
    brain = ByWord(moves(wants("files.write", path="a.md", text="hello")))
    async with an_office(tmp_path, built_toolboxes, playground, brain) as office:
        yield office


def room(office: Office) -> Any:
    return office.playground.world.team("T0001").channel("ops")


async def in_thread(office: Office, text: str) -> dict[str, Any]:
    """The newest message in a thread of #ops that says this, as it is when it is there."""

    def look() -> list[dict[str, Any]]:
        return [one for one in room(office).messages if one.get("thread_ts") and text in str(one["blocks"])]

    await office.playground.wait_for(look, 20)
    return copy.deepcopy(look()[-1])


async def second(office: Office, first: str = "ada") -> dict[str, Any]:
    """Ada asks for more in the thread of somebody's card that waits: what the bot says of it."""
    office.people.say(first, "ops", "@ironclaw write")
    await office.shown("ops", "Approval needed")
    office.people.say("ada", "ops", "@ironclaw more", thread_ts=office.card("ops")["thread_ts"])
    return await in_thread(office, STOP)


def button(message: dict[str, Any], label: str) -> dict[str, Any]:
    elements = [each for block in message["blocks"] for each in block.get("elements", ())]
    return next(each for each in elements if label in str(each["text"]))


async def test_points_to_the_card(office: Office) -> None:
    """
    The new task waits and says so in one message, with the way to the card; decided there, it runs.
    """
    told, card = await second(office), office.card("ops")
    await office.people.click("bo", "ops", card["ts"], "ironclaw_approve")
    await in_thread(office, "Did more.")
    await office.playground.wait_for(lambda: "Done." in room(office).message(told["ts"])["text"], 20)

    assert "This task runs after it" in told["text"]
    assert button(told, "Go to it")["url"].endswith(f"/C1OPS/{card['thread_ts']}")
    assert 0 == sum(STOP in str(one["blocks"]) for one in room(office).messages)


@pytest.mark.parametrize("who", ["ada", "bo"])
async def test_stop_the_waiting_task(office: Office, tmp_path: Path, who: str) -> None:
    """
    Who asked for it, or an approver, stops the waiting task there: nothing of it runs, the new one begins.
    """
    told = await second(office)
    await office.people.click(who, "ops", told["ts"], "ironclaw_stop")
    await in_thread(office, "Did more.")
    await office.shown("ops", "Cancelled")

    assert [] == office.written(tmp_path)
    assert () == await office.app.approvals("acme")


async def test_not_by_anybody(office: Office) -> None:
    """
    Somebody else is told who may; the card waits on, and the new task behind it.
    """
    told = await second(office, first="bo")
    await office.people.click("ada", "ops", told["ts"], "ironclaw_stop")
    await office.playground.wait_for(lambda: room(office).ephemerals, 20)

    assert "Only who asked for it" in room(office).ephemerals[-1]["text"]
    assert 1 == len(await office.app.approvals("acme"))


async def test_only_where_it_was_put(office: Office) -> None:
    """
    The same button in a message that is not the status it was put into stops nothing.
    """
    told = await second(office)
    card = room(office).message(office.card("ops")["ts"])
    card["blocks"] = [*card["blocks"][:-1], *[each for each in told["blocks"] if each["type"] == "actions"]]
    await office.people.click("bo", "ops", card["ts"], "ironclaw_stop")
    await office.playground.wait_for(lambda: room(office).ephemerals, 20)

    assert "where it was not put" in room(office).ephemerals[-1]["text"]
    assert 1 == len(await office.app.approvals("acme"))
