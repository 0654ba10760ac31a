"""What Slack delivered, as what was asked: pure functions from payloads to tasks.

Payloads come verified (by the edge, or over Socket Mode's own connection); who acted is read from the
envelope and never from anything that a person can type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ironclaw.task import Address, Json, Principal, SlackIdentity, Task

CHANNEL_TYPES = frozenset({"im", "channel", "group", "mpim"})

_LINK = re.compile(r"<([@#!][^<>|]+|[a-z][a-z0-9+.-]*:[^<>|\s]+)(?:\|([^<>]*))?>")
#: The quotes and the space that Slack's clients put in place of the typed ones.
_QUOTES = str.maketrans(
    {"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'", "\u2019": "'", "\u00a0": " "}
)


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that a person said to the bot."""

    identity: SlackIdentity
    text: str
    #: team, channel, channel_type, user; thread_ts where there is one.
    place: Mapping[str, str]
    delivery: tuple[str, str] | None


def heard_event(body: Json) -> Heard | None:
    """The mention or direct message in an event, or None for what is not a person's new message."""
    event = body.get("event")
    if not isinstance(event, dict) or not _is_new_message(event) or event.get("user") in _bot_users(body):
        return None
    identity = event_identity(body)
    place = {
        "team": identity.team_id,
        "channel": str(event["channel"]),
        "channel_type": _channel_type(event),
        "user": identity.user_id,
        "thread_ts": str(event.get("thread_ts") or event["ts"]),
    }
    event_id = str(body.get("event_id") or f"{place['channel']}:{event['ts']}")
    text = plain(str(event.get("text") or ""), _bot_users(body))
    return Heard(identity, text, place, ("slack", f"{identity.team_id}:{event_id}"))


def heard_command(body: Json, text: str) -> Heard:
    """``/ironclaw run TEXT``."""
    identity = command_identity(body)
    place = {
        "team": identity.team_id,
        "channel": str(body.get("channel_id") or identity.user_id),
        "channel_type": _named_type(str(body.get("channel_name") or "")),
        "user": identity.user_id,
    }
    return Heard(identity, plain(text), place, ("slack", f"{identity.team_id}:{body.get('trigger_id')}"))


def to_task(heard: Heard, principal: Principal, *, plain_quotes: bool) -> Task:
    """What was asked, by whom the engine knows it was.

    :param plain_quotes: turn the typographic quotes of Slack's clients back (for brains that read commands)
    """
    place = dict(heard.place)
    return Task(
        tenant=principal.tenant,
        requester=principal.id,
        text=heard.text.translate(_QUOTES) if plain_quotes else heard.text,
        reply_to=Address("slack", place),
        thread=f"{place['channel']}:{place['thread_ts']}" if "thread_ts" in place else "",
        delivery=heard.delivery,
        opens_thread="thread_ts" not in place,
    )


def event_identity(body: Json) -> SlackIdentity:
    """Who an event says acted: the installation's workspace, and the person's own where it is another."""
    event = part(body, "event")
    grant = _authorization(body)
    team = str(grant.get("team_id") or body.get("team_id") or "")
    enterprise = str(grant.get("enterprise_id") or body.get("enterprise_id") or "")
    home = str(event.get("user_team") or event.get("source_team") or event.get("team") or "")
    user = event.get("user")
    user_id = str(user.get("id") if isinstance(user, dict) else user or "")
    return SlackIdentity(team, user_id, "" if home == enterprise else home, enterprise)


def command_identity(body: Json) -> SlackIdentity:
    """Who typed a slash command."""
    team, user, enterprise = (str(body.get(name) or "") for name in ("team_id", "user_id", "enterprise_id"))
    return SlackIdentity(team, user, "", enterprise)


def plain(text: str, bot_users: frozenset[str] = frozenset()) -> str:
    """What the person typed: Slack's own markup taken back, mentions of the bot taken out."""

    def typed(found: re.Match[str]) -> str:
        return _typed(found[1], found[2] or "", bot_users)

    text = _LINK.sub(typed, text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()


def _typed(target: str, label: str, bot_users: frozenset[str]) -> str:
    if target.startswith("@"):
        return "" if target[1:] in bot_users else f"@{label or target[1:]}"
    if target.startswith("#"):
        return f"#{label or target[1:]}"
    if target.startswith("!"):
        return label or f"@{target[1:].partition('^')[0]}"
    bare = target.removeprefix("mailto:")
    if not label or label in (target, bare) or bare.partition("://")[2].rstrip("/") == label.rstrip("/"):
        return label or bare
    return f"{label} ({bare})"


def _channel_type(event: Mapping[str, Json]) -> str:
    """Slack does not say of a mention what kind its channel is: by the id, and public where that is open."""
    said = str(event.get("channel_type"))
    by_id = {"D": "im", "G": "group"}.get(str(event["channel"])[:1], "channel")
    return said if said in CHANNEL_TYPES else by_id


def _named_type(channel_name: str) -> str:
    """Of a command Slack says it by the name that it gives to what has none."""
    if channel_name.startswith("mpdm-"):
        return "mpim"
    return {"directmessage": "im", "privategroup": "group"}.get(channel_name, "channel")


def _is_new_message(event: Mapping[str, Json]) -> bool:
    """A person's own words, said now: no bot, no edit, no join, no upload."""
    if event.get("bot_id") or event.get("subtype") or event.get("edited") or event.get("hidden"):
        return False
    if not all(isinstance(event.get(name), str) for name in ("user", "channel", "ts")):
        return False
    return event.get("type") == "app_mention" or (
        event.get("type") == "message" and event.get("channel_type") == "im"
    )


def _bot_users(body: Json) -> frozenset[str]:
    """The bot's own user ids, as the envelope names them."""
    grants = body.get("authorizations")
    found = [grant for grant in grants if isinstance(grant, dict)] if isinstance(grants, list) else []
    return frozenset(str(grant["user_id"]) for grant in found if grant.get("is_bot") and grant.get("user_id"))


def _authorization(body: Json) -> Mapping[str, Json]:
    grants = body.get("authorizations")
    first = grants[0] if isinstance(grants, list) and grants else {}
    return first if isinstance(first, dict) else {}


def part(body: Json, name: str) -> Mapping[str, Json]:
    """An object within a payload; an empty one where there is none."""
    value = body.get(name)
    return value if isinstance(value, dict) else {}
