"""The HTTP door of the real process: tokens in, 200 and 202 out, decisions by POST."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.e2e.bot import Bot, running
from tests.e2e.callers import BOSS, Callers
from tests.fakes.tokens import ISSUER

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Callers:
    return Callers(tmp_path_factory.mktemp("keys"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(tmp_path_factory: pytest.TempPathFactory, callers: Callers) -> AsyncIterator[Bot]:
    bot = Bot(tmp_path_factory.mktemp("http"), workers=1, **callers.settings())
    async with running(bot):
        yield bot


async def paused(bot: Bot, callers: Callers, path: str) -> dict[str, Any]:
    """A run that waits for an approval."""
    reply = await callers.run(bot, f"files.write path={path} text=hello")
    assert (202, "paused") == (reply.status, reply.json["status"])
    return dict(reply.json)


async def test_health(bot: Bot) -> None:
    """
    Anybody may ask whether it lives; nothing else without a token.
    """
    health, nobody = await bot.get("/health"), await bot.post("/run", {"task": "files.list"})

    assert (200, {"status": "ok"}) == (health.status, health.json)
    assert (401, "application/problem+json") == (
        nobody.status,
        nobody.headers["content-type"].split(";")[0],
    )


async def test_low_risk(bot: Bot, callers: Callers) -> None:
    """
    A low-risk task is done when its answer comes.
    """
    reply = await callers.run(bot, 'python.run code="print(6 * 7)"')

    assert (200, "done") == (reply.status, reply.json["status"])
    assert "42" in reply.json["answer"]


async def test_approve(bot: Bot, callers: Callers) -> None:
    """
    A high-risk call waits, an approver's token lets it run, and the workflow is done for everybody.
    """
    run = await paused(bot, callers, "approved.md")
    decided = await callers.approve(bot, run["approval"]["id"])
    seen = await callers.workflow(bot, run["workflow_id"])

    assert (200, "done") == (decided.status, decided.json["status"])
    assert "done" == seen.json["status"]
    assert "hello" == (bot.scratch / "T1" / "approved.md").read_text()


async def test_approve_twice(bot: Bot, callers: Callers) -> None:
    """
    The second decision is a conflict that names who decided first, and when.
    """
    run = await paused(bot, callers, "twice.md")
    await callers.approve(bot, run["approval"]["id"])
    second = await callers.deny(bot, run["approval"]["id"])

    assert (409, f"jwt:{ISSUER}|{BOSS}") == (second.status, second.json["by"])
    assert second.json["at"].endswith("Z")


async def test_deny(bot: Bot, callers: Callers) -> None:
    """
    A denied call is not run, and its workflow ends.
    """
    run = await paused(bot, callers, "denied.md")
    decided = await callers.deny(bot, run["approval"]["id"])

    assert (200, "denied") == (decided.status, decided.json["approval"]["state"])
    said = f"jwt:{ISSUER}|{BOSS} denied files.write. Nothing was run."
    assert ("failed", said) == (decided.json["status"], decided.json["reason"])
    assert not (bot.scratch / "T1" / "denied.md").exists()


async def test_requester(bot: Bot, callers: Callers) -> None:
    """
    Who asked does not approve, and it goes on waiting.
    """
    run = await paused(bot, callers, "own.md")
    reply = await callers.approve(bot, run["approval"]["id"], sub="svc-1")

    assert 403 == reply.status
    assert "paused" == (await callers.workflow(bot, run["workflow_id"])).json["status"]


async def test_other_tenant(bot: Bot, callers: Callers) -> None:
    """
    Another tenant's ids are not to be told from ids that never were.
    """
    run = await paused(bot, callers, "ours.md")
    nowhere = await callers.workflow(bot, "f" * 32, tenant_id="T2")
    theirs = await callers.workflow(bot, run["workflow_id"], tenant_id="T2")
    decided = await callers.approve(bot, run["approval"]["id"], tenant_id="T2")

    assert [404] * 3 == [nowhere.status, theirs.status, decided.status]
    assert nowhere.body == theirs.body == decided.body


async def test_restart(bot: Bot, callers: Callers) -> None:
    """
    Killed while it waits and started again, it is approved as if nothing had been.
    """
    run = await paused(bot, callers, "restart.md")
    await bot.kill()
    await bot.start()
    decided = await callers.approve(bot, run["approval"]["id"])

    assert (200, "done") == (decided.status, decided.json["status"])
    assert "hello" == (bot.scratch / "T1" / "restart.md").read_text()
