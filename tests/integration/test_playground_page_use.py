"""The page for whoever has no mouse, a narrow window, or a server that was stopped."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Page, expect
from tests.fakes.echo import QUIET, Echo
from tests.fakes.slack import Slack, running
from tests.integration.chromium import CHROMIUM, card

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here"),
    pytest.mark.asyncio(loop_scope="module"),
]
NARROW = {"width": 390, "height": 780}
WIDTH = "document.documentElement.scrollWidth"


async def test_narrow(wired: tuple[Slack, Echo], page: Page) -> None:
    """
    In a narrow window nothing is cut off: channels fold away, a thread leaves the switch where it is.
    """
    await page.set_viewport_size(NARROW)
    await expect(page.get_by_role("button", name="random")).to_be_hidden()
    await card(page)
    await expect(page.get_by_label("Replies").get_by_text("Approval needed")).to_be_visible()
    await expect(page.get_by_role("combobox", name="Reply")).to_be_focused()
    assert 390 == await page.evaluate(WIDTH)
    await page.get_by_label("as", exact=True).select_option("Bo Lindqvist")
    await page.get_by_role("button", name="approve").click()

    await expect(page.get_by_label("Replies").get_by_text("approved")).to_be_visible()
    assert "U1BO" == wired[1].heard[-1]["user"]["id"]


async def test_menu(page: Page) -> None:
    """
    The button brings the channels back; choosing one folds them away with any thread, Escape just them.
    """
    await page.set_viewport_size(NARROW)
    await card(page)
    await expect(page.get_by_label("Replies")).to_be_visible()
    menu = page.get_by_role("button", name="Channels and people")
    await menu.click()
    await expect(page.get_by_role("button", name="general")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(menu).to_be_focused()
    await menu.click()
    await page.get_by_role("button", name="general").click()

    await expect(page.get_by_role("button", name="random")).to_be_hidden()
    await expect(page.get_by_label("Message #general")).to_be_focused()


async def test_first_keys(page: Page) -> None:
    """
    The page begins in the message box; its first two links lead there and to who is speaking.
    """
    await expect(page.get_by_label("Message #general")).to_be_focused()
    await page.get_by_role("link", name="Skip to who is speaking").press("Enter")
    await expect(page.get_by_role("radio", name="Ada Okafor")).to_be_focused()
    await page.get_by_role("link", name="Skip to the message box").press("Enter")

    await expect(page.get_by_label("Message #general")).to_be_focused()


async def test_shortcuts(page: Page) -> None:
    """
    Two shortcuts do the same, and the help names them.
    """
    await expect(page.get_by_label("Message #general")).to_be_focused()
    await page.keyboard.press("Alt+u")
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("radio", name="Bo Lindqvist")).to_be_focused()
    await page.keyboard.press("Alt+m")
    await expect(page.get_by_label("Message #general, as Bo Lindqvist")).to_be_focused()
    await page.get_by_role("button", name="Help: keys").click()

    await expect(page.get_by_role("dialog")).to_contain_text(re.compile("Alt.M.*Alt.U", re.DOTALL))


async def test_focus_stays(page: Page) -> None:
    """
    A button pressed by keyboard leaves the focus at its card, however the bot has changed that.
    """
    await card(page)
    approve = page.get_by_role("button", name="approve")
    await approve.press("Enter")
    await expect(page.get_by_label("Replies").get_by_text("approved")).to_be_visible()

    await expect(page.locator("#replies article").last).to_be_focused()


async def test_focus_after_modal(page: Page) -> None:
    """
    A modal that is closed gives the focus back to the button that opened it.
    """
    await card(page)
    await page.get_by_role("button", name="ask").press("Enter")
    await expect(page.get_by_label("Reason")).to_be_focused()
    await page.keyboard.press("Escape")

    await expect(page.get_by_role("button", name="ask")).to_be_focused()


async def test_direct_thread(page: Page) -> None:
    """
    A direct message opens its thread, as a mention in a channel does.
    """
    await page.get_by_role("button", name="ironclaw", exact=True).click()
    await page.get_by_label("Message ironclaw").fill("hello")
    await page.keyboard.press("Enter")

    await expect(page.get_by_label("Replies").get_by_text("hello", exact=True)).to_be_visible()


async def test_invite(wired: tuple[Slack, Echo], page: Page) -> None:
    """
    Where the bot is not, the page says so and suggests to invite it; then it hears.
    """
    await page.get_by_role("button", name="random").click()
    await page.get_by_label("Message #random").fill("@ironclaw hello")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert").get_by_text("IronClaw is not in #random")).to_be_visible()
    await page.get_by_label("Message #random").fill("/invite @ironclaw")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("was added to #random by Ada Okafor.")).to_be_visible()
    await page.get_by_label("Message #random").fill("@ironclaw again")
    await page.keyboard.press("Enter")

    await expect(page.get_by_label("Replies").get_by_text("echo:")).to_be_visible()
    assert ["app_mention"] == wired[1].names()


async def test_empty_without_the_bot(page: Page) -> None:
    """
    An empty channel without the bot suggests the invitation, and nothing that nobody would hear.
    """
    await page.get_by_role("button", name="random").click()
    await page.get_by_role("button", name="/invite @ironclaw").click()

    await expect(page.get_by_label("Message #random")).to_have_value("/invite @ironclaw")
    await expect(page.get_by_role("button", name="files.write")).to_have_count(0)


async def test_stopped(browser: Browser) -> None:
    """
    A server that was stopped is said to be, until it is there again.
    """
    page = await browser.new_page()
    banner = page.get_by_text("The playground has stopped.")
    async with running() as slack:
        port = int(slack.url.rpartition(":")[2])
        await page.goto(slack.url)
        await expect(page.get_by_label("Message #general")).to_be_focused()
        await expect(banner).to_be_hidden()
    await expect(banner).to_be_visible()
    again = Slack()
    await again.start(port=port)
    try:
        await expect(banner).to_be_hidden(timeout=30_000)
    finally:
        await page.close()
        await again.stop()


async def test_whole_arguments(wired: tuple[Slack, Echo], page: Page) -> None:
    """
    What would run is read without scrolling inside the card, and the time in it is not torn.
    """
    box = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "line\n" * 40}]}
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Approval needed"}},
        {"type": "rich_text", "elements": [box]},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "<!date^1800000000^{date_short} {time}|then>"},
        },
    ]
    await wired[1].client.chat_postMessage(channel="C1GENERAL", text="x", blocks=blocks, **QUIET)
    pre = page.locator(".framed pre")
    await expect(pre).to_be_visible()

    assert await pre.evaluate("box => box.scrollHeight <= box.clientHeight")
    assert " PM" not in (await page.locator(".framed time").text_content() or "")


async def test_bands(page: Page) -> None:
    """
    The band behind a message reaches the edge that it can reach.
    """
    await card(page)
    await expect(page.locator("#messages").get_by_text("1 reply")).to_be_visible()
    inner, edge = await page.locator("#messages").evaluate(
        """box => [box.getBoundingClientRect().left + box.offsetWidth,
                   box.querySelector("article").getBoundingClientRect().right]"""
    )

    assert inner == edge


async def test_colours(page: Page) -> None:
    """
    No two people of a workspace have one colour.
    """
    await page.get_by_role("radio", name="Eve Stone").wait_for()
    hues = await page.locator("#people .avatar").evaluate_all(
        "all => all.map(one => one.style.getPropertyValue('--hue'))"
    )

    assert 5 == len(set(hues))
