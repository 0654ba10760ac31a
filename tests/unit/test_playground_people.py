"""What Slack's client makes of typed text and of filled-in forms."""

from __future__ import annotations

from typing import Any

import pytest

from ironclaw_bot.playground import PRIMARY, SlackError
from ironclaw_bot.playground.inputs import state_of, unanswered
from ironclaw_bot.playground.seed import both_teams
from ironclaw_bot.playground.typed_text import elements, markup
from ironclaw_bot.playground.world import World

TEAM = both_teams()[PRIMARY]


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("@ironclaw help", "<@U1IRONCLAW> help"),
        ('text="a<b" & c>d', 'text="a&lt;b" &amp; c&gt;d'),
        ("ask @bo, or @nobody", "ask <@U1BO>, or @nobody"),
        ("mail ada@bo.example", "mail ada@bo.example"),
        ("see #ops and #nowhere", "see <#C1OPS|ops> and #nowhere"),
        ("url=https://a.example/?b=1&c=2 end", "url=<https://a.example/?b=1&amp;c=2> end"),
        ('url="https://a.example/x"', 'url="<https://a.example/x>"'),
        ("`@bo <b>` stays", "`@bo &lt;b&gt;` stays"),
        ("```@bo\n#ops``` stays", "```@bo\n#ops``` stays"),
        ("<@U1BO>", "&lt;@U1BO&gt;"),
    ],
)
def test_typed_text(typed: str, sent: str) -> None:
    """
    Typed text reaches the bot as Slack would send it; typed markup is no markup.
    """
    assert markup(TEAM, elements(TEAM, typed)) == sent


def field(element: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "input", "block_id": "b", "element": {"action_id": "a", **element}, **more}


OPTIONS = [{"text": {"type": "plain_text", "text": name}, "value": name} for name in ("low", "high")]


@pytest.mark.parametrize(
    ("element", "answer", "held"),
    [
        ({"type": "plain_text_input"}, "hi", {"value": "hi"}),
        ({"type": "plain_text_input", "initial_value": "was"}, None, {"value": "was"}),
        ({"type": "plain_text_input"}, "", {"value": None}),
        ({"type": "static_select", "options": OPTIONS}, "high", {"selected_option": OPTIONS[1]}),
        ({"type": "radio_buttons", "options": OPTIONS}, None, {"selected_option": None}),
        ({"type": "checkboxes", "options": OPTIONS}, ["low"], {"selected_options": OPTIONS[:1]}),
        ({"type": "checkboxes", "options": OPTIONS}, None, {"selected_options": []}),
        ({"type": "users_select"}, "U1BO", {"selected_user": "U1BO"}),
        ({"type": "datepicker"}, "2026-11-22", {"selected_date": "2026-11-22"}),
    ],
)
def test_state(element: dict[str, Any], answer: Any, held: dict[str, Any]) -> None:
    """
    Each kind of input keeps its value where Slack keeps it.
    """
    answers = {} if answer is None else {"b": answer}
    expected = {"b": {"a": {"type": element["type"], **held}}}

    assert expected == state_of([field(element)], answers)


def test_no_such_option() -> None:
    """
    Nobody can choose what is not offered.
    """
    with pytest.raises(SlackError, match="invalid_option"):
        state_of([field({"type": "static_select", "options": OPTIONS})], {"b": "extreme"})


@pytest.mark.parametrize(
    ("element", "answer", "complaint"),
    [
        ({"type": "plain_text_input"}, "", "Please complete this required field."),
        ({"type": "plain_text_input", "max_length": 2}, "abc", "Please use at most 2 characters."),
        ({"type": "plain_text_input", "min_length": 4}, "abc", "Please use at least 4 characters."),
    ],
)
def test_unanswered(element: dict[str, Any], answer: str, complaint: str) -> None:
    """
    Slack's client itself refuses to submit a form that is not filled in.
    """
    blocks = [field(element)]
    errors = unanswered(blocks, state_of(blocks, {"b": answer}))

    assert errors == {"b": complaint}


def test_optional() -> None:
    """
    An optional input may stay empty.
    """
    blocks = [field({"type": "plain_text_input"}, optional=True)]

    assert unanswered(blocks, state_of(blocks, {})) == {}


def test_stamps() -> None:
    """
    A stopped or backward clock still gives each message its own, later ts.
    """
    times = iter([1_800_000_000.0, 1_800_000_000.0, 1_700_000_000.0])
    world = World(lambda: next(times), {})

    assert [world.stamp() for _ in range(3)] == [
        "1800000000.000000",
        "1800000000.000001",
        "1800000000.000002",
    ]
