"""Putting messages and views into the world, and telling the bot what it subscribed to."""

from __future__ import annotations

import copy
import json
from typing import Any

from ironclaw_bot.playground import payloads
from ironclaw_bot.playground.delivery import Courier
from ironclaw_bot.playground.hub import Hub
from ironclaw_bot.playground.world import Channel, Json, SlackError, Team, new_id
from ironclaw_bot.slack.rules import RuleError, validate_message, validate_view

_EVENT_OF = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}


def check_message(payload: Json, *, posted: bool = True) -> None:
    """
    :raises SlackError: in Slack's words, with the rule's sentences in `response_metadata`
    """
    try:
        validate_message(payload, posted=posted)
    except RuleError as error:
        raise SlackError(_code(payload, error.problems), response_metadata=_said(error)) from error


def check_view(view: Any) -> Json:
    """
    :raises SlackError: invalid_arguments
    """
    if not isinstance(view, dict):
        raise SlackError("invalid_arguments", response_metadata={"messages": ["view: must be an object"]})
    try:
        validate_view(view)
    except RuleError as error:
        raise SlackError("invalid_arguments", response_metadata=_said(error)) from error
    return view


def _said(error: RuleError) -> Json:
    return {"messages": [f"[ERROR] {problem}" for problem in error.problems]}


def _code(payload: Json, problems: list[str]) -> str:
    if not payload.get("text") and not payload.get("blocks"):
        return "no_text"
    if any(problem.startswith("text: longer") for problem in problems):
        return "msg_too_long"
    if any(problem.startswith("blocks") for problem in problems):
        return "invalid_blocks"
    if any(problem.startswith("metadata") for problem in problems):
        return "invalid_metadata_format"
    return "invalid_arguments"


def with_block_ids(blocks: list[Json]) -> list[Json]:
    """Slack names every block that has no name."""
    named = copy.deepcopy(blocks)
    for block in named:
        block.setdefault("block_id", new_id("b")[:6])
        block.get("child_blocks") and block.update(child_blocks=with_block_ids(block["child_blocks"]))
    return named


class Postbox:
    """Every write to channels and views goes through here, whoever makes it."""

    def __init__(self, hub: Hub, courier: Courier) -> None:
        self._hub = hub
        self._courier = courier

    def bot_message(self, team: Team, content: Json) -> Json:
        """A message of the bot, not yet anywhere."""
        message = {
            "type": "message",
            "user": team.bot_user,
            "ts": self._hub.world.stamp(),
            "bot_id": team.bot_id,
            "app_id": team.app_id,
            "text": content["text"],
            "team": team.id,
            "bot_profile": {"id": team.bot_id, "app_id": team.app_id, "name": "ironclaw", "team_id": team.id},
            "blocks": with_block_ids(content.get("blocks") or []),
        }
        if content.get("metadata"):
            message["metadata"] = content["metadata"]
        return message

    def post(self, team: Team, channel: Channel, message: Json, thread_ts: str = "") -> Json:
        """
        :raises SlackError: thread_not_found
        """
        if thread_ts:
            message["thread_ts"] = self._thread(channel, thread_ts)
        channel.add(message)
        self._tell(team, channel, payloads.message_event(channel, public_message(message)))
        self.changed(team, channel)
        return message

    def _thread(self, channel: Channel, thread_ts: str) -> str:
        try:
            parent = channel.message(thread_ts)
        except SlackError:
            raise SlackError("thread_not_found") from None
        return str(parent.get("thread_ts", parent["ts"]))

    def replace(self, team: Team, channel: Channel, ts: str, content: Json) -> Json:
        """New text and blocks for a message that stays where it is."""
        message = channel.message(ts)
        before = copy.deepcopy(public_message(message))
        stamp = self._hub.world.stamp()
        message["text"] = content["text"]
        if "blocks" in content:
            message["blocks"] = with_block_ids(content["blocks"] or [])
        if content.get("metadata"):
            message["metadata"] = content["metadata"]
        message["edited"] = {"user": message["user"], "ts": stamp}
        self._tell(team, channel, payloads.changed_event(channel, public_message(message), before, stamp))
        self.changed(team, channel)
        return message

    def remove(self, team: Team, channel: Channel, ts: str) -> None:
        message = channel.message(ts)
        channel.messages.remove(message)
        self._tell(
            team, channel, payloads.deleted_event(channel, public_message(message), self._hub.world.stamp())
        )
        self.changed(team, channel)

    def whisper(self, team: Team, channel: Channel, user_id: str, content: Json) -> Json:
        """An ephemeral message: one person sees it, nobody can look it up."""
        message = {**self.bot_message(team, content), "to": user_id, "is_ephemeral": True}
        if content.get("thread_ts"):
            message["thread_ts"] = content["thread_ts"]
        channel.ephemerals.append(message)
        self.changed(team, channel)
        return message

    def changed(self, team: Team, channel: Channel | None = None) -> None:
        self._hub.feed.publish("changed", team=team.id, channel=channel.id if channel else "")

    def emit(self, team: Team, name: str, event: Json, shared: bool = False) -> None:
        """Sends an event, if the app subscribed to it."""
        if name in self._hub.events:
            # A copy: what is stored may change while the delivery waits.
            payload = payloads.event_callback(team, copy.deepcopy(event), self._hub.clock(), shared)
            self._courier.post_event(name.partition(".")[0], payload)

    def _tell(self, team: Team, channel: Channel, event: Json) -> None:
        """The message event; a bot hears its own messages too."""
        shared = payloads.is_shared(team, channel)
        if team.bot_user in channel.members:
            self.emit(team, _EVENT_OF[channel.kind], event, shared)
            if event.get("bot_id") is None and "subtype" not in event and channel.kind != "im":
                self._tell_mention(team, channel, event, shared)

    def _tell_mention(self, team: Team, channel: Channel, message: Json, shared: bool) -> None:
        if f"<@{team.bot_user}>" in message["text"]:
            heard = {key: value for key, value in message.items() if key != "channel_type"}
            self.emit(team, "app_mention", payloads.mention_event(channel, heard), shared)


def public_message(message: Json, metadata: bool = False) -> Json:
    """A message as the Web API shows it."""
    hidden = {"to", "is_ephemeral", "stream"} | (set() if metadata else {"metadata"})
    return {key: value for key, value in message.items() if key not in hidden}


def seen_view(view: Json) -> Json:
    """A view as the bot gets it: without our note of whose screen it is on."""
    return copy.deepcopy({key: value for key, value in view.items() if key != "user"})


def decoded(value: Any) -> Any:
    """JSON inside a form field, or the value itself."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
