"""Socket Mode when connections break: the bot connects again by itself, and hears what is said then."""

from __future__ import annotations

import pytest
from tests.fakes.approvals import settings
from tests.fakes.slack_door import APP_TOKEN, Slack

from ironclaw_bot.slack.door import SlackSocket


@pytest.fixture
async def slack(playground, monkeypatch):
    """The door over Socket Mode."""
    monkeypatch.setattr("ironclaw_bot.slack.door.PING", 0.1)
    configuration = settings(slack_api_url=playground.url + "/api/")
    slack = Slack(playground, configuration)
    connection = SlackSocket(slack.bolt, APP_TOKEN, configuration.slack_api_url)
    await connection.start()
    yield slack
    await slack.settle()
    await connection.stop()


async def cut(slack):
    """The connection is gone without a word."""
    for socket in list(slack.playground.sockets.connections):
        socket._req.transport.abort()
    await slack.playground.wait_for(lambda: not slack.playground.sockets.connections)


async def closed(slack):
    """Slack closes the connection."""
    for socket in list(slack.playground.sockets.connections):
        await socket.close()


async def refreshed(slack):
    """Slack asks for another connection, as it does every few hours."""
    await slack.playground.sockets.disconnect()


@pytest.mark.parametrize("end", [cut, closed, refreshed])
@pytest.mark.parametrize("fault", ["", "error500", "ratelimited", "lost_answer"])
async def test_connects_again(slack, end, fault):
    """
    However a connection ends, and though Slack gives no new one at first, what is said after it is heard.
    """
    if fault:
        slack.playground.hub.faults.add("api", fault, match="apps.connections.open", times=2)
    await end(slack)
    await slack.playground.wait_for(lambda: slack.playground.sockets.connections, 30)
    slack.people.say("ada", "general", "@ironclaw files.list")
    await slack.settle()

    assert ["files.list"] == [task.text for task in slack.engine.tasks]
