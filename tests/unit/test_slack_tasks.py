"""From Slack's payloads to tasks."""

from __future__ import annotations

import pytest

from ironclaw.task import Address, Principal, SlackIdentity
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
    place = {
        "team": "T0001",
        "channel": "C1",
        "channel_type": "channel",
        "user": "U1ADA",
        "thread_ts": "17.000001",
    }

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


def test_command():
    """
    A command is known by its trigger, and answers in its channel.
    """
    body = {"team_id": "T0001", "user_id": "U1ADA", "channel_id": "C1", "trigger_id": "9.8.x"}
    heard = tasks.heard_command(body, "files.list")

    assert (("slack", "T0001:9.8.x"), "files.list") == (heard.delivery, heard.text)
    place = {"team": "T0001", "channel": "C1", "channel_type": "channel", "user": "U1ADA"}
    assert place == heard.place


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("directmessage", "im"),
        ("privategroup", "group"),
        ("mpdm-ada--bo-1", "mpim"),
        ("ops", "channel"),
        ("", "channel"),
    ],
)
def test_kind_of_a_commands_channel(name, kind):
    """
    What kind of channel a command was typed in is read off the name that Slack gives it.
    """
    body = {"team_id": "T0001", "user_id": "U1ADA", "channel_id": "C1", "channel_name": name}

    assert kind == tasks.heard_command(body, "x").place["channel_type"]


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (direct(), "im"),
        (mention(channel="D1"), "im"),
        (mention(channel="G1"), "group"),
        (mention(channel="C1"), "channel"),
        (mention(channel="C1", channel_type="group"), "group"),
        (mention(channel="G1", channel_type="mpim"), "mpim"),
        (mention(channel="C1", channel_type="secret"), "channel"),
    ],
)
def test_kind_of_a_channel(event, kind):
    """
    A channel whose kind Slack does not say counts as public.
    """
    assert kind == tasks.heard_event(envelope(event)).place["channel_type"]
