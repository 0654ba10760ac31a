"""The page in a real Chromium: by keyboard, with two people, and with hostile text."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect
from tests.fakes.echo import QUIET, Echo
from tests.fakes.slack import Slack, over_http

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here"),
    # One loop for all, so that they share one browser.
    pytest.mark.asyncio(loop_scope="module"),
]


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


async def card(page: Page) -> None:
    """Ada asks for a card, by keyboard."""
    box = page.get_by_label("Message #general")
    await box.focus()
    await page.keyboard.type("@iron")
    await page.keyboard.press("Enter")
    await page.keyboard.type("card please")
    await page.keyboard.press("Enter")


async def test_empty(page: Page) -> None:
    """
    An empty channel suggests the first message, and puts it into the box.
    """
    await page.get_by_role("button", name="@ironclaw files.write").click()

    await expect(page.get_by_label("Message #general")).to_have_value(
        '@ironclaw files.write path=notes/today.md text="hello"'
    )


async def test_keyboard(wired: tuple[Slack, Echo], page: Page) -> None:
    """
    Asking, changing to the approver and approving work without a mouse.
    """
    await card(page)
    await expect(page.get_by_label("Replies").get_by_text("Approval needed")).to_be_visible()
    await page.get_by_role("radio", name="Ada Okafor").focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("radio", name="Bo Lindqvist")).to_be_focused()
    await page.get_by_role("button", name="approve").focus()
    await page.keyboard.press("Enter")

    await expect(page.get_by_label("Replies").get_by_text("approved")).to_be_visible()
    assert wired[1].heard[-1]["user"]["id"] == "U1BO"


async def test_modal(page: Page) -> None:
    """
    A modal takes the focus, shows the bot's complaint, and Escape closes it.
    """
    await card(page)
    await page.get_by_role("button", name="ask").click()
    await expect(page.get_by_label("Reason")).to_be_focused()
    await page.keyboard.type("no")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog").get_by_text("Say more.")).to_be_visible()
    await page.keyboard.press("Escape")

    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_command(page: Page) -> None:
    """
    A slash command's answer is marked as visible to its author, and nobody else sees it.
    """
    await page.get_by_label("Message #general").fill("/ironclaw help")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("you said help")).to_be_visible()
    await expect(page.get_by_text("Only visible to you")).to_be_visible()
    await page.get_by_role("radio", name="Bo Lindqvist").click()

    await expect(page.get_by_text("you said help")).to_have_count(0)


async def test_home(page: Page) -> None:
    """
    Opening the Home tab shows what the bot then publishes.
    """
    await page.get_by_role("button", name="ironclaw", exact=True).click()
    await page.get_by_role("tab", name="Home").click()

    await expect(page.get_by_text("Waiting for you")).to_be_visible()


async def test_hostile_text(wired: tuple[Slack, Echo], page: Page) -> None:
    """
    Text that looks like markup stays text, and a script link is no link.
    """
    _slack, echo = wired
    hostile = "<img src=x onerror=alert(1)> <javascript:alert(1)|click> &lt;b&gt;bold&lt;/b&gt;"
    await echo.client.chat_postMessage(channel="C1GENERAL", text=hostile, **QUIET)
    shown = page.get_by_label("Messages", exact=True).locator(".text")

    await expect(shown).to_contain_text("<img src=x onerror=alert(1)>")
    await expect(shown).to_contain_text("<b>bold</b>")
    assert await shown.locator("img, a, b").count() == 0


async def test_bot_down(wired: tuple[Slack, Echo], page: Page) -> None:
    """
    A click that the bot never hears is said to have failed.
    """
    await card(page)
    await page.get_by_role("button", name="approve").wait_for()
    wired[0].send_to("http://127.0.0.1:9/")
    await page.get_by_role("button", name="approve").click()

    await expect(page.get_by_role("alert").get_by_text("cannot be reached")).to_be_visible()


async def test_theme(page: Page) -> None:
    """
    The toggle changes the theme, and the choice outlives a reload.
    """
    await page.get_by_role("button", name="Switch between light and dark").click()
    await page.reload()

    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
