"""The payloads that Slack sends, built from the world. No side effects."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from ironclaw_bot.playground.world import Channel, Json, Team, new_id

#: Slack's deprecated verification token, still in every payload.
TOKEN = "playground"  # noqa: S105 - it proves nothing and is checked by nobody


def event_callback(team: Team, event: Json, now: float, shared: bool = False) -> Json:
    """The outer envelope of an event.

    :param now: unix seconds
    :param shared: the channel is shared through Slack Connect
    """
    authorization = {
        "enterprise_id": None,
        "team_id": team.id,
        "user_id": team.bot_user,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    return {
        "token": TOKEN,
        "team_id": team.id,
        "context_team_id": team.id,
        "context_enterprise_id": None,
        "api_app_id": team.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": new_id("Ev"),
        "event_time": int(now),
        "authorizations": [authorization],
        "is_ext_shared_channel": shared,
        "event_context": "4-" + secrets.token_hex(16),
    }


def is_shared(team: Team, channel: Channel) -> bool:
    """Somebody of another company is in the channel."""
    return any(team.users[member]["team_id"] != team.id for member in channel.members)


def message_event(channel: Channel, message: Json) -> Json:
    kind = {"channel": "channel", "group": "group", "im": "im"}[channel.kind]
    return {**message, "channel": channel.id, "channel_type": kind, "event_ts": message["ts"]}


def mention_event(channel: Channel, message: Json) -> Json:
    return {**message, "type": "app_mention", "channel": channel.id, "event_ts": message["ts"]}


def changed_event(channel: Channel, message: Json, previous: Json, stamp: str) -> Json:
    return {
        "type": "message",
        "subtype": "message_changed",
        "channel": channel.id,
        "channel_type": channel.kind,
        "hidden": True,
        "message": message,
        "previous_message": previous,
        "ts": stamp,
        "event_ts": stamp,
    }


def deleted_event(channel: Channel, previous: Json, stamp: str) -> Json:
    return {
        "type": "message",
        "subtype": "message_deleted",
        "channel": channel.id,
        "channel_type": channel.kind,
        "hidden": True,
        "deleted_ts": previous["ts"],
        "previous_message": previous,
        "ts": stamp,
        "event_ts": stamp,
    }


def joined_message(channel: Channel, invited: Json, inviter: Json, stamp: str) -> Json:
    """What the channel reads when somebody was invited."""
    return {
        "type": "message",
        "subtype": "channel_join" if channel.kind == "channel" else "group_join",
        "user": invited["id"],
        "inviter": inviter["id"],
        "text": f"<@{invited['id']}> has joined the channel",
        "ts": stamp,
    }


def joined_event(channel: Channel, message: Json) -> Json:
    return {
        "type": "member_joined_channel",
        "user": message["user"],
        "inviter": message["inviter"],
        "channel": channel.id,
        "channel_type": "C" if channel.kind == "channel" else "G",
        "event_ts": message["ts"],
    }


def slash_command(
    team: Team, channel: Channel, user: Json, command: str, text: str, trigger_id: str, response_url: str
) -> Json:
    """The form of a slash command; every value is text."""
    return {
        "token": TOKEN,
        "team_id": team.id,
        "team_domain": team.domain,
        "channel_id": channel.id,
        "channel_name": {"im": "directmessage", "group": "privategroup"}.get(channel.kind, channel.name),
        "user_id": user["id"],
        "user_name": user["name"],
        "command": command,
        "text": text,
        "api_app_id": team.app_id,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger_id,
    }


def _interaction(kind: str, team: Team, user: Json) -> Json:
    return {
        "type": kind,
        "team": {"id": team.id, "domain": team.domain},
        "user": {
            "id": user["id"],
            "username": user["name"],
            "name": user["name"],
            "team_id": user["team_id"],
        },
        "api_app_id": team.app_id,
        "token": TOKEN,
        "enterprise": None,
        "is_enterprise_install": False,
    }


@dataclass(frozen=True, slots=True)
class Place:
    """The message in which something was clicked."""

    channel: Channel
    message: Json
    ephemeral: bool = False

    def container(self) -> Json:
        found = {
            "type": "message",
            "message_ts": self.message["ts"],
            "channel_id": self.channel.id,
            "is_ephemeral": self.ephemeral,
        }
        return found | ({"thread_ts": self.message["thread_ts"]} if "thread_ts" in self.message else {})


def message_action(
    team: Team, user: Json, place: Place, action: Json, trigger_id: str, response_url: str, state: Json
) -> Json:
    """A click in a message; of an ephemeral one Slack sends no copy.

    :param action: the element's own keys, with block_id and action_ts
    :param state: `{block_id: {action_id: value}}` of the inputs around it
    """
    payload = _interaction("block_actions", team, user) | {
        "trigger_id": trigger_id,
        "actions": [action],
        "container": place.container(),
        "channel": {"id": place.channel.id, "name": place.channel.name or "directmessage"},
        "state": {"values": state},
        "response_url": response_url,
    }
    return payload if place.ephemeral else payload | {"message": place.message}


def view_action(team: Team, user: Json, view: Json, action: Json, trigger_id: str) -> Json:
    """A click in a modal or in the Home tab."""
    return _interaction("block_actions", team, user) | {
        "trigger_id": trigger_id,
        "actions": [action],
        "container": {"type": "view", "view_id": view["id"]},
        "view": view,
    }


def view_submission(team: Team, user: Json, view: Json, trigger_id: str) -> Json:
    return _interaction("view_submission", team, user) | {
        "trigger_id": trigger_id,
        "view": view,
        "response_urls": [],
    }


def view_closed(team: Team, user: Json, view: Json, is_cleared: bool) -> Json:
    return _interaction("view_closed", team, user) | {"view": view, "is_cleared": is_cleared}
