"""A notice of which nobody knows whether it was posted: looked for in Slack, updated where it stands."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from tests.fakes.approvals import an_approval
from tests.fakes.slack_door import Slack, notice

from ironclaw.errors import TryLater
from ironclaw.task import Notice, NoticeKind
from ironclaw_bot.slack import finding

DIRECT = "D1ADA"


def uncertain(asked: Notice) -> Notice:
    """The same after a crash."""
    return replace(asked, tried_at=time.time() - 60)


def a_status(channel: str = "C1OPS", text: str = "Working on it.", **place: Any) -> Notice:
    return notice(NoticeKind.STATUS, {"text": text}, channel=channel, **place)


def texts(slack: Slack, channel: str) -> list[str]:
    team = slack.playground.world.team("T0001")
    room = team.dm("U1ADA") if channel == DIRECT else team.channel(channel)
    return [one["text"] for one in room.messages if one.get("bot_id")]


def calls(slack: Slack, method: str) -> list[Mapping[str, Any]]:
    return [one for one in slack.playground.journal if one.get("method") == method]


@pytest.mark.parametrize("channel", ["C1OPS", "C1APPROVALS", DIRECT])
@pytest.mark.parametrize("in_thread", [True, False])
async def test_found_and_updated(slack: Slack, channel: str, in_thread: bool) -> None:
    """
    In a thread or not, in public and private channels and in direct messages: found, and not posted again.
    """
    said = slack.people.say("ada", channel, "hello")
    place = {"thread_ts": said["ts"]} if in_thread else {}
    first = await slack.sender.send(a_status(channel, **place))
    again = await slack.sender.send(uncertain(a_status(channel, "Done.", **place)))

    assert (first, ["Done."]) == (again, texts(slack, channel))


async def test_posted_where_it_is_not(slack: Slack) -> None:
    """
    What is nowhere is posted; what stands there of another subject, or was said by somebody else, is not it.
    """
    other = replace(a_status(), subject="another")
    await slack.sender.send(other)
    slack.people.say("ada", "ops", "Working on it.")
    await slack.sender.send(uncertain(a_status()))

    assert ["Working on it."] * 2 == texts(slack, "ops")


async def test_copied_mark(slack: Slack) -> None:
    """
    The mark on a message that is not the bot's own means nothing: what is told is told.
    """
    said = slack.people.say("ada", "ops", "not the bot")
    slack.channel("ops").message(said["ts"])["metadata"] = finding.metadata(a_status())
    await slack.sender.send(uncertain(a_status()))

    assert ["Working on it."] == texts(slack, "ops")


async def test_found_in_direct_messages(slack: Slack) -> None:
    """
    Where the bot may not speak it wrote to the person: there it is found, and updated.
    """
    place = {"user": "U1ADA", "thread_ts": "1700000000.000001"}
    await slack.sender.send(a_status("C1RANDOM", **place))
    await slack.sender.send(uncertain(a_status("C1RANDOM", "Done.", **place)))

    assert ["Done."] == texts(slack, DIRECT)


async def test_card_is_found(slack: Slack) -> None:
    """
    A card that was posted is drawn again in its place, and its buttons there count.
    """
    slack.engine.reviews["ap_1"] = an_approval()
    card = notice(NoticeKind.CARD, {"card": "ap_1"})
    first = await slack.sender.send(card)
    again = await slack.sender.send(uncertain(card))

    assert first == again
    assert 1 == len(slack.channel("ops").messages)


async def test_beyond_the_first_page(slack: Slack, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    However much was said since, it is found.
    """
    monkeypatch.setattr(finding, "PAGE", 2)
    await slack.sender.send(a_status())
    for number in range(5):
        slack.people.say("ada", "ops", f"{number}")
    await slack.sender.send(uncertain(a_status(text="Done.")))

    assert ["Done."] == texts(slack, "ops")
    assert 3 == len(calls(slack, "conversations.history"))


@pytest.mark.parametrize("fault", ["ratelimited", "error500", "missing_scope"])
async def test_slack_cannot_be_asked(slack: Slack, fault: str) -> None:
    """
    As long as Slack does not say whether it stands there, nothing is posted, and it stays uncertain.
    """
    is_code = fault == "missing_scope"
    more = {"code": fault} if is_code else {}
    slack.playground.hub.faults.add("api", "error" if is_code else fault, "conversations.history", **more)

    with pytest.raises(TryLater):
        await slack.sender.send(uncertain(a_status()))
    assert [] == texts(slack, "ops")


@pytest.mark.parametrize("hours", [-1, 1])
async def test_clocks_that_differ(slack: Slack, hours: int) -> None:
    """
    An hour between our clock and Slack's, either way, does not hide it.
    """
    await slack.sender.send(a_status())
    await slack.sender.send(replace(a_status(text="Done."), tried_at=time.time() + hours * 3600))

    assert ["Done."] == texts(slack, "ops")


async def test_certain_is_not_looked_for(slack: Slack) -> None:
    """
    Only after a crash is anything read back.
    """
    await slack.sender.send(a_status())

    assert ([], []) == (calls(slack, "conversations.history"), calls(slack, "conversations.replies"))


async def test_held_up_for_too_long(slack: Slack) -> None:
    """
    A process that wakes after its time posts nothing: another one may have.
    """
    with pytest.raises(TryLater) as held:
        await slack.sender.send(replace(a_status(), until=time.monotonic() - 1))

    assert (True, []) == (held.value.is_uncertain, texts(slack, "ops"))


async def test_answer_lost(slack: Slack) -> None:
    """
    A connection that breaks after the message was posted leaves it uncertain; then it is found.
    """
    slack.playground.hub.faults.add("api", "lost_answer", "chat.postMessage")
    with pytest.raises(TryLater) as lost:
        await slack.sender.send(a_status())
    await slack.sender.send(uncertain(a_status()))

    assert (True, ["Working on it."]) == (lost.value.is_uncertain, texts(slack, "ops"))


async def test_others_see_nothing_in_the_mark(slack: Slack) -> None:
    """
    The metadata is a digest, given out only to who asks for it.
    """
    await slack.sender.send(replace(a_status(), subject="status:wf_secret"))
    [message] = slack.channel("ops").messages
    client = slack.client("T0001")
    plain = await client.conversations_history(channel="C1OPS")

    assert "wf_secret" not in str(message["metadata"])
    assert "metadata" not in plain["messages"][0]


async def test_threads_need_their_scope(slack: Slack) -> None:
    """
    The playground refuses to read a private channel without its own scope, as Slack does.
    """
    slack.playground.hub.scopes -= {"groups:history"}
    with pytest.raises(SlackApiError) as refused:
        await slack.client("T0001").conversations_history(channel="C1APPROVALS")

    assert "groups:history" == refused.value.response["needed"]
