"""The browser of the page's tests, and what a person does at the page."""

from __future__ import annotations

import shutil

from playwright.async_api import Page

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


async def card(page: Page) -> None:
    """Ada asks for a card, by keyboard."""
    box = page.get_by_label("Message #general")
    await box.focus()
    await page.keyboard.type("@iron")
    await page.keyboard.press("Enter")
    await page.keyboard.type("card please")
    await page.keyboard.press("Enter")
