"""Slack's rules: each has a payload that breaks it, and what we send breaks none."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ironclaw_bot.slack.rules import Listeners, RuleError, ids_in, validate_message, validate_view

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def marked(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def button(**more: Any) -> Json:
    return {"type": "button", "action_id": "approve", "text": plain("Approve"), **more}


def actions(*elements: Json, **more: Any) -> Json:
    return {"type": "actions", "elements": list(elements), **more}


def section(text: str = "x", **more: Any) -> Json:
    return {"type": "section", "text": marked(text), **more}


def field(**element: Any) -> Json:
    made = {"type": "plain_text_input", "action_id": "text", **element}
    return {"type": "input", "block_id": "why", "label": plain("Why"), "element": made}


def option(value: str = "a", text: str = "A") -> Json:
    return {"text": plain(text), "value": value}


def select(**more: Any) -> Json:
    return {"type": "static_select", "action_id": "pick", "options": [option()], **more}


def rich(*parts: Json) -> Json:
    return {"type": "rich_text", "elements": list(parts)}


def pre(text: str) -> Json:
    return {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]}


CONFIRM = {"title": plain("Sure?"), "text": plain("It writes."), "confirm": plain("Yes"), "deny": plain("No")}
TASK = {"type": "task_card", "task_id": "t1", "title": "Read the file", "status": "complete"}


def message(*blocks: Json, **more: Any) -> Json:
    return {"text": "x", "unfurl_links": False, "unfurl_media": False, "blocks": list(blocks), **more}


def modal(*blocks: Json, **more: Any) -> Json:
    view = {"type": "modal", "title": plain("Why?"), "submit": plain("Send"), "blocks": list(blocks), **more}
    return {key: value for key, value in view.items() if value is not None}


def problems_of(validate: Any, payload: Json, **options: Any) -> list[str]:
    with pytest.raises(RuleError) as refused:
        validate(payload, **options)
    return refused.value.problems


APPROVAL = message(
    {"type": "header", "text": plain("Approval needed: write a file")},
    section("IronClaw wants to run *files.write* for <@U1ADA>"),
    {
        "type": "section",
        "fields": [marked("*Risk*\nHigh"), marked("*Expires*\n<!date^1800000000^{time}|soon>")],
    },
    rich(pre('{"path": "notes/today.md"}')),
    {"type": "context", "elements": [marked("Approval ap_1")]},
    {"type": "divider"},
    actions(button(value="ap_1:1:mac", style="primary", confirm=CONFIRM)),
    channel="C1",
    thread_ts="1800000000.000001",
    metadata={"event_type": "approval", "event_payload": {"id": "ap_1", "version": 1}},
)


def test_approval_card() -> None:
    """
    The approval card of the notes passes, and is left as it was.
    """
    before = copy.deepcopy(APPROVAL)
    validate_message(APPROVAL)

    assert before == APPROVAL


@pytest.mark.parametrize(
    "block",
    [
        {"type": "markdown", "text": "**bold**"},
        {"type": "plan", "title": "Steps", "tasks": [{**TASK, "status": "pending"}]},
        TASK,
        {"type": "container", "title": plain("More"), "child_blocks": [section()]},
        {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]]},
        {"type": "image", "image_url": "https://a.example/b.png", "alt_text": "a chart"},
        {"type": "card", "title": marked("Report"), "actions": [button()]},
        section(accessory=select()),
        {
            "type": "context_actions",
            "elements": [
                {
                    "type": "feedback_buttons",
                    "action_id": "feedback",
                    "positive_button": {"text": plain("Good"), "value": "up"},
                    "negative_button": {"text": plain("Bad"), "value": "down"},
                }
            ],
        },
    ],
)
def test_good_message_blocks(block: Json) -> None:
    """
    Each block that we know is accepted in a message.
    """
    validate_message(message(block))


def test_good_modal() -> None:
    """
    A modal with every kind of input is accepted.
    """
    picks: list[Json] = [
        {"type": "radio_buttons", "action_id": "r", "options": [option()]},
        {"type": "users_select", "action_id": "u"},
        {"type": "number_input", "action_id": "n", "is_decimal_allowed": False},
        {"type": "datepicker", "action_id": "d", "initial_date": "2026-11-22"},
        select(initial_option=option()),
    ]
    blocks = [{**field(), "block_id": f"b{index}", "element": pick} for index, pick in enumerate(picks)]

    validate_view(modal(*blocks, field(multiline=True), private_metadata="ap_1", callback_id="edit"))


REFUSED_MESSAGES: dict[str, tuple[Json, str]] = {
    "unknown block": (message({"type": "hologram"}), "unknown block type 'hologram'"),
    "dropped block": (message({"type": "data_table"}), "unknown block type"),
    "block without type": (message({"text": plain("x")}), "unknown block type None"),
    "unknown key in block": (message({"type": "divider", "color": "red"}), "blocks[0].color: unknown key"),
    "unknown key in element": (message(actions(button(size="xl"))), "size: unknown key"),
    "unknown key in message": (message(icon="x"), "icon: unknown key"),
    "51 blocks": (message(*[{"type": "divider"}] * 51), "0 to 50 items (51)"),
    "section over 3000": (message(section("x" * 3001)), "longer than 3000"),
    "counted in UTF-16": (message(section("😀" * 1501)), "longer than 3000 characters (3002)"),
    "11 fields": (message({"type": "section", "fields": [marked("x")] * 11}), "1 to 10 items"),
    "field over 2000": (message({"type": "section", "fields": [marked("x" * 2001)]}), "longer than 2000"),
    "empty section": (message({"type": "section"}), "needs text or fields"),
    "header over 150": (message({"type": "header", "text": plain("x" * 151)}), "longer than 150"),
    "mrkdwn header": (message({"type": "header", "text": marked("x")}), "must be one of plain_text"),
    "11 context elements": (message({"type": "context", "elements": [marked("x")] * 11}), "1 to 10 items"),
    "26 buttons": (message(actions(*[button(action_id=f"a{n}") for n in range(26)])), "1 to 25 items"),
    "6 context actions": (message({"type": "context_actions", "elements": [{}] * 6}), "1 to 5 items"),
    "4 card actions": (
        message({"type": "card", "actions": [button(action_id=f"a{n}") for n in range(4)]}),
        "1 to 3 items",
    ),
    "card body over 200": (message({"type": "card", "body": marked("x" * 201)}), "longer than 200"),
    "card title over 150": (message({"type": "card", "title": marked("x" * 151)}), "longer than 150"),
    "mrkdwn button": (message(actions(button(text=marked("x")))), "must be one of plain_text"),
    "button over 75": (message(actions(button(text=plain("x" * 76)))), "longer than 75"),
    "empty button": (message(actions(button(text=plain("")))), "must not be empty"),
    "button style": (message(actions(button(style="secondary"))), "must be one of primary, danger"),
    "button url over 3000": (
        message(actions(button(url="https://a.example/" + "x" * 3000))),
        "longer than 3000",
    ),
    "button url scheme": (message(actions(button(url="javascript:alert(1)"))), "not of the form"),
    "value over 2000": (message(actions(button(value="x" * 2001))), "longer than 2000"),
    "value with words": (message(actions(button(value="run rm -rf"))), "opaque id"),
    "value with JSON": (message(actions(button(value='{"a":1}'))), "opaque id"),
    "secret in value": (message(actions(button(value="-".join(("xoxb", "12345"))))), "looks like a secret"),
    "action_id over 255": (message(actions(button(action_id="x" * 256))), "longer than 255"),
    "no action_id": (message(actions({"type": "button", "text": plain("x")})), "action_id: missing"),
    "block_id over 255": (message({"type": "divider", "block_id": "x" * 256}), "longer than 255"),
    "block_id twice": (message(*[{"type": "divider", "block_id": "b"}] * 2), "block_id 'b' is used twice"),
    "action_id twice": (message(actions(button(), button())), "action_id 'approve' is used twice"),
    "confirm title over 100": (
        message(actions(button(confirm={**CONFIRM, "title": plain("x" * 101)}))),
        "100",
    ),
    "confirm text over 300": (message(actions(button(confirm={**CONFIRM, "text": plain("x" * 301)}))), "300"),
    "confirm button over 30": (message(actions(button(confirm={**CONFIRM, "deny": plain("x" * 31)}))), "30"),
    "mrkdwn confirm": (message(actions(button(confirm={**CONFIRM, "text": marked("x")}))), "plain_text"),
    "option text over 75": (message(actions(select(options=[option(text="x" * 76)]))), "longer than 75"),
    "option value over 150": (message(actions(select(options=[option("x" * 151)]))), "longer than 150"),
    "101 options": (message(actions(select(options=[option()] * 101))), "1 to 100 items"),
    "initial option elsewhere": (
        message(actions(select(initial_option=option("b")))),
        "not one of the options",
    ),
    "6 overflow options": (
        message(actions({"type": "overflow", "action_id": "o", "options": [option()] * 6})),
        "1 to 5 items",
    ),
    "11 radio buttons": (
        message(actions({"type": "radio_buttons", "action_id": "o", "options": [option()] * 11})),
        "1 to 10 items",
    ),
    "11 checkboxes": (
        message(actions({"type": "checkboxes", "action_id": "o", "options": [option()] * 11})),
        "1 to 10 items",
    ),
    "markdown over 12000": (message({"type": "markdown", "text": "x" * 12_001}), "longer than 12000"),
    "markdown in total": (message(*[{"type": "markdown", "text": "x" * 7000}] * 2), "in total (14000)"),
    "alt text over 2000": (
        message({"type": "image", "image_url": "https://a.example/b", "alt_text": "x" * 2001}),
        "longer than 2000",
    ),
    "51 tasks": (message({"type": "plan", "title": "x", "tasks": [TASK] * 51}), "1 to 50 items"),
    "pending outside a plan": (message({**TASK, "status": "pending"}), "must be one of in_progress"),
    "11 child blocks": (
        message({"type": "container", "title": plain("x"), "child_blocks": [section()] * 11}),
        "1 to 10 items",
    ),
    "container in container": (
        message({"type": "container", "title": plain("x"), "child_blocks": [{"type": "container"}]}),
        "unknown container child type",
    ),
    "container without title": (message({"type": "container", "child_blocks": [section()]}), "needs title"),
    "container title over 150": (
        message({"type": "container", "title": plain("x" * 151), "child_blocks": [section()]}),
        "longer than 150",
    ),
    "what slack_sdk refuses": (
        message(
            {
                "type": "container",
                "title": plain("x"),
                "child_blocks": [section()],
                "is_collapsible": True,
                "has_header_divider": True,
            }
        ),
        "slack_sdk refuses it",
    ),
    "21 columns": (
        message({"type": "table", "rows": [[{"type": "raw_text", "text": "a"}] * 21]}),
        "1 to 20 items",
    ),
    "101 rows": (
        message({"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]] * 101}),
        "1 to 100 items",
    ),
    "alert in message": (message({"type": "alert", "text": plain("x")}), "alert is not allowed in a message"),
    "input in message": (message(field()), "input is not allowed in a message"),
    "empty text element": (message(rich(pre(""))), "must not be empty"),
    "rich text link": (
        message(rich({"type": "rich_text_section", "elements": [{"type": "link", "url": "file:///etc"}]})),
        "not of the form",
    ),
    "no text": ({"unfurl_links": False, "unfurl_media": False, "blocks": [section()]}, "text: missing"),
    "text over 40000": (message(text="x" * 40_001), "longer than 40000"),
    "101 attachments": (message(attachments=[{}] * 101), "100 items"),
    "unfurl_links": (message(unfurl_links=True), "unfurl_links: must be false"),
    "unfurl_media": ({"text": "x", "unfurl_links": False}, "unfurl_media: must be false"),
    "metadata with words": (
        message(metadata={"event_type": "a", "event_payload": {"reason": "because I say so"}}),
        "metadata.event_payload.reason: only an opaque id",
    ),
    "secret in metadata": (
        message(metadata={"event_type": "a", "event_payload": {"k": "AKIA" + "A" * 16}}),
        "looks like a secret",
    ),
    "nested metadata": (message(metadata={"event_type": "a", "event_payload": {"k": {}}}), "must be text"),
}


@pytest.mark.parametrize("name", REFUSED_MESSAGES)
def test_refused_message(name: str) -> None:
    """
    A message that breaks one rule is refused, and told which and where.
    """
    payload, sentence = REFUSED_MESSAGES[name]

    assert any(sentence in problem for problem in problems_of(validate_message, payload))


REFUSED_VIEWS: dict[str, tuple[Json, str]] = {
    "input without submit": (modal(field(), submit=None), "submit: missing"),
    "title over 24": (modal(section(), title=plain("x" * 25)), "title.text: longer than 24"),
    "submit over 24": (modal(section(), submit=plain("x" * 25)), "submit.text: longer than 24"),
    "close over 24": (modal(section(), close=plain("x" * 25)), "close.text: longer than 24"),
    "no title": (modal(section(), title=None), "title: missing"),
    "private_metadata over 3000": (modal(section(), private_metadata="x" * 3001), "longer than 3000"),
    "private_metadata with JSON": (modal(section(), private_metadata='{"a": 1}'), "opaque id"),
    "secret in private_metadata": (
        modal(section(), private_metadata="ghp_" + "a" * 20),
        "looks like a secret",
    ),
    "callback_id over 255": (modal(section(), callback_id="x" * 256), "longer than 255"),
    "external_id over 255": (modal(section(), external_id="x" * 256), "longer than 255"),
    "101 blocks": (modal(*[{"type": "divider"}] * 101), "100 items"),
    "label over 2000": (modal({**field(), "label": plain("x" * 2001)}), "longer than 2000"),
    "hint over 2000": (modal({**field(), "hint": plain("x" * 2001)}), "longer than 2000"),
    "placeholder over 150": (modal(field(placeholder=plain("x" * 151))), "longer than 150"),
    "initial value over 3000": (modal(field(initial_value="x" * 3001)), "longer than 3000"),
    "max_length over 3000": (modal(field(max_length=3001)), "from 1 to 3000"),
    "alert over 200": (modal({"type": "alert", "text": plain("x" * 201)}), "longer than 200"),
    "plan in modal": (modal({"type": "plan", "title": "x"}), "plan is not allowed in a modal"),
    "task_card in modal": (modal(TASK), "task_card is not allowed in a modal"),
    "table in modal": (
        modal({"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]]}),
        "table is not allowed in a modal",
    ),
    "container in modal": (
        modal({"type": "container", "title": plain("x"), "child_blocks": [section()]}),
        "container is not allowed in a modal",
    ),
    "input in home": ({"type": "home", "blocks": [field()]}, "input is not allowed in a home"),
    "alert in home": (
        {"type": "home", "blocks": [{"type": "alert", "text": plain("x")}]},
        "alert is not allowed",
    ),
    "title in home": ({"type": "home", "title": plain("x"), "blocks": []}, "title: unknown key"),
    "unknown view type": ({"type": "popup", "blocks": []}, "type: must be modal or home"),
    "unknown key": (modal(section(), width=3), "width: unknown key"),
}


@pytest.mark.parametrize("name", REFUSED_VIEWS)
def test_refused_view(name: str) -> None:
    """
    A view that breaks one rule is refused, and told which and where.
    """
    payload, sentence = REFUSED_VIEWS[name]

    assert any(sentence in problem for problem in problems_of(validate_view, payload))


def test_every_problem() -> None:
    """
    All problems are told at once.
    """
    payload = message({"type": "hologram"}, actions(button(value="a b")), icon="x")

    assert len(problems_of(validate_message, payload)) == 3


def test_updates_have_no_unfurling() -> None:
    """
    chat.update takes no unfurl arguments, so it needs none.
    """
    validate_message({"text": "x", "channel": "C1", "ts": "1800000000.000001"}, posted=False)


def test_ids() -> None:
    """
    The ids of what was sent are held against the listeners.
    """
    card = ids_in(message(actions(button()), section(accessory=button(action_id="details"))))
    view = ids_in(modal(field(), callback_id="edit"))
    listeners = Listeners(actions=frozenset({"approve"}))

    assert card.unheard(listeners) == ["action_id details: no listener"]
    assert view.unheard(listeners) == ["callback_id edit: no listener"]
