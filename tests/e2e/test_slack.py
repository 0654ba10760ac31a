"""The main job through Slack, over signed HTTP events and over Socket Mode."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.e2e.workspace import HTTP, SOCKET, Workspace, workspace

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[HTTP, SOCKET])
async def slack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Workspace]:
    async with workspace(tmp_path_factory.mktemp(request.param), request.param) as slack:
        yield slack


async def test_ask_and_answer(slack: Workspace) -> None:
    """
    A mention is answered in its thread, under a status that says done.
    """
    thread = slack.ask('python.run code="print(6 * 7)"')

    assert "42" in await thread.answer()
    assert "Done." == await slack.wait_for(lambda: thread.status == "Done." and thread.status)


async def test_approve(slack: Workspace) -> None:
    """
    A write waits for a person; approved, it is written once, and the card says by whom.
    """
    thread = slack.ask('files.write path=notes/approved.md text="hello"')
    await thread.asked()

    assert not slack.file("notes/approved.md").exists()
    assert (await thread.click("bo"))["ok"]
    assert "notes/approved.md" in await thread.answer()
    assert "hello" == slack.file("notes/approved.md").read_text()
    assert "Approved by <@U1BO> at <!date^" in str((await thread.asked("Approved"))["blocks"])


async def test_restart_while_paused(slack: Workspace) -> None:
    """
    Killed while a card waits and started again, the bot goes on upon the click.
    """
    thread = slack.ask('files.write path=notes/restart.md text="still here"')
    await thread.waits()
    await slack.restart()
    await thread.click("bo")

    assert "notes/restart.md" in await thread.answer()
    assert "still here" == slack.file("notes/restart.md").read_text()
    assert 1 == len(thread.answers)


async def test_killed_when_acknowledged(slack: Workspace) -> None:
    """
    Killed the moment Slack has its 200, the bot finishes the task after the start.
    """
    thread = slack.ask('python.run code="print(sum(range(10**6)))"')
    await slack.wait_for(lambda: slack.deliveries("app_mention", thread.ts))
    await slack.restart()

    assert [200] == [attempt["status"] for attempt in slack.deliveries("app_mention", thread.ts)]
    assert "499999500000" in await thread.answer()
