"""A real Chromium at the playground's page; the Slack door at a playground; memory over both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright
from tests.fakes.approvals import settings
from tests.fakes.echo import Echo
from tests.fakes.slack import Slack, over_http
from tests.fakes.slack_door import SECRET, a_playground
from tests.fakes.slack_door import Slack as SlackDoor
from tests.fakes.wire import HOST, served
from tests.integration.chromium import ARGUMENTS, CHROMIUM
from tests.integration.desk import BOTH, Desk, a_desk

from ironclaw_bot.playground import Playground
from ironclaw_bot.slack.edge import PATH, SlackEdge


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def wired() -> AsyncIterator[tuple[Slack, Echo]]:
    async with over_http(ack_seconds=3.0) as both:
        yield both


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, wired: tuple[Slack, Echo]) -> AsyncIterator[Page]:
    """The page, which must have nothing to complain about."""
    complaints: list[str] = []
    page = await browser.new_page(color_scheme="light")
    page.set_default_timeout(10_000)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(wired[0].url + "/")
    yield page
    await page.close()
    assert complaints == []


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    playground = a_playground()
    await playground.start()
    yield playground
    await playground.stop()


@pytest.fixture
async def slack(playground: Playground) -> AsyncIterator[SlackDoor]:
    """The door over signed HTTP."""
    slack = SlackDoor(playground, settings(slack_api_url=playground.url + "/api/"))
    site = web.Application()
    site.add_routes(SlackEdge(slack.bolt.async_dispatch, SECRET).routes())
    async with served(site) as port:
        playground.send_to(f"http://{HOST}:{port}{PATH}")
        yield slack
        await slack.settle()


@pytest.fixture(params=BOTH)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    url = request.getfixturevalue("url") if request.param == "postgres" else ""
    async with a_desk(tmp_path, url) as found:
        yield found
