"""What a stranger does: ``ironclaw demo``, and its page in a real browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect
from tests.e2e.bot import running
from tests.e2e.browser import CHROMIUM, Person, at_the_page
from tests.e2e.demo import Demo

pytestmark = [
    pytest.mark.browser,
    pytest.mark.sandbox,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="chromium is not installed"),
]
WRITE = '@ironclaw files.write path=notes/{name}.md text="hello"'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo"))
    async with running(demo.bot, *demo.words):
        yield demo


@pytest_asyncio.fixture(loop_scope="module")
async def person(demo: Demo) -> AsyncIterator[Person]:
    async with at_the_page(demo.url) as person:
        yield person


async def test_demo(demo: Demo, person: Person) -> None:
    """
    Ada writes a file, Bo approves it, the card and the thread say so, and a read runs at once.
    """
    await person.write(WRITE.format(name="today"))
    await expect(person.thread).to_contain_text("Waiting for @bo or @cy to decide.")
    await person.picture("waiting")
    assert not (demo.notes / "today.md").exists()
    await person.speak_as("Bo Lindqvist")
    await person.press("Approve")
    await expect(person.card("Approved: files.write")).to_contain_text(
        re.compile(r"Approved by @bo at \w+ \d+, \d{4} \d+:\d\d")
    )
    await expect(person.thread).to_contain_text("Done.")
    await expect(person.thread).to_contain_text("path: notes/today.md")
    await person.picture("approved")
    assert "hello" == (demo.notes / "today.md").read_text()

    await person.write("@ironclaw files.read path=notes/today.md")
    await expect(person.thread).to_contain_text("hello")
    await expect(person.thread).not_to_contain_text("Approval needed")
    assert [] == person.troubles


async def test_own_call(demo: Demo, person: Person) -> None:
    """
    Ada's own click on her card is refused, and she alone sees why.
    """
    await person.write(WRITE.format(name="own"))
    await person.press("Approve")
    await expect(person.thread).to_contain_text("Only @bo or @cy can decide this.")
    await person.picture("refused")
    await person.speak_as("Bo Lindqvist")
    await expect(person.thread).not_to_contain_text("can decide this.")
    assert not (demo.notes / "own.md").exists()


async def test_a_difference(demo: Demo, person: Person) -> None:
    """
    The card shows what a write changes in a file; when that has changed meanwhile, the yes runs nothing, and
    another card asks again, with the difference to what is there now.
    """
    demo.notes.mkdir(parents=True, exist_ok=True)
    plan = demo.notes / "plan.md"
    plan.write_text("one\ntwo\nthree\n")
    await person.write('@ironclaw files.write path=notes/plan.md text="one\\n2\\nthree\\n"')
    await expect(person.card("Approval needed: files.write")).to_contain_text("▸   - two")
    await person.picture("difference")
    plan.write_text("one\nmine\nthree\n")
    await person.speak_as("Bo Lindqvist")
    await person.press("Approve")
    await expect(person.card("Approved: files.write")).to_contain_text("It was not run.")
    await expect(person.card("Approval needed: files.write")).to_contain_text("▸   - mine")
    await person.picture("difference-again")
    assert "one\nmine\nthree\n" == plan.read_text()

    await person.press("Approve")
    await expect(person.thread).to_contain_text("bytes: 12")
    await expect(person.thread).not_to_contain_text("was changed after this was approved")
    assert "one\n2\nthree\n" == plan.read_text()


async def test_help(demo: Demo, person: Person) -> None:
    """
    /ironclaw help shows what there is to type.
    """
    await person.write("/ironclaw help")
    await expect(person.channel).to_contain_text("/ironclaw run TASK")
    await expect(person.channel).to_contain_text("Only visible to you")
    await person.picture("help")
    assert [] == person.troubles


async def test_restart(demo: Demo, person: Person) -> None:
    """
    Stopped while a card waits and started again, the click in the page that stayed open goes on.
    """
    await person.write(WRITE.format(name="restart"))
    await expect(person.thread).to_contain_text("Waiting for @bo or @cy to decide.")
    await demo.restart()
    await person.speak_as("Bo Lindqvist")
    await person.press("Approve")
    await expect(person.card("Approved: files.write")).to_be_visible()
    await expect(person.thread).to_contain_text("path: notes/restart.md")
    assert "hello" == (demo.notes / "restart.md").read_text()
