"""The playground over signed HTTP, with a Bolt app at the other end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from slack_sdk.errors import SlackApiError
from tests.fakes.echo import MODAL, QUIET, Echo
from tests.fakes.slack import Slack, over_http

from ironclaw_bot.playground import SECOND


@pytest.fixture
async def wired() -> AsyncIterator[tuple[Slack, Echo]]:
    async with over_http() as both:
        yield both


@pytest.fixture
def slack(wired: tuple[Slack, Echo]) -> Slack:
    return wired[0]


@pytest.fixture
def echo(wired: tuple[Slack, Echo]) -> Echo:
    return wired[1]


async def card(slack: Slack) -> str:
    """The ts of a card that the app posted."""
    slack.people.say("ada", "ops", "@ironclaw card please")
    return str((await slack.posted("ops", 2))[1]["ts"])


async def test_mention(slack: Slack, echo: Echo) -> None:
    """
    A mention becomes an app_mention event with Slack's markup, and the answer lands in its thread.
    """
    said = slack.people.say("ada", "general", '@ironclaw files.write text="a<b"')
    answer = (await slack.posted("general", 2))[1]

    assert answer["text"] == 'echo: <@U1IRONCLAW> files.write text="a&lt;b"'
    assert answer["thread_ts"] == said["ts"]


async def test_direct_message(slack: Slack, echo: Echo) -> None:
    """
    A direct message is a message event, the bot's own answer too, and a mention in it is no app_mention.
    """
    slack.people.say("ada", "@ironclaw", "@ironclaw hello")
    await slack.posted("D1ADA", 2)
    await slack.courier.settle()

    assert slack.texts("D1ADA") == ["<@U1IRONCLAW> hello", "echo: <@U1IRONCLAW> hello"]
    assert len(slack.deliveries("message")) == 2
    assert slack.deliveries("app_mention") == []


async def test_card_click(slack: Slack, echo: Echo) -> None:
    """
    A click carries who, what and where, and the bot's update replaces the card.
    """
    ts = await card(slack)

    result = await slack.people.click("bo", "ops", ts, "approve")
    await slack.wait_for(lambda: slack.messages("ops")[1]["text"] == "approved")

    click = echo.heard[-1]
    assert result["ok"]
    assert (click["user"]["id"], click["actions"][0]["value"]) == ("U1BO", "a1:1")
    assert (click["container"]["message_ts"], click["channel"]["id"]) == (ts, "C1OPS")


async def test_command(slack: Slack, echo: Echo) -> None:
    """
    A slash command's immediate answer is seen by its author alone.
    """
    await slack.people.command("ada", "general", "/ironclaw", "help")

    whisper = slack.world.team("T0001").channel("general").ephemerals[0]
    assert (whisper["to"], whisper["text"]) == ("U1ADA", "you said help")
    assert slack.texts("general") == []


async def test_modal(slack: Slack, echo: Echo) -> None:
    """
    A modal opened by a click keeps the bot's error on the screen and closes on a good answer.
    """
    await slack.people.click("bo", "ops", await card(slack), "ask")
    views = slack.world.team("T0001").views
    view_id = await slack.wait_for(lambda: next(iter(views), None))

    missing = await slack.modals.submit("bo", view_id, {})
    refused = await slack.modals.submit("bo", view_id, {"why": "no"})
    accepted = await slack.modals.submit("bo", view_id, {"why": "because"})

    assert missing["errors"] == {"why": "Please complete this required field."}
    assert refused["errors"] == {"why": "Say more."}
    assert accepted["ok"]
    assert views == {}


async def test_trigger_once(slack: Slack, echo: Echo) -> None:
    """
    A trigger opens one modal, once.
    """
    await slack.people.click("bo", "ops", await card(slack), "ask")
    await slack.wait_for(lambda: slack.world.team("T0001").views)
    used = echo.heard[-1]["trigger_id"]

    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        await echo.client.views_open(trigger_id=used, view=MODAL)


async def test_trigger_late() -> None:
    """
    A trigger is worth nothing after 3 s.
    """
    now = [1_800_000_000.0]
    async with over_http(clock=lambda: now[0]) as (slack, echo):
        trigger = slack.hub.new_trigger("T0001", "U1ADA")
        now[0] += 3.5

        with pytest.raises(SlackApiError, match="expired_trigger_id"):
            await echo.client.views_open(trigger_id=trigger, view=MODAL)


async def test_home(slack: Slack, echo: Echo) -> None:
    """
    Looking at the Home tab lets the bot publish it, for that person.
    """
    await slack.people.open_home("ada")
    homes = slack.world.team("T0001").homes
    await slack.wait_for(lambda: homes)

    assert list(homes) == ["U1ADA"]


async def test_second_workspace(slack: Slack, echo: Echo) -> None:
    """
    An event of the other workspace says so, and the first one's token cannot answer there.
    """
    slack.people.say("dee", "general", "@ironclaw hi", team=SECOND)
    await slack.wait_for(lambda: echo.heard)

    assert echo.heard[0]["team_id"] == SECOND
    with pytest.raises(SlackApiError, match="channel_not_found"):
        await echo.client.chat_postMessage(channel="C2GENERAL", text="x", **QUIET)


async def test_outsider(slack: Slack, echo: Echo) -> None:
    """
    Somebody from another company has that company's team id, in our workspace's event.
    """
    slack.people.say("eve", "general", "@ironclaw hi")
    await slack.wait_for(lambda: echo.heard)

    body = echo.heard[0]
    assert (body["team_id"], body["event"]["team"], body["is_ext_shared_channel"]) == ("T0001", "T0009", True)


async def test_verification(slack: Slack, echo: Echo) -> None:
    """
    The url_verification handshake passes with the right secret.
    """
    assert await slack.http.verify()


async def test_uninstall(slack: Slack, echo: Echo) -> None:
    """
    Uninstalling tells the bot, and its token is dead.
    """
    slack.people.uninstall()
    await slack.wait_for(lambda: len(echo.heard) == 2)

    assert sorted(echo.names()) == ["app_uninstalled", "tokens_revoked"]
    with pytest.raises(SlackApiError, match="token_revoked"):
        await echo.client.auth_test()
