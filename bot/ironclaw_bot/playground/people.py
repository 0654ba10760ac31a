"""What a person does in Slack: say, click, fill in, look at the Home tab, take the app off."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ironclaw_bot.playground import payloads, typed_text
from ironclaw_bot.playground.delivery import Ack, Courier, Envelope
from ironclaw_bot.playground.hub import Hub
from ironclaw_bot.playground.inputs import chosen, state_of
from ironclaw_bot.playground.payloads import Place
from ironclaw_bot.playground.posting import Postbox, check_message, public_message, seen_view
from ironclaw_bot.playground.seed import PRIMARY
from ironclaw_bot.playground.world import Channel, Json, SlackError, Team


@dataclass(frozen=True, slots=True)
class People:
    """Everybody's hands. Names and ids are both understood; `team` is the primary one unless said."""

    hub: Hub
    courier: Courier
    postbox: Postbox

    def say(self, user: str, channel: str, text: str, *, thread_ts: str = "", team: str = PRIMARY) -> Json:
        """Sends a message; events follow in the background.

        :param channel: a channel's name or id; `@ironclaw` for the direct messages with the bot
        :return: the message
        :raises SlackError: when the person or the channel does not exist, or the person is not in it
        """
        place, person, room = self._place(team, user, channel)
        if not text.strip():
            raise SlackError("no_text")
        elements = typed_text.elements(place, text)
        message = {
            "type": "message",
            "user": person["id"],
            "ts": self.hub.world.stamp(),
            "client_msg_id": str(uuid.uuid4()),
            "text": typed_text.markup(place, elements),
            "team": person["team_id"],
            "blocks": typed_text.rich_text(elements),
        }
        return self.postbox.post(place, room, message, thread_ts)

    def edit(self, user: str, channel: str, ts: str, text: str, *, team: str = PRIMARY) -> Json:
        place, person, room = self._place(team, user, channel)
        if room.message(ts)["user"] != person["id"]:
            raise SlackError("cant_update_message")
        elements = typed_text.elements(place, text)
        content = {"text": typed_text.markup(place, elements), "blocks": typed_text.rich_text(elements)}
        return self.postbox.replace(place, room, ts, content)

    def delete(self, user: str, channel: str, ts: str, *, team: str = PRIMARY) -> None:
        place, person, room = self._place(team, user, channel)
        if room.message(ts)["user"] != person["id"]:
            raise SlackError("cant_delete_message")
        self.postbox.remove(place, room, ts)

    def invite(self, user: str, channel: str, name: str, *, team: str = PRIMARY) -> Json:
        """`/invite @name`: somebody, or the app, becomes a member, and the channel reads so.

        :return: the message that says so
        :raises SlackError: the person is not in the channel, nobody has this name, or they are in it already
        """
        place, person, room = self._place(team, user, channel)
        invited = place.user(name)
        if room.kind == "im":
            raise SlackError("method_not_supported_for_channel_type")
        if invited["id"] in room.members:
            raise SlackError("already_in_channel")
        room.members.append(invited["id"])
        joined = payloads.joined_message(room, invited, person, self.hub.world.stamp())
        self.postbox.emit(place, "member_joined_channel", payloads.joined_event(room, joined))
        return self.postbox.post(place, room, joined)

    async def command(
        self, user: str, channel: str, command: str, text: str = "", *, team: str = PRIMARY
    ) -> Json:
        """A slash command; what the bot answers at once becomes a message.

        :return: `{"ok", "reason", "status", "ms"}` of the acknowledgement
        """
        place, person, room = self._place(team, user, channel)
        trigger = self.hub.new_trigger(place.id, person["id"])
        url = self.hub.new_response_url(place.id, room.id, person["id"])
        form = payloads.slash_command(place, room, person, command, text, trigger, url)
        ack = await self.courier.interact(Envelope("slash_commands", command, form))
        if ack.ok and ack.body.get("text"):
            self._show_answer(place, room, person, ack.body)
        return _result(ack)

    def _show_answer(self, team: Team, channel: Channel, person: Json, content: Json) -> None:
        check_message(content, posted=False)
        if content.get("response_type") == "in_channel":
            self.postbox.post(team, channel, self.postbox.bot_message(team, content))
        else:
            self.postbox.whisper(team, channel, person["id"], content)

    async def click(
        self,
        user: str,
        channel: str,
        ts: str,
        action_id: str,
        *,
        block_id: str = "",
        answer: Any = None,
        answers: Json | None = None,
        team: str = PRIMARY,
    ) -> Json:
        """Presses or chooses something in a message.

        :param answer: what was chosen in a select, by option value
        :param answers: what stands in the other inputs of the message
        :return: `{"ok", "reason", "status", "ms"}` of the acknowledgement
        :raises SlackError: action_not_found, message_not_found
        """
        place, person, room = self._place(team, user, channel)
        message, hidden = self._message(room, person, ts)
        action = self._action(message["blocks"], action_id, block_id, answer)
        spot = Place(room, public_message(message), hidden)
        trigger = self.hub.new_trigger(place.id, person["id"])
        thread = message.get("thread_ts", "")
        url = self.hub.new_response_url(place.id, room.id, person["id"], message["ts"], thread)
        state = state_of(message["blocks"], answers or {})
        payload = payloads.message_action(place, person, spot, action, trigger, url, state)
        return await self._interact("block_actions", payload)

    def _message(self, channel: Channel, person: Json, ts: str) -> tuple[Json, bool]:
        whisper = channel.ephemeral(ts)
        if whisper is not None and whisper["to"] == person["id"]:
            return whisper, True
        return channel.message(ts), False

    def _action(self, blocks: list[Json], action_id: str, block_id: str, answer: Any) -> Json:
        for block, element in _pressable(blocks):
            if element.get("action_id") == action_id and block_id in ("", block["block_id"]):
                kept: Json = {
                    key: element[key]
                    for key in ("type", "action_id", "text", "value", "style")
                    if key in element
                }
                stamp = self.hub.world.stamp()
                return {**kept, **chosen(element, answer), "block_id": block["block_id"], "action_ts": stamp}
        raise SlackError("action_not_found")

    async def click_in_view(
        self,
        user: str,
        view_id: str,
        action_id: str,
        *,
        block_id: str = "",
        answer: Any = None,
        team: str = PRIMARY,
    ) -> Json:
        """Presses or chooses something in a modal or in the Home tab."""
        place = self.hub.world.team(team)
        person = place.user(user)
        view = place.view(view_id)
        if view["user"] != person["id"]:
            raise SlackError("not_found")
        action = self._action(view["blocks"], action_id, block_id, answer)
        trigger = self.hub.new_trigger(place.id, person["id"], view_id)
        payload = payloads.view_action(place, person, seen_view(view), action, trigger)
        return await self._interact("block_actions", payload)

    async def open_home(self, user: str, *, tab: str = "home", team: str = PRIMARY) -> None:
        """Looks at the app's Home or Messages tab."""
        place = self.hub.world.team(team)
        person = place.user(user)
        event = {
            "type": "app_home_opened",
            "user": person["id"],
            "channel": place.dm(person["id"]).id,
            "tab": tab,
            "event_ts": self.hub.world.stamp(),
        }
        home = place.homes.get(person["id"])
        if home is not None and tab == "home":
            event["view"] = seen_view(home)
        self.postbox.emit(place, "app_home_opened", event)

    async def stop_session(self, user: str, channel: str, thread_ts: str, *, team: str = PRIMARY) -> None:
        """Presses the stop button of an agent session."""
        place, person, room = self._place(team, user, channel)
        streams = [one for one in room.replies(thread_ts) if one.get("stream", {}).get("state") == "open"]
        for message in streams:
            message["stream"]["state"] = "stopped"
        event = {
            "type": "agent_session_stopped",
            "channel": room.id,
            "thread_ts": thread_ts,
            "user": person["id"],
            "streaming_message_ts": [message["ts"] for message in streams],
            "event_ts": self.hub.world.stamp(),
        }
        self.postbox.emit(place, "agent_session_stopped", event)

    def uninstall(self, *, team: str = PRIMARY) -> None:
        """Takes the app off the workspace: its token dies, and it is told."""
        place = self.hub.world.team(team)
        place.revoked = True
        stamp = self.hub.world.stamp()
        revoked = {
            "type": "tokens_revoked",
            "tokens": {"oauth": [], "bot": [place.bot_user]},
            "event_ts": stamp,
        }
        self.postbox.emit(place, "tokens_revoked", revoked)
        self.postbox.emit(place, "app_uninstalled", {"type": "app_uninstalled", "event_ts": stamp})

    def _place(self, team: str, user: str, channel: str) -> tuple[Team, Json, Channel]:
        place = self.hub.world.team(team)
        person = place.user(user)
        room = place.dm(person["id"]) if channel in ("@ironclaw", place.bot_user) else place.channel(channel)
        if person["id"] not in room.members:
            raise SlackError("not_in_channel")
        return place, person, room

    async def _interact(self, name: str, payload: Json) -> Json:
        return _result(await self.courier.interact(Envelope("interactive", name, payload)))


def _pressable(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Each block with each element in it, feedback buttons and containers included."""
    for block in blocks:
        yield from _pressable(block.get("child_blocks", []))
        inner = [
            *block.get("elements", []),
            *block.get("actions", []),
            block.get("accessory"),
            block.get("element"),
        ]
        yield from ((block, one) for one in inner if isinstance(one, dict))


def _result(ack: Ack) -> Json:
    return {"ok": ack.ok, "reason": ack.reason, "status": ack.status, "ms": round(ack.ms, 1)}
