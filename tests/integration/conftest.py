"""A real Chromium at the playground's page, with the echo app behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright
from tests.fakes.echo import Echo
from tests.fakes.slack import Slack, over_http
from tests.integration.chromium import ARGUMENTS, CHROMIUM


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
