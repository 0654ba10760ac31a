"""A person at the playground's page: Debian's Chromium, driven by typing and clicking only."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Locator, Page, async_playwright, expect

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
#: As root, and in most containers, Chromium's own sandbox cannot start; it sees nothing but our page.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
OUT = Path(__file__).parent / "out"
expect.set_options(timeout=15_000)


class Person:
    """
    Whoever sits before the page.

    :ivar troubles: errors that the page raised or logged
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.troubles: list[str] = []
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", lambda said: said.type == "error" and self.troubles.append(said.text))

    @property
    def thread(self) -> Locator:
        return self.page.locator("#replies")

    @property
    def channel(self) -> Locator:
        return self.page.locator("#messages")

    def card(self, title: str) -> Locator:
        """The card in the open thread, once it has this title."""
        heading = self.page.get_by_role("heading", name=title)
        return self.thread.locator(".framed").filter(has=heading)

    async def speak_as(self, name: str) -> None:
        await self.page.get_by_role("radio", name=name).click()
        await expect(self.page.get_by_role("radio", name=name)).to_be_checked()

    async def write(self, text: str) -> None:
        """Type into the channel's box, key by key, and send with Enter."""
        box = self.page.get_by_role("combobox", name=re.compile("^Message #"))
        await box.click()
        await box.press_sequentially(text)
        await box.press("Enter")
        await expect(box).to_have_value("")

    async def press(self, button: str) -> None:
        """Press a button in the open thread."""
        await self.thread.get_by_role("button", name=button, exact=True).click()

    async def picture(self, name: str) -> None:
        """Screenshots in light and dark, to be looked at."""
        OUT.mkdir(exist_ok=True)
        for scheme in ("dark", "light"):
            await self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            await expect(self.page.locator(f"html[data-theme={scheme}]")).to_have_count(1)
            await self.page.screenshot(path=OUT / f"{name}-{scheme}.png")

    async def pictures(self, name: str) -> None:
        """The same and in a narrow window, where they are asked for: by PICTURES in the environment."""
        if "PICTURES" not in os.environ:
            return
        await self.picture(name)
        before = self.page.viewport_size
        await self.page.set_viewport_size({"width": 390, "height": 1500})
        await self.page.screenshot(path=OUT / f"{name}-narrow.png")
        if before:
            await self.page.set_viewport_size(before)


@contextlib.asynccontextmanager
async def at_the_page(url: str) -> AsyncIterator[Person]:
    """A person who has just opened the address."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            page = await browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
            person = Person(page)
            await page.goto(url)
            yield person
        finally:
            await browser.close()
