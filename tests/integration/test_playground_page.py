"""The page in a real Chromium: by keyboard, with two people, and with hostile text."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from tests.fakes.echo import QUIET, Echo
from tests.fakes.slack import Slack
from tests.integration.chromium import CHROMIUM, card

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here"),
    # One loop for all, so that they share one browser.
    pytest.mark.asyncio(loop_scope="module"),
]


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
