"""From Slack's payloads to presses and forms."""

from __future__ import annotations

import pytest

from ironclaw.task import SlackIdentity
from ironclaw_bot.slack import presses

MESSAGE = {"type": "message", "channel_id": "C1", "message_ts": "17.000002", "thread_ts": "17.000001"}
CARD = {"channel": "C1", "ts": "17.000002"}


def press(**more):
    return {
        "type": "block_actions",
        "team": {"id": "T0001"},
        "user": {"id": "U1BO", "team_id": "T0001"},
        "channel": {"id": "C1"},
        "container": MESSAGE,
        "trigger_id": "1.2.x",
        "actions": [{"action_id": "ironclaw_approve", "value": "ap_1.1.mac"}],
        **more,
    }


def menu(value):
    return [{"action_id": "ironclaw_more", "type": "overflow", "selected_option": {"value": value}}]


def test_click():
    """
    A press carries the value, what was pressed, in which message, and where to answer.
    """
    click = presses.click(press())

    assert ("ap_1.1.mac", "ironclaw_approve", "1.2.x") == (click.value, click.action, click.trigger_id)
    assert {"team": "T0001", "user": "U1BO", "channel": "C1", "thread_ts": "17.000001"} == click.place
    assert CARD == click.spot


@pytest.mark.parametrize(
    ("more", "spot"),
    [
        ({}, CARD),
        ({"container": {**MESSAGE, "is_ephemeral": True}}, {}),
        ({"container": {**MESSAGE, "type": "message_attachment"}}, {}),
        ({"container": {"type": "view"}, "view": {"type": "home"}}, {"home": "U1BO", "team": "T0001"}),
        ({"container": {"type": "view"}, "view": {"type": "modal"}}, {}),
        ({"container": None}, {}),
    ],
)
def test_spot(more, spot):
    """
    Only a message of its own and App Home are places in which a card can stand.
    """
    assert spot == presses.click(press(**more)).spot


def test_menu():
    """
    A choice from the menu says what to do, and carries the sealed value.
    """
    click = presses.click(press(actions=menu("edit:ap_1.1.mac")))

    assert ("edit", "ap_1.1.mac") == (click.action, click.value)


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
    assert identity == presses.click(press(**more)).identity


@pytest.mark.parametrize(
    "actions", [None, [], ["x"], [{"action_id": "other"}], {"action_id": "ironclaw_approve"}]
)
def test_no_click(actions):
    """
    What is none of our buttons is no press.
    """
    assert presses.click(press(actions=actions)) is None


def test_form():
    """
    A form carries its sealed value and one answer for each input.
    """
    values = {
        "a": {"value": {"type": "plain_text_input", "value": "x"}},
        "b": {"value": {"type": "static_select", "selected_option": {"value": "1"}}},
        "c": {"value": {"type": "plain_text_input", "value": None}},
        "d": {"value": {"type": "radio_buttons", "selected_option": None}},
    }
    view = {"callback_id": "f", "private_metadata": "ap_1.1.mac", "state": {"values": values}}
    form = presses.form(press(view=view))

    assert ("f", "ap_1.1.mac") == (form.callback_id, form.value)
    assert {"a": "x", "b": "1", "c": "", "d": ""} == form.answers
