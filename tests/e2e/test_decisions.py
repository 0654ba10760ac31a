"""Who may decide, how often, and until when: in the real process, through the playground."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.e2e.workspace import DENY, Workspace, workspace

from ironclaw_bot.slack.clicks import ELSEWHERE
from ironclaw_bot.slack.people import GUEST, NO_GUESTS, NO_OUTSIDERS

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def slack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Workspace]:
    async with workspace(tmp_path_factory.mktemp("decisions")) as slack:
        yield slack


async def test_deny(slack: Workspace) -> None:
    """
    A denied write is not done; the card and the thread say so.
    """
    thread = slack.ask("files.write path=denied.md text=x")
    await thread.asked()
    await thread.click("bo", DENY)

    assert "Denied by <@U1BO> at" in str((await thread.asked("Denied"))["blocks"])
    assert "<@U1BO> denied files.write. Nothing was run." == await thread.answer()
    assert "Denied." == await slack.wait_for(lambda: thread.status == "Denied." and thread.status)
    assert not slack.file("denied.md").exists()


@pytest.mark.parametrize(
    ("user", "sentence"),
    [
        ("ada", "This is your own request: another approver must approve it. You may deny it."),
        ("cy", "Only <@U1BO>, <@U1GIL> or <@U9EVE> can decide this."),
        ("gil", GUEST),
        ("eve", GUEST),
    ],
    ids=["requester", "not on the list", "guest", "other company"],
)
async def test_unauthorised_click(slack: Workspace, user: str, sentence: str) -> None:
    """
    A click of somebody who may not decide changes nothing, and they alone are told why.
    """
    thread = slack.ask(f"files.write path=never/{user}.md text=x")
    before = await thread.asked()
    await thread.click(user)

    assert sentence == await thread.whisper(user)
    assert before == thread.card
    assert not slack.file(f"never/{user}.md").exists()


async def test_withdraw(slack: Workspace) -> None:
    """
    Who asked may take it back.
    """
    thread = slack.ask("files.write path=withdrawn.md text=x", user="cy")
    await thread.asked()
    await thread.click("cy", DENY)

    assert "Taken back by the one who asked: files.write. Nothing was run." == await thread.answer()
    assert "approval_denied" in slack.bot.audited("withdrawn.md")


@pytest.mark.parametrize(
    ("user", "sentence"), [("gil", NO_GUESTS), ("eve", NO_OUTSIDERS)], ids=["guest", "other company"]
)
async def test_who_may_not_ask(slack: Workspace, user: str, sentence: str) -> None:
    """
    Guests and people of other companies are answered with why nothing is done, and nothing is.
    """
    thread = slack.ask(f"files.list path=asked-by-{user}", user=user)

    assert sentence == await thread.answer()
    assert [] == slack.bot.audited(f"asked-by-{user}")


async def test_forged_button(slack: Workspace) -> None:
    """
    The value of one card's button decides nothing once it was changed to fit another card.
    """
    one, other = (slack.ask(f"files.write path=forged/{n}.md text=x") for n in (1, 2))
    await one.asked()
    await other.asked()
    _seal(one.card, other.card)
    await one.click("bo")

    assert "There is no such approval." == await one.whisper("bo")
    assert not slack.file("forged").exists()


def _seal(card: dict[str, object], other: dict[str, object]) -> None:
    """Put the seal of the other card's buttons behind the ids of this one's."""
    for ours, theirs in zip(_buttons(card), _buttons(other), strict=True):
        ours["value"] = f"{ours['value'].rpartition('.')[0]}.{theirs['value'].rpartition('.')[2]}"


def _buttons(card: dict[str, object]) -> list[dict[str, str]]:
    [actions] = [block for block in card["blocks"] if block["type"] == "actions"]  # type: ignore[attr-defined]
    return [one for one in actions["elements"] if "value" in one]


async def test_button_in_another_message(slack: Workspace) -> None:
    """
    A button with its genuine value decides nothing in the card of another call.
    """
    one, other = (slack.ask(f"files.write path=carried/{n}.md text=x") for n in (1, 2))
    await one.asked()
    await other.asked()
    for ours, theirs in zip(_buttons(one.card), _buttons(other.card), strict=True):
        ours["value"] = theirs["value"]
    await one.click("bo")

    assert ELSEWHERE == await one.whisper("bo")
    assert not slack.file("carried").exists()


async def test_double_click(slack: Workspace) -> None:
    """
    Two clicks at once are one decision and one run; whoever was second learns who was first.
    """
    thread = slack.ask("files.write path=double.md text=once")
    await thread.asked()
    results = await asyncio.gather(thread.click("bo"), thread.click("bo"))
    await thread.answer()

    assert [True, True] == [result["ok"] for result in results]
    assert (await thread.whisper("bo")).startswith("Already decided by <@U1BO> at <!date^")
    assert 1 == len(thread.answers)
    assert 1 == slack.bot.audited("double.md").count("call_executing")


async def test_delivered_twice(slack: Workspace) -> None:
    """
    An event that Slack delivers twice is one workflow with one card and one answer.
    """
    slack.playground.hub.faults.add("delivery", "double", "app_mention")
    thread = slack.ask("files.write path=twice.md text=x")
    await thread.asked()
    await thread.click("bo")
    await thread.answer()
    await slack.playground.courier.settle()

    assert [200, 200] == [attempt["status"] for attempt in slack.deliveries("app_mention", thread.ts)]
    assert 1 == slack.bot.audited("twice.md").count("received")
    assert 1 == len(thread.answers)
    assert 1 == len([one for one in thread.replies if one["text"].endswith(": files.write")])


async def test_late_click(slack: Workspace) -> None:
    """
    A click on a card that Slack shows from before the decision says by whom it was taken.
    """
    slack.playground.hub.faults.add("api", "ratelimited", "chat.update", times=9, seconds=2)
    thread = slack.ask("files.write path=late.md text=x")
    await thread.asked()
    await thread.click("bo", DENY)
    await thread.click("bo")
    slack.playground.hub.faults.clear()

    assert (await thread.whisper("bo")).startswith("Already decided by <@U1BO>")
    assert not slack.file("late.md").exists()
