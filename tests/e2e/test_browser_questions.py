"""A question of the brain in a real browser: asked, pressed, answered in words.

``PICTURES=1 python -m pytest tests/e2e/test_browser_questions.py`` takes pictures, to be looked at.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect
from tests.e2e.browser import CHROMIUM, Person, at_the_page
from tests.fakes.slack_door import a_playground
from tests.integration.engine import Moves
from tests.integration.office import ACME, Office, an_office

from ironclaw.task import Move, Question

pytestmark = [
    pytest.mark.browser,
    pytest.mark.sandbox,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="chromium is not installed"),
]
WHICH = Question(
    "q1",
    "I found two services called *billing*. Which one shall I restart? "
    "See https://docs.example.com/billing and https://evil.test/?q=1 <!channel>",
    ("billing in staging", "billing in production", "both of them, one after the other"),
)
SAID = "Restarted, <@U1ADA>. The log is at https://docs.example.com/log, not at https://evil.test/log."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory, built_toolboxes: Path) -> AsyncIterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    playground = a_playground()
    await playground.start()
    tenants = {"acme": ACME.model_copy(update={"links": ("docs.example.com",)})}
    brain = Moves(Move(question=WHICH), Move(answer=SAID))
    async with an_office(folder, built_toolboxes, playground, brain, tenants=tenants) as office:
        yield office
    await playground.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def person(office: Office) -> AsyncIterator[Person]:
    """Ada, in #general."""
    async with at_the_page(office.playground.url) as person:
        await person.page.set_viewport_size({"width": 1280, "height": 900})
        await person.page.get_by_role("button", name="general", exact=True).click()
        await person.speak_as("Ada Okafor")
        yield person
        assert [] == person.troubles


async def test_asked_and_answered(office: Office, person: Person) -> None:
    """
    A press of a choice by who asked is the answer; the only link is the tenant's, and shows where it leads.
    """
    await person.write("@ironclaw restart billing")
    await expect(person.thread).to_contain_text("to go on I need to know")
    await person.pictures("question-open")
    await person.speak_as("Bo Lindqvist")
    await person.press("billing in staging")
    await expect(person.thread).to_contain_text("Only who asked for this task can answer")
    await person.pictures("question-refused")
    await person.speak_as("Ada Okafor")
    await person.press("billing in staging")
    await expect(person.thread).to_contain_text("answered,")
    await expect(person.thread).to_contain_text("https[:]//evil[.]test/log")
    await person.pictures("question-answered")
    hrefs = await person.thread.locator("a[href^=http]").evaluate_all("links => links.map(a => a.href)")

    assert {"https://docs.example.com/billing", "https://docs.example.com/log"} == set(hrefs)
