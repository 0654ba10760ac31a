"""Other ways to talk to the bot in Slack: directly, by command, in Home, from elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.e2e.workspace import Thread, Workspace, workspace

from ironclaw.task import Json
from ironclaw_bot.playground import SECOND

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
SORRY = "Sorry, IronClaw is not set up for this workspace"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def slack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Workspace]:
    async with workspace(tmp_path_factory.mktemp("talking")) as slack:
        yield slack


async def test_direct_message(slack: Workspace) -> None:
    """
    A direct message is answered there, without a mention.
    """
    said = slack.playground.people.say("ada", "@ironclaw", 'python.run code="print(7 * 7)"')
    thread = Thread(slack, "D1ADA", said["ts"])

    assert "49" in await thread.answer()


async def test_approval_in_direct_message(slack: Workspace) -> None:
    """
    What is asked directly is not to be approved there by the one who asked.
    """
    said = slack.playground.people.say("ada", "@ironclaw", "files.write path=direct.md text=x")
    thread = Thread(slack, "D1ADA", said["ts"])
    await thread.asked()
    await thread.click("ada")

    assert "This is your own request" in await thread.whisper("ada")


async def test_help(slack: Workspace) -> None:
    """
    /ironclaw help names the commands and every tool.
    """
    reply = await slack.command("help")

    assert [] == [word for word in ("run", "status", "approvals", "files.write") if word not in reply]


async def test_run(slack: Workspace) -> None:
    """
    /ironclaw run works, and everything of it stands under one message that says who asked.
    """
    assert "Started: python.run" in await slack.command('run python.run code="print(8 * 8)"')

    said = '<@U1ADA> asked: python.run code="print(8 * 8)"'

    def posted() -> list[Json]:
        return [one for one in slack.channel("general").messages if one["text"] == said]

    [parent] = await slack.wait_for(posted)
    thread = Thread(slack, "general", parent["ts"])
    await slack.wait_for(lambda: [said, "stdout: 64"] == thread.answers)


async def test_status_and_approvals(slack: Workspace) -> None:
    """
    /ironclaw status and approvals list what waits, by whom and for what; status ID shows one.
    """
    thread = slack.ask("files.write path=listed.md text=x", user="cy")
    await thread.asked()
    listed, waiting = await slack.command("status"), await slack.command("approvals")
    workflow = listed.partition("listed.md")[2].partition("`")[2].partition("`")[0]

    assert "*waiting for approval* · files.write path=listed.md" in listed
    assert "*files.write* for <@U1CY>" in waiting
    assert "*waiting for approval*" in await slack.command(f"status {workflow}")


async def test_home(slack: Workspace) -> None:
    """
    Home shows what waits.
    """
    await slack.ask("files.write path=home.md text=x").asked()
    await slack.playground.people.open_home("bo")
    homes = slack.playground.world.team("T0001").homes

    assert "files.write" in str(await slack.wait_for(lambda: homes.get("U1BO")))


async def test_sentence(slack: Workspace) -> None:
    """
    A sentence is answered with what to type; nothing is run.
    """
    thread = slack.ask("please remove the file old.md")

    assert "files.delete" in await thread.answer()
    assert "call_executing" not in slack.bot.audited("please remove")


async def test_command_from_elsewhere(slack: Workspace) -> None:
    """
    A workspace that is no tenant's is refused politely, and nothing of it is kept.
    """
    reply = await slack.command("run files.list path=elsewhere", user="dee", team=SECOND)

    assert SORRY in reply
    assert [] == slack.bot.audited("elsewhere")


async def test_mention_from_elsewhere(slack: Workspace) -> None:
    """
    A mention from such a workspace is acknowledged, so that Slack does not repeat it, and not kept.
    """
    said = slack.playground.people.say("dee", "general", "@ironclaw files.list path=outside", team=SECOND)
    await slack.playground.courier.settle()

    assert [200] == [attempt["status"] for attempt in slack.deliveries("app_mention", said["ts"])]
    assert [] == slack.bot.audited("outside")
