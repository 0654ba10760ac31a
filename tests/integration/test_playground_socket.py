"""The playground over Socket Mode, with Bolt's own handler at the other end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from slack_sdk.errors import SlackApiError
from tests.fakes.echo import Echo
from tests.fakes.slack import APP_TOKEN, SIGNING_SECRET, TOKENS, Slack, running


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with running() as slack:
        yield slack


@pytest.fixture
async def echo(slack: Slack) -> AsyncIterator[Echo]:
    echo = Echo(slack.url, SIGNING_SECRET, TOKENS["T0001"])
    await echo.connect(APP_TOKEN)
    yield echo
    await slack.courier.settle()
    await echo.stop()


async def test_event(slack: Slack, echo: Echo) -> None:
    """
    A mention arrives over the socket and is acknowledged.
    """
    slack.people.say("ada", "general", "@ironclaw hi")
    await slack.posted("general", 2)
    await slack.courier.settle()

    assert [one["status"] for one in slack.deliveries("app_mention")[0]["attempts"]] == [200]


async def test_command(slack: Slack, echo: Echo) -> None:
    """
    A command's answer travels in the acknowledgement.
    """
    result = await slack.people.command("ada", "general", "/ironclaw", "help")

    assert result["ok"]
    assert slack.world.team("T0001").channel("general").ephemerals[0]["text"] == "you said help"


async def test_click(slack: Slack, echo: Echo) -> None:
    """
    A click arrives over the socket.
    """
    slack.people.say("ada", "ops", "@ironclaw card")
    card = (await slack.posted("ops", 2))[1]
    await slack.people.click("bo", "ops", card["ts"], "approve")

    assert await slack.wait_for(lambda: card["text"] == "approved")


async def test_each_envelope_once(slack: Slack, echo: Echo) -> None:
    """
    With two connections each envelope goes to one of them, in turn.
    """
    await echo.connect(APP_TOKEN)
    for _ in range(4):
        await slack.people.command("ada", "general", "/ironclaw", "hi")

    assert len(slack.sockets.connections) == 2
    assert len(echo.heard) == 4


async def test_reconnect(slack: Slack, echo: Echo) -> None:
    """
    After a disconnect the client comes back, and events flow again.
    """
    await slack.sockets.disconnect()
    await slack.wait_for(lambda: slack.sockets.connections)
    slack.people.say("ada", "general", "@ironclaw hi")

    assert len(await slack.posted("general", 2)) == 2


async def test_nobody_connected(slack: Slack) -> None:
    """
    Without a connection an event is retried and an interaction fails at once.
    """
    result = await slack.people.command("ada", "general", "/ironclaw", "hi")
    slack.people.say("ada", "general", "@ironclaw hi")
    await slack.courier.settle()

    assert result["reason"] == "connection_failed"
    assert len(slack.deliveries("app_mention")[0]["attempts"]) == 4


async def test_bot_token_opens_nothing(slack: Slack) -> None:
    """
    Socket Mode needs the app's token.
    """
    echo = Echo(slack.url, SIGNING_SECRET, TOKENS["T0001"])

    with pytest.raises(SlackApiError, match="not_allowed_token_type"):
        await echo.client.apps_connections_open(app_token=TOKENS["T0001"])
