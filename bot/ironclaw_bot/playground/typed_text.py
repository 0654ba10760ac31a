"""What Slack's composer makes of typed text: entities, mentions and links become markup."""

from __future__ import annotations

import re

from ironclaw_bot.playground.world import Json, SlackError, Team

_TOKEN = re.compile(
    r"(?P<code>```.+?```|`[^`\n]+`)"
    r"|(?<![\w.@])@(?P<user>[a-z0-9_]+)"
    r"|(?<!\w)#(?P<channel>[a-z0-9_-]+)"
    r"|(?P<url>https?://[^\s\"'<>`|]+)",
    re.DOTALL,
)
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: str) -> str:
    """Slack's three entities."""
    return re.sub("[&<>]", lambda match: _ENTITIES[match[0]], text)


def elements(team: Team, text: str) -> list[Json]:
    """The typed text as rich-text elements: text, user, channel and link."""
    found: list[Json] = []
    at = 0
    for match in _TOKEN.finditer(text):
        element = _element(team, match)
        if element is not None:
            found += [*_plain(text[at : match.start()]), element]
            at = match.end()
    return found + _plain(text[at:])


def _plain(text: str) -> list[Json]:
    return [{"type": "text", "text": text}] if text else []


def _element(team: Team, match: re.Match[str]) -> Json | None:
    try:
        if match["code"]:
            return _code(match["code"])
        if match["user"]:
            return {"type": "user", "user_id": team.user(match["user"])["id"]}
        if match["channel"]:
            return {"type": "channel", "channel_id": team.channel(match["channel"]).id}
    except SlackError:
        return None
    return {"type": "link", "url": match["url"]}


def _code(text: str) -> Json:
    """Code is left alone; a fence stays as it was typed."""
    if text.startswith("```"):
        return {"type": "text", "text": text}
    return {"type": "text", "text": text[1:-1], "style": {"code": True}}


def markup(team: Team, found: list[Json]) -> str:
    """The `text` of the message that carries these elements."""
    return "".join(_marked(team, element) for element in found)


def _marked(team: Team, element: Json) -> str:
    match element["type"]:
        case "user":
            return f"<@{element['user_id']}>"
        case "channel":
            return f"<#{element['channel_id']}|{team.channel(element['channel_id']).name}>"
        case "link":
            return f"<{escape(element['url'])}>"
        case _:
            marks = "`" if "style" in element else ""
            return marks + escape(element["text"]) + marks


def rich_text(found: list[Json]) -> list[Json]:
    section = {"type": "rich_text_section", "elements": found}
    return [{"type": "rich_text", "block_id": "typed", "elements": [section]}]
