"""Limits in money, in the whole engine: with many tasks at once, and turns that nobody saw the end of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.openai_server import FakeOpenAI, slow, text
from tests.integration.engine import PLUGINS, ask, settings
from tests.integration.planning import KEY

from ironclaw.app import Ironclaw, open_app
from ironclaw.settings import TenantSettings
from ironclaw.task import WorkflowState

pytestmark = pytest.mark.sandbox
PRICES = {"gpt-5-mini": {"input": 1, "output": 1}}  #: A micro for each token.
WRITES = 100_000  #: Tokens that a turn may write: so many micros, and what it reads, are set aside for it.


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(key=KEY) as fake:
        yield fake


def planning(
    folder: Path, server: FakeOpenAI, toolboxes: Path, limits: dict[str, float], **more: Any
) -> AbstractAsyncContextManager[Ironclaw]:
    """An engine whose tenants have such limits."""
    tenants = {name: TenantSettings(slack=(name,), **limits) for name in ("T1", "T2")}
    known = {"openai_base_url": server.url, "openai_api_key": KEY, "prices": PRICES, "tenants": tenants}
    plugins = (*PLUGINS, "brain_openai")
    known |= {"brain": "openai", "plugins": plugins, "max_output_tokens": WRITES, **more}
    return open_app(settings(folder, **known), toolboxes=[toolboxes / "standard"], spares=False)


async def test_many_at_once(tmp_path: Path, server: FakeOpenAI, built_toolboxes: Path) -> None:
    """
    Of tasks that begin at once only so many ask a model as the day's budget is good for; another tenant's do.
    """
    server.on("do it", slow(text("Done.", tokens=90_001)))
    async with planning(tmp_path, server, built_toolboxes, {"budget_per_day": 0.25}) as app:
        ids = [await app.submit(ask()) for _ in range(12)]
        ended = await first_to_end(app, ids, 9)
        refused = {view.outcome.partition(", $")[0] for view in ended}
        others = await app.submit(ask(tenant="T2"))
        server.release()
        done = [await app.wait("T1", each, 30) for each in ids]
        late = await app.wait("T1", await app.submit(ask()), 30)
        await app.wait("T2", others, 30)

    assert {"What is left of today's budget for models"} == refused
    assert 3 == sum(view.state is WorkflowState.DONE for view in done)
    assert 4 == len(server.requests)
    assert late.outcome.startswith("The budget for models is used up for today: $0.25.")


async def first_to_end(app: Ironclaw, ids: list[str], number: int) -> list[Any]:
    """Those that have ended, once there are so many of them."""
    async with asyncio.timeout(30):
        while True:
            views = [await app.workflow("T1", each) for each in ids]
            ended = [view for view in views if view.state.is_final]
            if len(ended) >= number:
                return ended
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("limits", [{"max_cost": 0.3}, {"budget_per_day": 0.3}])
async def test_a_turn_that_a_stop_ended(
    tmp_path: Path, server: FakeOpenAI, built_toolboxes: Path, limits: dict[str, float]
) -> None:
    """
    A turn that was asked for and whose end nobody saw has cost what was set aside for it.
    """
    server.on("do it", slow(text("Done.", tokens=11)))
    async with planning(tmp_path, server, built_toolboxes, limits, drain_seconds=0) as app:
        workflow = await app.submit(ask())
        await server.asked.wait()
    server.release()
    async with planning(tmp_path, server, built_toolboxes, limits) as app:
        view = await app.wait("T1", workflow, 30)

    assert (WorkflowState.DONE, 2) == (view.state, len(server.requests))
    assert view.models is not None
    assert view.models.micros is not None
    assert WRITES < view.models.micros < WRITES * 1.5


async def test_a_turn_that_took_too_long(tmp_path: Path, server: FakeOpenAI, built_toolboxes: Path) -> None:
    """
    So has one that the task's time ended: a silent server is not free.
    """
    server.on("do it", slow(text("Done.", tokens=11)))
    async with planning(tmp_path, server, built_toolboxes, {"budget_per_day": 0.1}, max_seconds=0.5) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        late = await app.wait("T1", await app.submit(ask()), 30)

    assert "did not answer within" in view.outcome
    assert late.outcome.startswith("The budget for models is used up for today: $0.10.")
    assert 1 == len(server.requests)
