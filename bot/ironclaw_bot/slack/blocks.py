"""The pieces that every drawing is made of.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ironclaw_bot.slack.text import cut

Block = dict[str, Any]
Drawing = dict[str, Any]  #: The arguments of chat.postMessage, but for where it goes.


def drawing(text: str, blocks: Iterable[Block]) -> Drawing:
    """A message: ``text`` is what notifications and screen readers get; nothing in it unfolds.

    :param text: escaped
    """
    return {"text": cut(text, 3_000), "blocks": list(blocks), "unfurl_links": False, "unfurl_media": False}


def header(text: str) -> Block:
    """:param text: plain: a header has no markup, so nothing is escaped"""
    return {"type": "header", "text": words(cut(text, 150))}


def section(text: str) -> Block:
    """:param text: escaped mrkdwn; ``verbatim`` keeps Slack from finding links and names in it"""
    return {"type": "section", "text": mrkdwn(text)}


def fields(pairs: Iterable[tuple[str, str]]) -> Block:
    """Short facts in two columns; values are escaped mrkdwn."""
    return {"type": "section", "fields": [mrkdwn(f"*{name}*\n{value}") for name, value in pairs]}


def context(*texts: str) -> Block:
    """Small print; texts are escaped mrkdwn."""
    return {"type": "context", "elements": [mrkdwn(text) for text in texts]}


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def preformatted(text: str) -> Block:
    """Text that Slack shows as it is: no markup, mention, link or emoji can be in it."""
    words = {"type": "text", "text": text}
    return {"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": [words]}]}


def button(text: str, action_id: str, value: str, style: str = "") -> Block:
    """:param value: an opaque id of ours"""
    made = {"type": "button", "text": words(text), "action_id": action_id, "value": value}
    return {**made, "style": style} if style else made


def link(text: str, action_id: str, url: str) -> Block:
    """A button that opens a page of ours; Slack tells of the press too."""
    return {"type": "button", "text": words(text), "action_id": action_id, "url": url, "style": "primary"}


def overflow(action_id: str, choices: Iterable[tuple[str, str]]) -> Block:
    """The menu behind three dots: at most five choices, each with an opaque value."""
    options = [{"text": words(text), "value": value} for text, value in choices]
    return {"type": "overflow", "action_id": action_id, "options": options}


def words(text: str) -> Block:
    """A plain_text object."""
    return {"type": "plain_text", "text": text, "emoji": False}
