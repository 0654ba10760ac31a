"""From Slack's payloads to tasks."""

from __future__ import annotations

import pytest

from ironclaw.task import Address, Decision, Principal, SlackIdentity
from ironclaw_bot.slack import tasks

BOT = "U1IRONCLAW"
ADA = Principal("acme", "slack:T0001:U1ADA")


def envelope(event, **more):
    return {
        "team_id": "T0001",
        "event_id": "Ev1",
        "authorizations": [{"team_id": "T0001", "user_id": BOT, "is_bot": True, "enterprise_id": None}],
        "event": event,
        **more,
    }


def mention(text="hi", **more):
    return {
        "type": "app_mention",
        "user": "U1ADA",
        "channel": "C1",
        "ts": "17.000001",
        "text": text,
        "team": "T0001",
        **more,
    }


def direct(**more):
    return mention(**{"type": "message", "channel_type": "im", **more})


def test_mention_is_a_task():
    """
    A mention becomes a task of the person, answered in its thread, known by its event id.
    """
    heard = tasks.heard_event(envelope(mention(f"<@{BOT}> files.list")))
    task = tasks.to_task(heard, ADA, plain_quotes=False)
    place = {"team": "T0001", "channel": "C1", "user": "U1ADA", "thread_ts": "17.000001"}

    assert ("acme", "slack:T0001:U1ADA", "files.list") == (task.tenant, task.requester, task.text)
    assert (Address("slack", place), "C1:17.000001") == (task.reply_to, task.thread)
    assert ("slack", "T0001:Ev1") == task.delivery


def test_reply_stays_in_its_thread():
    """
    A mention inside a thread is answered there, and the thread is the conversation.
    """
    heard = tasks.heard_event(envelope(mention(thread_ts="16.000001")))

    assert "C1:16.000001" == tasks.to_task(heard, ADA, plain_quotes=False).thread


@pytest.mark.parametrize(
    "event",
    [
        direct(bot_id="B1"),
        direct(user=BOT),
        direct(subtype="message_changed"),
        direct(subtype="file_share"),
        direct(hidden=True),
        direct(channel_type="channel"),
        direct(user=None),
        mention(edited={"user": "U1ADA", "ts": "1"}),
        mention(ts=17),
        {"type": "reaction_added"},
        "text",
        None,
    ],
)
def test_not_heard(event):
    """
    Bots, edits, uploads, other channels' messages and misshapen events are nobody's task.
    """
    assert tasks.heard_event(envelope(event)) is None


def test_direct_message_is_heard():
    """
    A direct message needs no mention.
    """
    assert "hello" == tasks.heard_event(envelope(direct(text="hello"))).text


@pytest.mark.parametrize(
    ("marked", "typed"),
    [
        (f"<@{BOT}>  hi", "hi"),
        (f"<@{BOT}|ironclaw> a <@U2|bo> b <@U3>", "a @bo b @U3"),
        ("a &lt;b&gt; &amp;lt; c", "a <b> &lt; c"),
        ("<http://example.com|example.com>", "example.com"),
        ("<https://example.com/a?b=1&amp;c=2>", "https://example.com/a?b=1&c=2"),
        ("<https://example.com/|the page>", "the page (https://example.com/)"),
        ("<mailto:a@x.test|a@x.test>", "a@x.test"),
        ("<#C1|general> <#C2>", "#general #C2"),
        ("<!here> <!subteam^S1|@ops> <!date^1^{date}|today>", "@here @ops today"),
        ("url=<http://x.test/a>", "url=http://x.test/a"),
        ("1 < 2 > 1", "1 < 2 > 1"),
    ],
)
def test_plain(marked, typed):
    """
    Slack's markup is taken back to what was typed.
    """
    assert typed == tasks.plain(marked, frozenset({BOT}))


@pytest.mark.parametrize(("plain_quotes", "text"), [(True, "a=\"b\" 'c'"), (False, "a=“b” ‘c’")])  # noqa: RUF001 - Slack's quotes
def test_quotes(plain_quotes, text):
    """
    Typographic quotes become plain ones for brains that read commands, and stay for others.
    """
    heard = tasks.heard_event(envelope(mention("a=“b” ‘c’")))  # noqa: RUF001 - Slack's quotes

    assert text == tasks.to_task(heard, ADA, plain_quotes=plain_quotes).text


@pytest.mark.parametrize(
    ("body", "identity"),
    [
        (envelope(mention()), SlackIdentity("T0001", "U1ADA", "T0001")),
        (envelope(mention(user_team="T0009")), SlackIdentity("T0001", "U1ADA", "T0009")),
        (envelope(mention(user_team="E1"), enterprise_id="E1"), SlackIdentity("T0001", "U1ADA", "", "E1")),
        (envelope(mention(user_team="E9"), enterprise_id="E1"), SlackIdentity("T0001", "U1ADA", "E9", "E1")),
        (
            envelope(
                mention(), team_id="T0009", authorizations=[{"team_id": "T0002", "enterprise_id": "E2"}]
            ),
            SlackIdentity("T0002", "U1ADA", "T0001", "E2"),
        ),
        (
            {"event": {"type": "app_home_opened", "user": "U1ADA"}, "team_id": "T1"},
            SlackIdentity("T1", "U1ADA"),
        ),
    ],
)
def test_event_identity(body, identity):
    """
    The workspace is the installation's; a person of another one keeps their own beside it.
    """
    assert identity == tasks.event_identity(body)


def press(**more):
    return {
        "type": "block_actions",
        "team": {"id": "T0001"},
        "user": {"id": "U1BO", "team_id": "T0001"},
        "channel": {"id": "C1"},
        "container": {"thread_ts": "17.000001", "channel_id": "C1"},
        "actions": [{"action_id": "ironclaw_approve", "value": "ap_1.1.mac"}],
        **more,
    }


def test_click():
    """
    A press carries the value, the decision and where to answer.
    """
    click = tasks.click(press())

    assert ("ap_1.1.mac", Decision.APPROVE) == (click.value, click.decision)
    assert {"team": "T0001", "user": "U1BO", "channel": "C1", "thread_ts": "17.000001"} == click.place


@pytest.mark.parametrize(
    ("more", "identity"),
    [
        ({}, SlackIdentity("T0001", "U1BO", "T0001")),
        ({"user": {"id": "U9EVE", "team_id": "T0009"}}, SlackIdentity("T0001", "U9EVE", "T0009")),
        ({"team": None, "enterprise": {"id": "E1"}}, SlackIdentity("T0001", "U1BO", "T0001", "E1")),
        ({"team": {"id": "T0001", "enterprise_id": "E1"}}, SlackIdentity("T0001", "U1BO", "T0001", "E1")),
    ],
)
def test_click_identity(more, identity):
    """
    The clicker's own workspace stays apart from the one where the card is.
    """
    assert identity == tasks.click(press(**more)).identity


@pytest.mark.parametrize(
    "actions", [None, [], ["x"], [{"action_id": "other"}], {"action_id": "ironclaw_approve"}]
)
def test_no_click(actions):
    """
    What is none of our buttons is no press.
    """
    assert tasks.click(press(actions=actions)) is None


def test_command():
    """
    A command is known by its trigger, and answers in its channel.
    """
    body = {"team_id": "T0001", "user_id": "U1ADA", "channel_id": "C1", "trigger_id": "9.8.x"}
    heard = tasks.heard_command(body, "files.list")

    assert (("slack", "T0001:9.8.x"), "files.list") == (heard.delivery, heard.text)
    assert {"team": "T0001", "channel": "C1", "user": "U1ADA"} == heard.place
