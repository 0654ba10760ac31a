"""What a person filled in, as Slack's `state.values`; and what the client itself refuses to submit."""

from __future__ import annotations

from typing import Any

from ironclaw_bot.playground.world import Json, SlackError

#: Where each kind of element keeps what was chosen.
_KEYS = {
    "plain_text_input": "value",
    "number_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "static_select": "selected_option",
    "radio_buttons": "selected_option",
    "overflow": "selected_option",
    "multi_static_select": "selected_options",
    "checkboxes": "selected_options",
    "users_select": "selected_user",
    "multi_users_select": "selected_users",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
}
_INITIAL = {
    "value": "initial_value",
    "selected_option": "initial_option",
    "selected_options": "initial_options",
    "selected_user": "initial_user",
    "selected_users": "initial_users",
    "selected_channel": "initial_channel",
    "selected_conversation": "initial_conversation",
    "selected_date": "initial_date",
    "selected_time": "initial_time",
    "selected_date_time": "initial_date_time",
}


def chosen(element: Json, answer: Any) -> Json:
    """What an element adds to a state or an action.

    :param answer: text, an option's value, a list of them, or None for what stood there at first
    :raises SlackError: invalid_option, when no option has this value
    """
    key = _KEYS.get(element["type"])
    if key is None:
        return {}
    if answer is None:
        return {key: element.get(_INITIAL[key], [] if key.endswith("s") else None)}
    if key == "selected_option":
        return {key: _option(element, answer)}
    if key == "selected_options":
        return {key: [_option(element, one) for one in answer]}
    return {key: answer if answer != "" else None}


def _option(element: Json, value: str) -> Json:
    options = list(element.get("options", []))
    for group in element.get("option_groups", []):
        options += group["options"]
    for option in options:
        if option["value"] == value:
            return {key: inner for key, inner in option.items() if key != "url"}
    raise SlackError("invalid_option", detail=f"no option {value!r}")


def state_of(blocks: list[Json], answers: Json) -> Json:
    """`{block_id: {action_id: {type, value}}}` of every element that holds a value.

    :param answers: by block_id or by action_id; what is missing keeps its initial value
    """
    state: Json = {}
    for block in blocks:
        for element in _holders(block):
            answer = answers.get(element["action_id"], answers.get(block["block_id"]))
            value = {"type": element["type"], **chosen(element, answer)}
            state.setdefault(block["block_id"], {})[element["action_id"]] = value
    return state


def _holders(block: Json) -> list[Json]:
    found = [block.get("element"), block.get("accessory"), *block.get("elements", [])]
    return [
        one
        for one in found
        if isinstance(one, dict)
        and one.get("type") in _KEYS
        and one["type"] != "overflow"
        and "action_id" in one
    ]


def unanswered(blocks: list[Json], state: Json) -> Json:
    """`{block_id: sentence}` for what Slack's own client would not let a person submit."""
    errors: Json = {}
    for block in blocks:
        if block["type"] != "input":
            continue
        value = state[block["block_id"]][block["element"]["action_id"]]
        held = value[_KEYS[block["element"]["type"]]]
        sentence = _complaint(block, held)
        if sentence:
            errors[block["block_id"]] = sentence
    return errors


def _complaint(block: Json, held: Any) -> str:
    if not held:
        return "" if block.get("optional") else "Please complete this required field."
    element = block["element"]
    if isinstance(held, str) and len(held) > element.get("max_length", 3000):
        return f"Please use at most {element.get('max_length', 3000)} characters."
    if isinstance(held, str) and len(held) < element.get("min_length", 0):
        return f"Please use at least {element['min_length']} characters."
    return ""
