"""Approvals that nobody decides in time, in the real process and by its own clock."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.e2e.callers import BOSS, Callers
from tests.e2e.workspace import APPROVERS, Workspace, workspace
from tests.fakes.tokens import ISSUER

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
SECONDS = 1.5


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Callers:
    return Callers(tmp_path_factory.mktemp("keys"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def slack(tmp_path_factory: pytest.TempPathFactory, callers: Callers) -> AsyncIterator[Workspace]:
    doors = callers.settings()
    tenant = {
        "approval_minutes": SECONDS / 60,
        "jwt": True,
        "approvers": [*APPROVERS, f"jwt:{ISSUER}|{BOSS}"],
    }
    del doors["tenants"]
    async with workspace(tmp_path_factory.mktemp("expiry"), tenant=tenant, **doors) as slack:
        yield slack


async def test_expires(slack: Workspace) -> None:
    """
    The card loses its buttons, the thread learns that nobody decided, and nothing was run.
    """
    thread = slack.ask("files.write path=expired.md text=x")
    card = await thread.asked("Expired")

    assert "Nobody decided in time. Nothing was run." == await thread.answer()
    assert "Expired." == await slack.wait_for(lambda: thread.status == "Expired." and thread.status)
    assert "actions" not in [block["type"] for block in card["blocks"]]
    assert not slack.file("expired.md").exists()


async def test_click_too_late(slack: Workspace) -> None:
    """
    A click on a card that Slack still shows with its buttons runs nothing, and the clicker is told.
    """
    thread = slack.ask("files.write path=late.md text=x")
    await thread.asked()
    slack.playground.hub.faults.add("api", "ratelimited", "chat.update", times=99, seconds=1)
    await thread.answer()
    await thread.click("bo")
    slack.playground.hub.faults.clear()

    assert "expired" in (await thread.whisper("bo")).lower()
    assert not slack.file("late.md").exists()


async def test_approve_too_late(slack: Workspace, callers: Callers) -> None:
    """
    Over HTTP, the expired approval is gone.
    """
    run = await callers.run(slack.bot, "files.write path=gone.md text=x", tenant_id="acme")
    await callers.until(slack.bot, run.json["workflow_id"], "failed", tenant_id="acme")
    reply = await callers.approve(slack.bot, run.json["approval"]["id"], tenant_id="acme")

    assert (202, 410) == (run.status, reply.status)
    assert not slack.file("gone.md").exists()
