"""The web toolbox against a real Chromium: nothing that the browser takes for hidden is read."""

from __future__ import annotations

import random
import re

import pytest
from playwright.async_api import Browser
from tests.fakes.pages import STILL_HIDDEN
from tests.integration.chromium import CHROMIUM

from ironclaw_tools.web.pages.reading import readable

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here"),
    pytest.mark.asyncio(loop_scope="module"),
]
TAGS = """
p div span b i a u code em ul ol li dl dt dd table tr td th tbody thead caption section form button h1 h2
pre blockquote svg math select option textarea template noscript object nav title style script center
font small br hr x-y details summary iframe label body html head main fieldset
"""
PAGES = 2000
#: Each page's text, but for that within what is hidden or never shown.
SEEN = """pages => {
  const frame = document.body.appendChild(document.createElement("iframe"));
  const unseen = "[hidden],script,style,noscript,template,nav,svg,math,iframe,object,select,textarea,title";
  return pages.map(page => {
    const inside = frame.contentDocument, seen = [];
    inside.open(); inside.write(page); inside.close();
    const texts = inside.createTreeWalker(inside, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const around = texts.currentNode.parentElement;
      if (around && !around.closest(unseen)) seen.push(texts.currentNode.data);
    }
    return seen.join(" ");
  });
}"""


def soup(chance: random.Random) -> str:
    """Tags that begin and end anywhere, some of them hidden, and a numbered word here and there."""
    pieces = []
    for number in range(chance.randint(3, 14)):
        tag, end = chance.choice(TAGS.split()), chance.choice([" hidden", "", "", " /"])
        pieces.append(chance.choice([f"<{tag}{end}>", f"<{tag}{end}>", f"</{tag}>", f"w{number}z "]))
    return "".join([*pieces, "wz"])


def words(text: str) -> set[str]:
    return set(re.findall(r"w\d*z", text))


async def test_soup(browser: Browser) -> None:
    """
    Of pages that are no HTML at all, no word is read that a browser puts into something hidden.
    """
    chance = random.Random(3)  # The same pages each time: a new one that differs is no change's fault.
    pages = [soup(chance) for _ in range(PAGES)]
    page = await browser.new_page()
    seen = await page.evaluate(SEEN, pages)
    await page.close()
    read = [words(readable(each, "https://example.com/").text) for each in pages]

    assert [] == [(each, r - words(s)) for each, r, s in zip(pages, read, seen, strict=True) if r - words(s)]
    assert sum(len(each) for each in read) > 0.8 * sum(len(words(each)) for each in seen)


async def test_end_tags(browser: Browser) -> None:
    """
    A browser agrees that the end tags of our cases end nothing that hides.
    """
    page = await browser.new_page()
    seen = await page.evaluate(SEEN, STILL_HIDDEN)
    await page.close()

    assert [] == [case for case, text in zip(STILL_HIDDEN, seen, strict=True) if "X" in text]
