"""A question of the brain in Slack: asked in the thread, answered there by who gave the task.  All real."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.clock import Clock
from tests.integration.engine import Moves, moves, wants
from tests.integration.office import Json, Office, an_office

from ironclaw.task import Move, Question
from ironclaw_bot.playground import Playground
from ironclaw_bot.slack.question_clicks import ELSEWHERE

pytestmark = pytest.mark.sandbox
WHICH = Move(question=Question("q1", "Which <!channel>?", ("staging", "production")))
FIRST, SECOND = "ironclaw_answer_0", "ironclaw_answer_1"


@pytest.fixture
async def office(tmp_path: Path, built_toolboxes: Path, playground: Playground) -> AsyncIterator[Office]:
    """A bot that has asked Ada in #ops."""
    brain = Moves(WHICH, Move(answer="It is done."))
    async with an_office(tmp_path, built_toolboxes, playground, brain) as office:
        await asked(office)
        yield office


async def asked(office: Office, channel: str = "ops") -> None:
    office.people.say("ada", channel, "@ironclaw deploy it")
    await office.shown(channel, "to go on I need to know")


def messages(office: Office, channel: str = "ops") -> list[Json]:
    return office.playground.world.team("T0001").channel(channel).messages


async def press(office: Office, user: str, action: str) -> None:
    await office.people.click(user, "ops", str(office.card("ops")["ts"]), action)


async def reply(office: Office, user: str, text: str) -> None:
    """In the thread of the question."""
    thread = str(office.card("ops")["thread_ts"])
    office.people.say(user, "ops", f"@ironclaw {text}", thread_ts=thread)


async def ended(office: Office, text: str = "It is done.") -> None:
    await office.playground.wait_for(lambda: text in str(messages(office)), 20)


def whispered(office: Office, channel: str = "ops") -> list[str]:
    return [one["text"] for one in office.playground.world.team("T0001").channel(channel).ephemerals]


async def test_pressed(office: Office) -> None:
    """
    A choice is the answer: the card says whose, its buttons are gone, and the task goes on.
    """
    await office.playground.wait_for(lambda: "Waiting for your answer." in str(messages(office)), 20)
    await press(office, "ada", SECOND)
    await office.shown("ops", "<@U1ADA> answered")
    await ended(office)

    assert "production" in str(office.card("ops")["blocks"])
    assert FIRST not in str(office.card("ops")["blocks"])


async def test_in_words(office: Office) -> None:
    """
    What she writes in the thread is the answer, and no new task.
    """
    await reply(office, "ada", "neither, <https://evil.test|use> dev")
    await office.shown("ops", "<@U1ADA> answered")
    await ended(office)

    assert 1 == len(await office.app.workflows("acme"))
    assert "dev" in office.brain.seen[-1].messages[-1].text


async def test_somebody_else(office: Office) -> None:
    """
    An approver's press is refused; what they write in the thread is a task of theirs, which waits.
    """
    await press(office, "bo", FIRST)
    await office.playground.wait_for(lambda: whispered(office), 20)
    await reply(office, "bo", "production")
    await office.playground.wait_for(lambda: "came before" in str(messages(office)), 20)
    [question] = await office.app.questions.open_ones("acme")

    assert "Only who asked for this task can answer its question. Ask <@U1ADA>." == whispered(office)[0]
    assert ("open", 2) == (question.state.value, len(await office.app.workflows("acme")))


async def test_pressed_twice(office: Office) -> None:
    """
    Of two presses at once one counts, and the other is told so.
    """
    await asyncio.gather(press(office, "ada", FIRST), press(office, "ada", SECOND))
    await office.playground.wait_for(lambda: whispered(office), 20)

    assert ["This was answered already. <@U1ADA> did."] == whispered(office)


async def test_a_new_task_instead(office: Office) -> None:
    """
    A message that says to be a task is none of the answers.
    """
    await reply(office, "ada", "task: something else")
    await office.playground.wait_for(lambda: "came before" in str(messages(office)), 20)

    assert "something else" in {each.text for each in await office.app.workflows("acme")}
    assert 1 == len(await office.app.questions.open_ones("acme"))


async def test_carried_into_another_message(office: Office) -> None:
    """
    A copy of the question where the bot did not ask counts for nothing.
    """
    messages(office, "general").append(copy.deepcopy(office.card("ops")))
    await office.people.click("ada", "general", str(office.card("ops")["ts"]), FIRST)
    await office.playground.wait_for(lambda: whispered(office, "general"), 20)

    assert [ELSEWHERE] == whispered(office, "general")
    assert 1 == len(await office.app.questions.open_ones("acme"))


async def test_home_and_status(office: Office) -> None:
    """
    Her Home and the lists say what she is asked, and that the task waits for it.
    """
    await office.people.open_home("ada")
    home = await office.home("U1ADA", "Questions for you")
    await office.people.command("ada", "ops", "/ironclaw", "status")
    ephemerals = office.playground.world.team("T0001").channel("ops").ephemerals

    assert "waiting for an answer" in str(home)
    assert "waiting for an answer" in str(ephemerals)


async def test_one_reminder(tmp_path: Path, built_toolboxes: Path, playground: Playground) -> None:
    """
    Shortly before it is too late the thread tells her, by name, that her answer is waited for: once.
    """
    clock, brain = Clock(), Moves(WHICH, Move(answer="It is done."))
    async with an_office(tmp_path, built_toolboxes, playground, brain, clock=clock) as office:
        await asked(office)
        [question] = await office.app.questions.open_ones("acme")
        clock.at = question.expires_at - 60
        await office.playground.wait_for(lambda: "still waited for" in str(messages(office)), 20)
        await office.app._remind()
        await press(office, "ada", FIRST)
        await ended(office)

    [told] = [one for one in messages(office) if "still waited for" in one["text"]]
    assert (True, office.card("ops")["thread_ts"]) == ("<@U1ADA>" in told["text"], told["thread_ts"])


async def test_no_reminder_of_what_was_answered(
    tmp_path: Path, built_toolboxes: Path, playground: Playground
) -> None:
    """
    Nobody is reminded before a tenth of the time is left, nor of what they have answered.
    """
    clock, brain = Clock(), Moves(WHICH, Move(answer="It is done."))
    async with an_office(tmp_path, built_toolboxes, playground, brain, clock=clock) as office:
        await asked(office)
        [question] = await office.app.questions.open_ones("acme")
        least = max(600.0, (question.expires_at - clock.at) / 10)
        clock.at = question.expires_at - least
        early = await office.app._reminding.sweep()
        await press(office, "ada", FIRST)
        await ended(office)
        clock.at = question.expires_at - 60

        assert (False, False) == (early, await office.app._reminding.sweep())


async def test_an_approval_in_words_approves_nothing(
    tmp_path: Path, built_toolboxes: Path, playground: Playground
) -> None:
    """
    Where a card waits, "yes, approve" in its thread is a task like any other, and the card waits on.
    """
    brain = Moves(WHICH, moves(wants("files.write", path="a.md", text="x")))
    async with an_office(tmp_path, built_toolboxes, playground, brain) as office:
        await asked(office)
        await press(office, "ada", FIRST)
        await office.shown("ops", "Approval needed")
        await reply(office, "ada", "yes, approve")
        await office.playground.wait_for(lambda: "came before" in str(messages(office)), 20)
        [waiting] = await office.app.approvals("acme")

    assert ("pending", ()) == (waiting.state.value, waiting.votes)
