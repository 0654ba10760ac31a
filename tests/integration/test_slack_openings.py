"""Threads that a command opens, and Slack's own stop button in a thread: with the real engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.engine import Moves, moves, wants
from tests.integration.office import Office, an_office

from ironclaw.task import SlackIdentity, WorkflowState
from ironclaw_bot.playground import Playground

pytestmark = pytest.mark.sandbox
WRITE = moves(wants("files.write", path="a.md", text="hello"))


@pytest.fixture
async def office(tmp_path: Path, built_toolboxes: Path, playground: Playground) -> AsyncIterator[Office]:
    async with an_office(tmp_path, built_toolboxes, playground, Moves(WRITE)) as office:
        yield office


def said(office: Office, channel: str) -> list[dict[str, Any]]:
    """What the bot said there."""
    team = office.playground.world.team("T0001")
    room = team.dm("U1ADA") if channel == "D1ADA" else team.channel(channel)
    return [one for one in room.messages if one.get("bot_id")]


async def run(office: Office, channel: str) -> None:
    """Ada types a command that waits for a person."""
    ack = await office.people.command("ada", channel, "/ironclaw", "run write <it>")
    assert ack["ok"]


async def cards(office: Office, channel: str) -> list[dict[str, Any]]:
    """What was said there, once a card is."""
    await office.playground.wait_for(
        lambda: any("Approval" in one["text"] for one in said(office, channel)), 20
    )
    return said(office, channel)


async def test_a_command_opens_its_thread(office: Office) -> None:
    """
    Who asked for what stands first; everything else stands under it.
    """
    await run(office, "ops")
    opening, *rest = await cards(office, "ops")

    assert "<@U1ADA> asked: write &lt;it&gt;" == opening["text"]
    assert {opening["ts"]} == {one["thread_ts"] for one in rest}


async def test_where_the_bot_may_not_speak(office: Office) -> None:
    """
    In a channel without the bot, all of it goes to the person, in one thread.
    """
    await run(office, "random")
    opening, *rest = await cards(office, "D1ADA")

    assert {opening["ts"]} == {one["thread_ts"] for one in rest}
    assert [] == said(office, "random")


async def test_the_thread_is_the_workflows(office: Office) -> None:
    """
    The thread that was opened belongs to the command's workflow: there it can be stopped.
    """
    await run(office, "ops")
    opening, *_ = await cards(office, "ops")
    ada = await office.app.authenticate(SlackIdentity("T0001", "U1ADA"))
    stopped = await office.app.stopping.stop_thread(ada, f"C1OPS:{opening['ts']}")
    [workflow] = await office.app.workflows("acme")

    assert (1, WorkflowState.CANCELLED) == (stopped, workflow.state)


async def test_slack_is_slow(office: Office) -> None:
    """
    The command is answered while Slack takes no message; once it does, the thread is opened, once.
    """
    office.playground.hub.faults.add("api", "ratelimited", "chat.postMessage", times=1, seconds=1)
    await run(office, "ops")
    messages = await cards(office, "ops")

    assert 1 == sum("asked:" in one["text"] for one in messages)


async def test_stop_button(office: Office) -> None:
    """
    Slack's stop button ends what waits in that thread, for who asked.
    """
    ts = (await asked(office))["thread_ts"]
    await office.people.stop_session("ada", "ops", ts)
    await office.shown("ops", "Cancelled")
    [workflow] = await office.app.workflows("acme")

    assert WorkflowState.CANCELLED is workflow.state


async def asked(office: Office) -> dict[str, Any]:
    await office.asked()
    return office.card("ops")


async def test_stop_button_of_another(office: Office) -> None:
    """
    For somebody who neither asked nor approves it ends nothing, and they are told so.
    """
    ts = (await asked(office))["thread_ts"]
    team = office.playground.world.team("T0001")
    team.users["U1DI"] = {**team.users["U1ADA"], "id": "U1DI", "name": "di"}
    team.channel("ops").members.append("U1DI")
    await office.people.stop_session("di", "ops", ts)
    await office.playground.wait_for(lambda: team.channel("ops").ephemerals, 20)
    [workflow] = await office.app.workflows("acme")

    assert ["Only who asked for it, or an approver, can stop it."] == [
        one["text"] for one in team.channel("ops").ephemerals
    ]
    assert WorkflowState.PAUSED is workflow.state


async def test_stop_button_elsewhere(office: Office) -> None:
    """
    Pressed in another thread it ends nothing.
    """
    await asked(office)
    other = office.people.say("ada", "ops", "something else")
    await office.people.stop_session("ada", "ops", other["ts"])
    await office.playground.courier.settle()
    [workflow] = await office.app.workflows("acme")

    assert WorkflowState.PAUSED is workflow.state
