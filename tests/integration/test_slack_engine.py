"""Cards of the real engine in the playground: every copy, Home, edits, and what is kept over a restart."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.engine import Moves, engine, moves, wants
from tests.integration.office import ACME, Office, an_office

from ironclaw_bot.playground import Playground
from ironclaw_bot.slack.clicks import ELSEWHERE

pytestmark = pytest.mark.sandbox
WRITE = moves(wants("files.write", path="a.md", text="hello"))


@pytest.fixture
async def office(tmp_path: Path, built_toolboxes: Path, playground: Playground) -> AsyncIterator[Office]:
    async with an_office(tmp_path, built_toolboxes, playground, Moves(WRITE)) as office:
        yield office


async def test_every_copy(office: Office, tmp_path: Path) -> None:
    """
    Decided in one Home, a card is decided in the thread, in the approvals channel and in every other Home.
    """
    await office.asked()
    await office.shown("approvals", "Approval needed")
    await office.people.open_home("bo")
    await office.people.open_home("cy")
    view = await office.home("U1BO", "files.write")
    await office.home("U1CY", "files.write")
    await office.people.click_in_view("bo", view["id"], "ironclaw_approve")

    await office.shown("ops", "It ran.")
    await office.shown("approvals", "It ran.")
    await office.home("U1BO", "Nothing waits for you.")
    await office.home("U1CY", "Nothing waits for you.")
    assert ["hello"] == office.written(tmp_path)


async def test_copy_that_nobody_posted(office: Office, tmp_path: Path) -> None:
    """
    The same message in a channel where the bot did not post it decides nothing.
    """
    ts = await office.asked()
    general = office.playground.world.team("T0001").channel("general")
    general.messages.append(copy.deepcopy(office.card("ops")))
    await office.people.click("bo", "general", ts, "ironclaw_approve")
    await office.playground.wait_for(lambda: general.ephemerals, 20)

    assert [ELSEWHERE] == [one["text"] for one in general.ephemerals]
    assert 1 == len(await office.app.approvals("acme"))


async def test_where_a_card_stands(office: Office) -> None:
    """
    A card stands where it was posted and nowhere else: not in no place, and not for another tenant.
    """
    ts = await office.asked()
    [approval] = await office.app.approvals("acme")
    posted = {"channel": "C1OPS", "ts": ts}
    asked = [("acme", posted), ("acme", {}), ("acme", {**posted, "ts": "1.000000"}), ("other", posted)]
    stands = [await office.app.cards.is_shown_at(tenant, approval.card, spot) for tenant, spot in asked]

    assert [True, False, False, False] == stands


async def test_edit(office: Office, tmp_path: Path) -> None:
    """
    An edited call is a new version on its card: the old button is stale, the new one runs what was written.
    """
    ts = await office.asked()
    old = copy.deepcopy(office.card("ops")["blocks"])
    [approval] = await office.app.approvals("acme")
    choice = f"edit:{office.app.button(approval)}"
    await office.people.click("bo", "ops", ts, "ironclaw_more", answer=choice)
    stacks = office.playground.world.team("T0001").stacks
    await office.playground.wait_for(lambda: stacks.get("U1BO"), 20)
    result = await office.playground.modals.submit("bo", stacks["U1BO"][-1], {"arg:text": "goodbye"})
    assert result["ok"]

    await office.shown("ops", "goodbye")
    room = office.playground.world.team("T0001").channel("ops")
    new, room.message(ts)["blocks"] = office.card("ops")["blocks"], old
    await office.people.click("bo", "ops", ts, "ironclaw_approve")
    await office.playground.wait_for(lambda: room.ephemerals, 20)
    assert [] == office.written(tmp_path)

    room.message(ts)["blocks"] = new
    await office.people.click("bo", "ops", ts, "ironclaw_approve")
    await office.shown("ops", "It ran.")
    assert ["goodbye"] == office.written(tmp_path)


async def test_reason_reaches_the_brain(office: Office, tmp_path: Path) -> None:
    """
    Why somebody said no stands on the card, and the brain gets it as data.
    """
    ts = await office.asked()
    [approval] = await office.app.approvals("acme")
    choice = f"reason:{office.app.button(approval)}"
    await office.people.click("bo", "ops", ts, "ironclaw_more", answer=choice)
    stacks = office.playground.world.team("T0001").stacks
    await office.playground.wait_for(lambda: stacks.get("U1BO"), 20)
    await office.playground.modals.submit("bo", stacks["U1BO"][-1], {"reason": "not in a.md"})
    await office.shown("ops", "Denied")
    await office.playground.wait_for(lambda: len(office.brain.seen) > 1, 20)

    assert "“not in a.md”" in str(office.card("ops")["blocks"])
    assert '"reason": "not in a.md"' in office.brain.seen[-1].messages[-1].text
    assert [] == office.written(tmp_path)


async def test_groups_are_what_slack_says_now(
    tmp_path: Path, built_toolboxes: Path, playground: Playground
) -> None:
    """
    Who is in a user group is asked at the start; before it answered nobody is, whatever the rows say.
    """
    async with an_office(tmp_path, built_toolboxes, playground, Moves(WRITE)) as office:
        assert {"group:leads", "approver"} == office.app.roles("acme", "slack:T0001:U1CY")
    async with engine(tmp_path, Moves(), built_toolboxes, tenants={"acme": ACME}) as app:
        assert {"approver"} == app.roles("acme", "slack:T0001:U1CY")
        assert {"approver"} == app.roles("acme", "slack:T0001:U1BO")
