"""What a Slack workspace holds: teams, people, channels, messages, views. Plain data and look-ups.

Messages, users and views are kept in Slack's own JSON, so that what a bot receives is what is stored.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

Json = dict[str, Any]


class SlackError(Exception):
    """Slack's answer to a call it refuses: `{"ok": false, "error": code}`.

    :ivar code: Slack's word, such as `channel_not_found`
    :ivar extra: further keys of the answer, such as `needed` and `provided`
    """

    def __init__(self, code: str, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.extra = extra


@dataclass(slots=True)
class Channel:
    """A public or private channel, or a direct message between one person and the bot.

    :ivar kind: `channel`, `group` (private) or `im`
    :ivar user: the person of an im, "" otherwise
    :ivar ephemerals: messages that one person (key `to`) sees; never in history
    """

    id: str
    name: str
    kind: str = "channel"
    members: list[str] = field(default_factory=list)
    user: str = ""
    messages: list[Json] = field(default_factory=list)
    ephemerals: list[Json] = field(default_factory=list)

    def message(self, ts: str) -> Json:
        """
        :raises SlackError: message_not_found
        """
        for message in reversed(self.messages):
            if message["ts"] == ts:
                return message
        raise SlackError("message_not_found")

    def ephemeral(self, ts: str) -> Json | None:
        return next((one for one in self.ephemerals if one["ts"] == ts), None)

    def replies(self, ts: str) -> list[Json]:
        """The parent and its replies, oldest first."""
        return [one for one in self.messages if ts in (one["ts"], one.get("thread_ts"))]

    def add(self, message: Json) -> None:
        self.messages.append(message)
        parent_ts = message.get("thread_ts")
        if parent_ts and parent_ts != message["ts"]:
            self._count_reply(self.message(parent_ts), message)

    def _count_reply(self, parent: Json, reply: Json) -> None:
        parent["thread_ts"] = parent["ts"]
        parent["reply_count"] = parent.get("reply_count", 0) + 1
        parent["latest_reply"] = reply["ts"]
        parent["reply_users"] = sorted({*parent.get("reply_users", []), reply["user"]})

    def info(self) -> Json:
        """Slack's conversation object."""
        shared = {"id": self.id, "is_archived": False, "is_im": self.kind == "im", "is_member": True}
        if self.kind == "im":
            return {**shared, "user": self.user, "is_channel": False, "is_private": True}
        private = self.kind == "group"
        names = {"name": self.name, "name_normalized": self.name, "num_members": len(self.members)}
        return {**shared, **names, "is_channel": not private, "is_group": private, "is_private": private}


@dataclass(slots=True)
class Team:
    """One workspace with our app in it.

    :ivar views: open modals by view id; `stacks` has each person's, bottom first
    :ivar homes: the published App Home by user id
    :ivar usergroups: user ids by the group's id (S...)
    :ivar statuses: every assistant and agent-session status set, oldest first
    :ivar revoked: the app was uninstalled; its tokens are dead
    """

    id: str
    name: str
    domain: str
    app_id: str
    bot_id: str
    bot_user: str
    users: dict[str, Json] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    views: dict[str, Json] = field(default_factory=dict)
    stacks: dict[str, list[str]] = field(default_factory=dict)
    homes: dict[str, Json] = field(default_factory=dict)
    statuses: list[Json] = field(default_factory=list)
    usergroups: dict[str, list[str]] = field(default_factory=dict)
    revoked: bool = False

    def channel(self, name: str) -> Channel:
        """By id or by name, with or without `#`.

        :raises SlackError: channel_not_found
        """
        wanted = name.lstrip("#")
        for channel in self.channels.values():
            if wanted in (channel.id, channel.name):
                return channel
        raise SlackError("channel_not_found")

    def user(self, name: str) -> Json:
        """By id or by name, with or without `@`.

        :raises SlackError: user_not_found
        """
        wanted = name.lstrip("@")
        for user in self.users.values():
            if wanted in (user["id"], user["name"]):
                return user
        raise SlackError("user_not_found")

    def dm(self, user_id: str) -> Channel:
        """The direct messages of a person and the bot; made when there are none yet."""
        for channel in self.channels.values():
            if channel.kind == "im" and channel.user == user_id:
                return channel
        made = Channel(f"D{user_id[1:]}", "", "im", [user_id, self.bot_user], user_id)
        self.channels[made.id] = made
        return made

    def view(self, view_id: str) -> Json:
        """
        :raises SlackError: not_found
        """
        if view_id in self.views:
            return self.views[view_id]
        found = [home for home in self.homes.values() if home["id"] == view_id]
        if not found:
            raise SlackError("not_found")
        return found[0]


@dataclass(slots=True)
class World:
    """Both workspaces, and the stamps that number their messages."""

    clock: Callable[[], float]
    teams: dict[str, Team]
    last_stamp: int = 0

    def team(self, team_id: str) -> Team:
        """
        :raises SlackError: team_not_found
        """
        if team_id not in self.teams:
            raise SlackError("team_not_found")
        return self.teams[team_id]

    def stamp(self) -> str:
        """A message `ts`: the clock in microseconds, never the same twice and never going back."""
        self.last_stamp = max(int(self.clock() * 1_000_000), self.last_stamp + 1)
        return f"{self.last_stamp // 1_000_000}.{self.last_stamp % 1_000_000:06d}"

    def to_json(self) -> Json:
        return {
            "schema": 1,
            "last_stamp": self.last_stamp,
            "teams": [asdict(team) for team in self.teams.values()],
        }

    def restore(self, kept: Json) -> None:
        """Takes the state of a snapshot.

        :raises ValueError: for a snapshot of another schema
        """
        if kept.get("schema") != 1:
            raise ValueError("the snapshot was written by another version of the playground")
        self.last_stamp = kept["last_stamp"]
        self.teams = {team["id"]: _team(team) for team in kept["teams"]}


def _team(kept: Json) -> Team:
    channels = {key: Channel(**channel) for key, channel in kept["channels"].items()}
    return Team(**{**kept, "channels": channels})


def new_id(prefix: str) -> str:
    """An id in Slack's manner, such as `V7F3A09C21B`."""
    return prefix + secrets.token_hex(5).upper()
