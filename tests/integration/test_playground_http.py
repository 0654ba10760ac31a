"""The playground over signed HTTP, with a Bolt app at the other end."""

from __future__ import annotations

import pytest
from ironclaw_bot.playground import Playground

from tests.fakes.echo import Echo

SECRET = "s" * 32
TOKEN = "-".join(("xoxb", "primary"))
SECOND_TOKEN = "-".join(("xoxb", "second"))


@pytest.fixture
async def slack():
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    playground = Playground(
        signing_secret=SECRET,
        bot_token=TOKEN,
        second_bot_token=SECOND_TOKEN,
        request_url="http://127.0.0.1:9/",
        sleep=sleep,
        ack_seconds=1.0,
    )
    playground.slept = slept
    await playground.start()
    yield playground
    await playground.stop()


@pytest.fixture
async def echo(slack):
    app = Echo(slack.url, SECRET, TOKEN)
    slack.send_to(await app.serve())
    yield app
    await app.stop()


async def posted(slack, channel, count):
    """The channel's messages, once there are this many."""
    messages = slack.world.team("T0001").channel(channel).messages
    await slack.wait_for(lambda: len(messages) >= count)
    return messages


def texts(slack, channel, team="T0001"):
    return [message["text"] for message in slack.world.team(team).channel(channel).messages]


async def test_mention(slack, echo):
    """
    A mention becomes an app_mention event and the answer lands in its thread.
    """
    said = slack.people.say("ada", "general", '@ironclaw files.write text="a<b"')
    await posted(slack, "general", 2)

    marked = '<@U1IRONCLAW> files.write text="a&lt;b"'
    assert [marked, f"echo: {marked}"] == texts(slack, "general")
    assert said["ts"] == slack.world.team("T0001").channel("general").messages[1]["thread_ts"]


async def test_card_click(slack, echo):
    """
    A click reaches the bot with what it needs, and its update replaces the card.
    """
    slack.people.say("ada", "ops", "@ironclaw card please")
    card = (await posted(slack, "ops", 2))[1]

    result = await slack.people.click("bo", "ops", card["ts"], "approve")
    await slack.wait_for(lambda: "approved" in texts(slack, "ops"))

    assert result["ok"]
    assert ("U1BO", "a1:1") == (echo.heard[-1]["user"]["id"], echo.heard[-1]["actions"][0]["value"])


async def test_command(slack, echo):
    """
    A slash command's immediate answer is seen by its author alone.
    """
    await slack.people.command("ada", "general", "/ironclaw", "help")

    assert [("U1ADA", "you said help")] == [
        (one["to"], one["text"]) for one in slack.world.team("T0001").channel("general").ephemerals
    ]
