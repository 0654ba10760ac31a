"""Every block that we send, key by key. A block that is not in this table is refused."""

from __future__ import annotations

from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from ironclaw_bot.slack.rules.checks import (
    Check,
    Problems,
    Table,
    any_key_of,
    anything,
    boolean,
    both,
    integer,
    list_of,
    one_of,
    record,
    string,
    typed,
)
from ironclaw_bot.slack.rules.elements import (
    ACTIONS,
    BUTTON,
    FEEDBACK_BUTTONS,
    ICON_BUTTON,
    IMAGE,
    INPUTS,
    URL,
    plain,
    text,
)


def block(required: Table, optional: Table | None = None) -> Check:
    return record({"type": anything, **required}, {"block_id": string(255), **(optional or {})})


_STYLE = record({}, dict.fromkeys(("bold", "italic", "strike", "code", "underline"), boolean))


def _inline(required: Table, optional: Table | None = None) -> Check:
    return record({"type": anything, **required}, {"style": _STYLE, **(optional or {})})


_INLINE = typed(
    {
        "text": _inline({"text": string(12_000)}),
        "link": _inline({"url": URL}, {"text": string(3000), "unsafe": boolean}),
        "user": _inline({"user_id": string(32, pattern="[A-Z0-9]+")}),
        "channel": _inline({"channel_id": string(32, pattern="[A-Z0-9]+")}),
        "emoji": _inline({"name": string(100)}, {"unicode": string(64)}),
        "date": _inline(
            {"timestamp": integer(0, 9_999_999_999), "format": string(255)}, {"fallback": string(255)}
        ),
    },
    "rich text",
)
_SECTION = record({"type": anything, "elements": list_of(_INLINE, 1000)})
_BORDERED = record({"type": anything, "elements": list_of(_INLINE, 1000)}, {"border": integer(0, 1)})
_LIST = record(
    {
        "type": anything,
        "style": one_of("bullet", "ordered"),
        "elements": list_of(typed({"rich_text_section": _SECTION}, "list item"), 1000),
    },
    {"indent": integer(0, 8), "offset": integer(0, 1000), "border": integer(0, 1)},
)
RICH_TEXT = block(
    {
        "elements": list_of(
            typed(
                {
                    "rich_text_section": _SECTION,
                    "rich_text_preformatted": _BORDERED,
                    "rich_text_quote": _BORDERED,
                    "rich_text_list": _LIST,
                },
                "rich text",
            ),
            100,
        )
    }
)
_RICH = typed({"rich_text": RICH_TEXT}, "rich text block")
_SOURCE = record({"type": one_of("url"), "url": URL, "text": string(256)})
_STATUS = ("in_progress", "complete", "error")


def _task_card(*statuses: str) -> Check:
    optional = {
        "details": _RICH,
        "output": _RICH,
        "sources": list_of(_SOURCE, 50),
        "status": one_of(*statuses),
    }
    return block({"task_id": string(255), "title": string(256)}, optional)


_CELL = typed(
    {"raw_text": record({"type": anything, "text": string(3000)}), "rich_text": RICH_TEXT}, "table cell"
)
_COLUMN = record({}, {"align": one_of("left", "center", "right"), "is_wrapped": boolean})


def _child_block(value: Any, path: str, problems: Problems) -> None:
    """A container's child: any block but another container."""
    kinds = {kind: check for kind, check in BLOCKS.items() if kind != "container"}
    typed(kinds, "container child")(value, path, problems)


BLOCKS: Table = {
    "divider": block({}),
    "header": block({"text": plain(150)}),
    "section": both(
        block(
            {},
            {
                "text": text(3000),
                "fields": list_of(text(2000), 10),
                "accessory": typed({**ACTIONS, "image": IMAGE}, "accessory"),
                "expand": boolean,
            },
        ),
        any_key_of("text", "fields"),
    ),
    "context": block(
        {
            "elements": list_of(
                typed({"image": IMAGE, "plain_text": text(3000), "mrkdwn": text(3000)}, "context element"), 10
            )
        }
    ),
    "actions": block({"elements": list_of(typed(ACTIONS, "element"), 25)}),
    "context_actions": block(
        {
            "elements": list_of(
                typed({"feedback_buttons": FEEDBACK_BUTTONS, "icon_button": ICON_BUTTON}, "element"), 5
            )
        }
    ),
    "input": block(
        {"label": plain(2000), "element": typed(INPUTS, "input")},
        {"hint": plain(2000), "optional": boolean, "dispatch_action": boolean},
    ),
    "image": both(
        block({"alt_text": string(2000)}, {"image_url": URL, "slack_file": anything, "title": plain(2000)}),
        any_key_of("image_url", "slack_file"),
    ),
    "markdown": block({"text": string(12_000)}),
    "rich_text": RICH_TEXT,
    "alert": block({"text": text(200)}, {"level": one_of("default", "info", "warning", "error", "success")}),
    "card": both(
        block(
            {},
            {
                "title": text(150),
                "subtitle": text(150),
                "body": text(200),
                "actions": list_of(typed({"button": BUTTON}, "card action"), 3),
                "icon": typed({"image": IMAGE}, "image"),
                "hero_image": typed({"image": IMAGE}, "image"),
            },
        ),
        any_key_of("title", "body", "actions", "hero_image"),
    ),
    "container": both(
        block(
            {"child_blocks": list_of(_child_block, 10)},
            {
                "title": plain(150),
                "rich_text_title": _RICH,
                "subtitle": text(150),
                "width": one_of("narrow", "standard", "wide", "full"),
                "icon": typed({"image": IMAGE}, "image"),
                "is_collapsible": boolean,
                "default_collapsed": boolean,
                "has_header_divider": boolean,
            },
        ),
        any_key_of("title", "rich_text_title"),
    ),
    "task_card": _task_card(*_STATUS),
    "plan": block(
        {"title": string(256)},
        {"tasks": list_of(typed({"task_card": _task_card("pending", *_STATUS)}, "task"), 50)},
    ),
    "table": block(
        {"rows": list_of(list_of(_CELL, 20), 100)}, {"column_settings": list_of(_COLUMN, 20, least=0)}
    ),
}
MESSAGE_ONLY = frozenset({"plan", "task_card", "container", "table", "markdown", "context_actions"})
MODAL_ONLY = frozenset({"alert", "input"})


def check_block(value: Any, path: str, problems: Problems) -> None:
    """Our table first; what passes it must pass slack_sdk's own validation too."""
    before = len(problems)
    typed(BLOCKS, "block")(value, path, problems)
    if len(problems) > before:
        return
    try:
        parsed = Block.parse(value)
        assert parsed is not None  # noqa: S101 - the table knows no type that the SDK does not
        parsed.to_dict()
    except (SlackObjectFormationError, TypeError, ValueError, AttributeError) as error:
        problems.append(f"{path}: slack_sdk refuses it: {error}")
