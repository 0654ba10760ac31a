"""Texts, options, confirm dialogs and the elements that a person can press or fill in."""

from __future__ import annotations

from typing import Any

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
    opaque,
    record,
    string,
    typed,
)

#: A page on this very machine needs no certificate: the playground's bot has one.
URL = string(3000, pattern=r"https://\S+|http://(127\.0\.0\.1|localhost)(:\d+)?(/\S*)?")


def plain(limit: int) -> Check:
    """A plain_text object: where Slack shows no markup."""
    return record({"type": one_of("plain_text"), "text": string(limit)}, {"emoji": boolean})


def text(limit: int) -> Check:
    """A plain_text or mrkdwn object."""
    marked = record({"type": one_of("mrkdwn"), "text": string(limit)}, {"verbatim": boolean})
    return typed({"plain_text": plain(limit), "mrkdwn": marked}, "text")


CONFIRM = record(
    {"title": plain(100), "text": plain(300), "confirm": plain(30), "deny": plain(30)},
    {"style": one_of("primary", "danger")},
)
OPTION = record({"text": text(75), "value": string(150)}, {"description": text(75), "url": URL})
GROUP = record({"label": plain(75), "options": list_of(OPTION, 100)})


def element(required: Table, optional: Table | None = None) -> Check:
    """Something with an action_id."""
    return record(
        {"type": anything, "action_id": string(255), **required},
        {"confirm": CONFIRM, "focus_on_load": boolean, **(optional or {})},
    )


def select(required: Table, optional: Table | None = None) -> Check:
    return element(required, {"placeholder": plain(150), **(optional or {})})


def _initial_is_an_option(value: Any, path: str, problems: Problems) -> None:
    """Slack refuses an initial option that is not, key by key, one of the options."""
    if not isinstance(value, dict) or not isinstance(value.get("options"), list):
        return
    chosen = [value["initial_option"]] if "initial_option" in value else value.get("initial_options", [])
    if isinstance(chosen, list) and any(one not in value["options"] for one in chosen):
        problems.append(f"{path}: the initial option is not one of the options")


def choice(most: int, least: int = 1) -> Check:
    """Options shown all at once: radio buttons and checkboxes."""
    optional = {"initial_option": OPTION, "initial_options": list_of(OPTION, most)}
    return both(element({"options": list_of(OPTION, most, least)}, optional), _initial_is_an_option)


_LISTS: Table = {"options": list_of(OPTION, 100), "option_groups": list_of(GROUP, 100)}
_ONE_LIST = both(any_key_of("options", "option_groups"), _initial_is_an_option)
_ID = string(255, pattern=r"[A-Z0-9]+")
_MULTI: Table = {"max_selected_items": integer(1, 100)}
_DISPATCH = record({"trigger_actions_on": list_of(one_of("on_enter_pressed", "on_character_entered"), 2)})

BUTTON = element(
    {"text": plain(75)},
    {
        "value": opaque(2000),
        "url": URL,
        "style": one_of("primary", "danger"),
        "accessibility_label": string(75),
    },
)
_FEEDBACK = record({"text": plain(75), "value": opaque(2000)}, {"accessibility_label": string(75)})
FEEDBACK_BUTTONS = element({"positive_button": _FEEDBACK, "negative_button": _FEEDBACK})
ICON_BUTTON = element(
    {"icon": one_of("trash"), "text": plain(75)}, {"value": opaque(2000), "accessibility_label": string(75)}
)
IMAGE = both(
    record({"type": anything, "alt_text": string(2000)}, {"image_url": URL, "slack_file": anything}),
    any_key_of("image_url", "slack_file"),
)

PICKERS: Table = {
    "static_select": both(select({}, {**_LISTS, "initial_option": OPTION}), _ONE_LIST),
    "multi_static_select": both(
        select({}, {**_LISTS, **_MULTI, "initial_options": list_of(OPTION, 100)}), _ONE_LIST
    ),
    "users_select": select({}, {"initial_user": _ID}),
    "multi_users_select": select({}, {**_MULTI, "initial_users": list_of(_ID, 100)}),
    "channels_select": select({}, {"initial_channel": _ID}),
    "conversations_select": select({}, {"initial_conversation": _ID, "filter": anything}),
    "datepicker": select({}, {"initial_date": string(10, pattern=r"\d{4}-\d\d-\d\d")}),
    "timepicker": select({}, {"initial_time": string(5, pattern=r"\d\d:\d\d"), "timezone": string(64)}),
    "datetimepicker": element({}, {"initial_date_time": integer(0, 9_999_999_999)}),
    "radio_buttons": choice(10),
    "checkboxes": choice(10),
}
ACTIONS: Table = {**PICKERS, "button": BUTTON, "overflow": element({"options": list_of(OPTION, 5)})}


def _written(optional: Table | None = None) -> Check:
    return select(
        {}, {"dispatch_action_config": _DISPATCH, "initial_value": string(3000), **(optional or {})}
    )


INPUTS: Table = {
    **PICKERS,
    "plain_text_input": _written(
        {"multiline": boolean, "min_length": integer(0, 3000), "max_length": integer(1, 3000)}
    ),
    "number_input": both(
        select(
            {"is_decimal_allowed": boolean},
            {"initial_value": string(64), "min_value": string(64), "max_value": string(64)},
        )
    ),
    "email_text_input": _written(),
    "url_text_input": _written(),
}
