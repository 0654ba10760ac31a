"""Approval cards in a real browser, in each state that people come to see.

``PICTURES=1 python -m pytest tests/e2e/test_browser_cards.py`` takes pictures of them, to be looked at.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect
from tests.e2e.browser import CHROMIUM, Person, at_the_page
from tests.fakes.slack_door import a_playground
from tests.integration.engine import Moves, moves, wants
from tests.integration.office import Office, an_office

from ironclaw.task import Conversation, Move, Role

pytestmark = [
    pytest.mark.browser,
    pytest.mark.sandbox,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="chromium is not installed"),
]
POLICY = """
@id("two-people") @quorum("2")
permit (principal, action == Action::"run_with_approval", resource == Tool::"files.delete");

@id("second-factor") @step_up("totp")
permit (principal, action == Action::"run_with_approval", resource)
when { context.arguments.hasTag("/path") && context.arguments.getTag("/path") like "payroll/*" };

@id("remembered") @grants("workflow, tool")
permit (principal, action == Action::"run_with_approval", resource)
when { context.arguments.hasTag("/path") && context.arguments.getTag("/path") like "shared/*" };
"""
OLD = "# Today\n\n- call Bo\n- send the offer\n- lunch\n"
NEW = "# Today\n\n- call Bo at nine\n- send the offer\n- lunch\n- pay <everybody> \u202etxt.exe\n"
SCENES = {
    "note": [wants("files.write", path="notes/today.md", text=NEW)],
    "other": [wants("files.write", path="notes/other.md", text="x")],
    "late": [wants("files.write", path="notes/late.md", text="x")],
    "shared": [wants("files.write", path="shared/a.md", text="Everybody may read this.")],
    "delete": [wants("files.delete", path="notes/today.md")],
    "payroll": [wants("files.write", path="payroll/june.csv", text="name,amount\nada,1\n")],
    "three": [
        wants("files.write", "c1", path="notes/one.md", text="The first of three."),
        wants("files.delete", "c2", path="notes/today.md"),
        wants("files.write", "c3", path="notes/long.md", text="A long line. " * 200),
    ],
}


class Scenes(Moves):
    """Proposes the calls of the scene that is asked for, having read the workspace's files before."""

    async def plan(self, conversation: Conversation) -> Move:
        last = max(i for i, each in enumerate(conversation.messages) if each.role is Role.USER)
        turns = sum(each.role is Role.ASSISTANT for each in conversation.messages[last:])
        read = moves(wants("files.list", "c0"))
        steps = [read, moves(*SCENES[conversation.messages[last].text])]
        return steps[turns] if turns < len(steps) else Move(answer="That is done.")


class Clock:
    """The machine's, and what was added to it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory, built_toolboxes: Path) -> AsyncIterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    shipped = resources.files("ironclaw_plugins") / "policies" / "shipped.cedar"
    policy = folder / "policy.cedar"
    policy.write_text(shipped.read_text("utf-8") + POLICY, "utf-8")
    notes = folder / "data/mnt/scratch/acme/notes"
    notes.mkdir(parents=True)
    (notes / "today.md").write_text(OLD)
    playground = a_playground()
    await playground.start()
    clock = Clock()
    async with an_office(
        folder, built_toolboxes, playground, Scenes(), policy_file=policy, clock=clock
    ) as office:
        office.clock = clock  # type: ignore[attr-defined]
        yield office
    await playground.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def window(office: Office) -> AsyncIterator[Person]:
    """One browser for all: starting one takes seconds."""
    async with at_the_page(office.playground.url) as person:
        await person.page.set_viewport_size({"width": 1280, "height": 1250})
        yield person


@pytest_asyncio.fixture(loop_scope="module")
async def person(window: Person) -> AsyncIterator[Person]:
    """Ada, in #general."""
    await window.page.get_by_role("button", name="general", exact=True).click()
    await window.speak_as("Ada Okafor")
    yield window
    assert [] == window.troubles


async def ask(person: Person, scene: str) -> None:
    """Ada asks, and the card is there."""
    await person.write(f"@ironclaw {scene}")
    await expect(person.thread.get_by_role("heading", name="Approval needed").last).to_be_visible()


async def more(person: Person, choice: str) -> None:
    """Choose from the card's menu."""
    await person.thread.get_by_label("More…").last.select_option(label=choice)


