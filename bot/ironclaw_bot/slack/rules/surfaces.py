"""Messages, modals and App Home: what holds for a payload as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ironclaw_bot.slack.rules.blocks import MESSAGE_ONLY, MODAL_ONLY, check_block
from ironclaw_bot.slack.rules.checks import (
    Problems,
    Table,
    anything,
    boolean,
    list_of,
    one_of,
    opaque,
    record,
    refuse,
    string,
    units,
)
from ironclaw_bot.slack.rules.elements import plain

MARKDOWN_TOTAL = 12_000


def _metadata_value(value: Any, path: str, problems: Problems) -> None:
    if isinstance(value, (bool, int)):
        return
    opaque(2000)(value, path, problems)


def _metadata(value: Any, path: str, problems: Problems) -> None:
    """Other apps can read it, so it holds ids and numbers only."""
    record({"event_type": opaque(255), "event_payload": anything})(value, path, problems)
    payload = value.get("event_payload") if isinstance(value, dict) else None
    if not isinstance(payload, dict):
        problems.append(f"{path}.event_payload: must be an object")
        return
    for key, inner in payload.items():
        _metadata_value(inner, f"{path}.event_payload.{key}", problems)


_TS = string(32, pattern=r"\d+\.\d{6}")
_MESSAGE: Table = {
    "blocks": anything,
    "metadata": _metadata,
    "attachments": list_of(anything, 100, least=0),
    "channel": string(64),
    "team_id": string(64),
    "thread_ts": _TS,
    "ts": _TS,
    "user": string(64),
    "mrkdwn": boolean,
    "link_names": boolean,
    "parse": one_of("none", "full"),
    "reply_broadcast": boolean,
    "unfurl_links": anything,
    "unfurl_media": anything,
    "response_type": one_of("ephemeral", "in_channel"),
    "replace_original": boolean,
    "delete_original": boolean,
}
_VIEW: Table = {
    "callback_id": string(255),
    "external_id": string(255),
    "private_metadata": opaque(3000),
    "submit": plain(24),
    "close": plain(24),
    "clear_on_close": boolean,
    "notify_on_close": boolean,
}
_MODAL = record({"type": anything, "title": plain(24), "blocks": anything}, _VIEW)
_HOME = record(
    {"type": anything, "blocks": anything},
    {key: _VIEW[key] for key in ("callback_id", "external_id", "private_metadata")},
)


def validate_message(payload: dict[str, Any], *, posted: bool = True) -> None:
    """Refuses a message that Slack, or our own caution, would not send.

    :param payload: the arguments of chat.postMessage, chat.update, chat.postEphemeral or a response_url
    :param posted: a new message, which must switch link previews off (other doors have no such argument)
    :raises RuleError: with every problem
    """
    problems: Problems = []
    record({"text": string(40_000)}, _MESSAGE)(payload, "", problems)
    if posted:
        for key in ("unfurl_links", "unfurl_media"):
            if payload.get(key) is not False:
                problems.append(f"{key}: must be false")
    _check_blocks(payload.get("blocks") or [], 50, MODAL_ONLY, "a message", problems)
    refuse(problems)


def validate_view(view: dict[str, Any]) -> None:
    """Refuses a modal or an App Home that Slack, or our own caution, would not show.

    :raises RuleError: with every problem
    """
    problems: Problems = []
    kind = view.get("type")
    if kind not in ("modal", "home"):
        refuse(["type: must be modal or home"])
    (_MODAL if kind == "modal" else _HOME)(view, "", problems)
    forbidden = MESSAGE_ONLY if kind == "modal" else MESSAGE_ONLY | MODAL_ONLY
    _check_blocks(view.get("blocks"), 100, forbidden, f"a {kind} view", problems)
    if kind == "modal" and "submit" not in view and "input" in _kinds(view.get("blocks")):
        problems.append("submit: missing, but the view has inputs")
    refuse(problems)


def _kinds(blocks: Any) -> set[str]:
    return (
        {str(block.get("type")) for block in blocks if isinstance(block, dict)}
        if isinstance(blocks, list)
        else set()
    )


def _check_blocks(blocks: Any, most: int, forbidden: frozenset[str], place: str, problems: Problems) -> None:
    before = len(problems)
    list_of(check_block, most, least=0)(blocks, "blocks", problems)
    problems.extend(
        f"blocks: {kind} is not allowed in {place}" for kind in sorted(_kinds(blocks) & forbidden)
    )
    if len(problems) > before:
        return
    _check_unique(blocks, problems)
    total = sum(units(block["text"]) for block in nested(blocks) if block["type"] == "markdown")
    if total > MARKDOWN_TOTAL:
        problems.append(f"blocks: markdown longer than {MARKDOWN_TOTAL} characters in total ({total})")


def nested(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The blocks, and those inside containers."""
    for block in blocks:
        yield block
        yield from block.get("child_blocks", [])


def elements_of(block: dict[str, Any]) -> list[dict[str, Any]]:
    """Whatever in a block carries an action_id."""
    inner = [
        *block.get("elements", []),
        *block.get("actions", []),
        block.get("accessory"),
        block.get("element"),
    ]
    return [one for one in inner if isinstance(one, dict) and "action_id" in one]


def _check_unique(blocks: list[dict[str, Any]], problems: Problems) -> None:
    """A block_id is unique in the payload, an action_id in its block (as Slack has it)."""
    ids = Counter(block["block_id"] for block in nested(blocks) if "block_id" in block)
    problems.extend(f"blocks: block_id {name!r} is used twice" for name, times in ids.items() if times > 1)
    for block in nested(blocks):
        actions = Counter(one["action_id"] for one in elements_of(block))
        problems.extend(
            f"blocks: action_id {name!r} is used twice in a block" for name, n in actions.items() if n > 1
        )