async def test_pending_and_denied(office: Office, person: Person) -> None:
    """
    A card shows the difference that the call makes; a reason is asked for, and stands on the card.
    """
    await ask(person, "note")
    await expect(person.thread).to_contain_text("+ - call Bo at nine")
    await person.pictures("card-pending")
    await person.speak_as("Bo Lindqvist")
    await more(person, "Deny with a reason…")
    await person.page.get_by_role("textbox", name="Reason").fill("Not before Monday.")
    await person.pictures("card-reason")
    await person.page.get_by_role("button", name="Deny", exact=True).last.click()
    await expect(person.thread).to_contain_text("“Not before Monday.”")
    await person.pictures("card-denied")


async def test_two_people(office: Office, person: Person) -> None:
    """
    Where two must agree, the card says who has, and who has not is asked still; then it runs once.
    """
    await ask(person, "delete")
    await person.speak_as("Bo Lindqvist")
    await person.press("Approve")
    await expect(person.thread).to_contain_text("1 of 2 approved")
    await person.pictures("card-one-of-two")
    await person.speak_as("Cy Moreno")
    await person.press("Approve")
    await expect(person.thread).to_contain_text("It ran.")
    await person.pictures("card-approved")


async def test_remembered(office: Office, person: Person) -> None:
    """
    A yes that is remembered is asked for no more, and Home lists it.
    """
    await ask(person, "shared")
    await person.speak_as("Bo Lindqvist")
    await more(person, "Approve and remember…")
    await expect(person.page.get_by_role("radio", name="In this task")).to_be_checked()
    await person.page.get_by_role("radio", name="In this channel").check()
    await person.pictures("card-remember")
    await person.page.get_by_role("button", name="Approve", exact=True).last.click()
    await expect(person.thread).to_contain_text("It ran.")
    await person.speak_as("Ada Okafor")
    await person.write("@ironclaw shared")
    await expect(person.thread).to_contain_text("That is done.")
    await expect(person.thread).not_to_contain_text("Approval needed")


async def test_edited(office: Office, person: Person) -> None:
    """
    Edited arguments are a new version; a button of the old one, in a page that was not drawn anew, is stale.
    """
    await ask(person, "other")
    await person.speak_as("Bo Lindqvist")
    await more(person, "Edit the arguments…")
    await person.page.get_by_role("textbox", name="text").fill("What it should have been.")
    await person.pictures("card-editing")
    room = office.playground.world.team("T0001").channel("general")
    old = room.messages[-1]["blocks"]
    await person.page.get_by_role("button", name="Save").click()
    await expect(person.thread).to_contain_text("2, edited by @bo")
    await person.pictures("card-edited")
    room.messages[-1]["blocks"], new = old, room.messages[-1]["blocks"]
    await person.page.reload()
    await person.press("Approve")
    await expect(person.thread).to_contain_text("A newer version of this request exists; look at its card.")
    await person.pictures("card-stale")
    room.messages[-1]["blocks"] = new


async def test_three(office: Office, person: Person) -> None:
    """
    The calls of one turn share a card with a row each, decided one by one.
    """
    await ask(person, "three")
    await person.speak_as("Bo Lindqvist")
    await person.thread.get_by_role("button", name="Deny", exact=True).first.click()
    await expect(person.thread.get_by_role("heading", name="Approval needed: 2 of 3 calls")).to_be_visible()
    await person.pictures("card-three")
    await person.press("Show all")
    await expect(person.page.get_by_role("dialog")).to_contain_text("A long line.")
    await person.pictures("card-details")
    await person.page.get_by_role("button", name="Close").last.click()


async def test_step_up(office: Office, person: Person) -> None:
    """
    Where a second factor is asked for, Slack alone approves nothing: the clicker gets a link.
    """
    await ask(person, "payroll")
    await person.speak_as("Bo Lindqvist")
    await person.press("Approve")
    await expect(person.thread.get_by_role("button", name="Open the page")).to_be_visible()
    await person.pictures("card-step-up")


async def test_home(office: Office, person: Person) -> None:
    """
    Home shows what waits for whoever looks, and what runs without asking.
    """
    await person.speak_as("Bo Lindqvist")
    await person.page.get_by_role("button", name="ironclaw").click()
    await person.page.get_by_role("tab", name="Home").click()
    await expect(person.page.get_by_text("Waiting for your decision")).to_be_visible()
    await person.pictures("card-home")


async def test_expired(office: Office, person: Person) -> None:
    """
    What nobody decides in time runs nothing, and its card says so.
    """
    await ask(person, "late")
    office.clock.ahead += 4000  # type: ignore[attr-defined]
    await expect(person.card("Expired: files.write")).to_be_visible()
    await person.pictures("card-expired")
