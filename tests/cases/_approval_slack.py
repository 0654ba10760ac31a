"""Clicks as Slack sends them, and as somebody who makes up payloads would, signed, at the bot's own door."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from ironclaw_bot.playground import payloads
from ironclaw_bot.playground.posting import public_message
from ironclaw_bot.playground.world import Channel
from ironclaw_bot.slack.app import LISTENERS
from ironclaw_bot.slack.edge import PATH
from ironclaw_bot.slack.presses import APPROVE, DENY, MORE, REASON, REMEMBER
from tests.cases._approval_bot import team_of
from tests.cases._approval_stage import CHANNEL, SECRET
from tests.cases._approval_world import World
from tests.cases.slack_signature import sign
from tests.fakes.wire import Reply, ask

BUTTONS = {"approve": APPROVE, "deny": DENY}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Card:
    """A card as it stood when it asked for one approval."""

    approval_id: str
    channel: Channel
    ts: str
    buttons: dict[str, Json]  #: The elements of this approval, by action id, with their block ids.

    @property
    def message(self) -> Json:
        """As it stands now."""
        return self.channel.message(self.ts)


@dataclass(slots=True)
class Sent:
    """One request to the Slack door, as bytes, so that it can be sent again."""

    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)


def card_of(world: World, approval_id: str) -> Card | None:
    """The newest message that has buttons for an approval."""
    for team in world.stage.slack.world.teams.values():
        for channel in team.channels.values():
            for message in reversed(channel.messages):
                buttons = dict(_buttons(message, approval_id))
                if buttons:
                    return Card(approval_id, channel, message["ts"], buttons)
    return None


def _buttons(message: Json, approval_id: str) -> Iterator[tuple[str, Json]]:
    for block in message.get("blocks", []):
        for element in block.get("elements", []) if block["type"] == "actions" else []:
            if approval_id in str([element.get("value"), element.get("options")]):
                yield element["action_id"], {**element, "block_id": block["block_id"]}


async def click(
    world: World, card: Card | None, step: Json, message: Card | None = None, *, settle: bool = True
) -> Sent | None:
    """Press a card's button as the step says.

    :param message: the card whose message the payload names, where that is another one
    :param settle: wait for what comes of it
    :return: what was sent; None where there is no card to press
    """
    if card is None:
        return None
    payload = _payload(world, card, step, message or card)
    sent = Sent(urlencode({"payload": json.dumps(payload)}).encode())
    await send(world, sent)
    if settle:
        await world.settle()
    if settle and step["action"] != "approve":
        await _fill_in(world, payload, str(step.get("note", "")))
    return sent


def _payload(world: World, card: Card, step: Json, place: Card) -> Json:
    home = team_of(step.get("user_team", "T1"))
    team_id = team_of(step["channel_team"]) if "channel_team" in step else home
    slack = world.stage.slack.world
    outside = home if home != team_id else ""
    flags = step.get("flags", {})
    if team_id not in slack.teams:
        raise ValueError(f"there is no workspace {team_id}")
    user_id = world.stage.person(step["user"], team_id, home=outside, **flags)
    team = slack.team(team_id)
    action = _action(card, step)
    spot = payloads.Place(_channel(world, place, step), public_message(place.message))
    trigger = world.stage.slack.hub.new_trigger(team_id, user_id)
    url = world.stage.slack.hub.new_response_url(team_id, spot.channel.id, user_id, place.ts)
    return payloads.message_action(team, team.users[user_id], spot, action, trigger, url, {})


def _channel(world: World, place: Card, step: Json) -> Channel:
    """Where the payload says the message stands."""
    return world.stage.slack.world.team("T0001").channel("general") if "channel" in step else place.channel


def _action(card: Card, step: Json) -> Json:
    """The button, with what somebody wrote over its value."""
    action_id = BUTTONS.get(step["action"], f"ironclaw_{step['action']}")
    chosen = _chosen(card, REASON if "note" in step else step["action"])
    if chosen:
        return chosen
    action = dict(card.buttons.get(action_id) or {**card.buttons[APPROVE], "action_id": action_id})
    override = dict(step.get("value_override", {}))
    approval_id, version, seal = str(action["value"]).split(".")
    parts = (
        override.pop("id", approval_id).replace("{{id}}", card.approval_id),
        version,
        override.pop("sig", seal),
    )
    return {**action, "value": ".".join(parts), "action_ts": f"{time.time():.6f}", **override}


def _chosen(card: Card, what: str) -> Json | None:
    """The card's menu with one of its options chosen; None where it has no such."""
    menu = card.buttons.get(MORE, {"options": []})
    wanted = {"always": REMEMBER}.get(what, what)
    option = next((each for each in menu["options"] if str(each["value"]).startswith(f"{wanted}:")), None)
    return option and {**menu, "selected_option": option}


async def send(world: World, sent: Sent, *, seconds: int = 0) -> Reply | None:
    """Sign and send, as Slack does; what was sent before goes out with a new signature.

    :param seconds: by how much the timestamp is later than now, so that a second delivery is not a replay
    :return: None where nobody listens
    """
    now = int(time.time()) + seconds
    sent.headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("X-Slack-Request-Timestamp", str(now)),
        ("X-Slack-Signature", sign(sent.body, SECRET, now)),
    ]
    return await send_raw(world, sent)


async def send_raw(world: World, sent: Sent) -> Reply | None:
    """The very same bytes and headers."""
    if not world.port:
        return None
    try:
        return await ask(world.port, "POST", PATH, sent.headers, sent.body)
    except (ConnectionError, IndexError):  # It went away before it answered.
        return None


async def _fill_in(world: World, payload: Json, note: str) -> None:
    """Where the button opened a modal: write the note, choose whatever reaches furthest, and submit."""
    team_id, user_id = payload["team"]["id"], payload["user"]["id"]
    stack = world.stage.slack.world.team(team_id).stacks.get(user_id, [])
    if stack:
        view = world.stage.slack.world.team(team_id).views[stack[-1]]
        inputs = [block for block in view["blocks"] if block["type"] == "input"]
        answers = {block["block_id"]: _answer(block["element"], note) for block in inputs}
        await world.stage.slack.modals.submit(user_id, stack[-1], answers, team=team_id)


def _answer(element: Json, note: str) -> str:
    return str(element["options"][-1]["value"]) if "options" in element else note


async def say(world: World, user: str, text: str, *, thread_ts: str = "", mention: bool = True) -> Json:
    """Somebody writes in the channel, and Slack delivers it."""
    user_id = world.stage.person(user, "T0001")
    words = f"@ironclaw {text}" if mention else text
    said = world.stage.slack.people.say(user_id, CHANNEL, words, thread_ts=thread_ts)
    await world.stage.slack.courier.settle()
    return said


async def command(world: World, user: str, text: str) -> None:
    """Somebody types ``/ironclaw TEXT``."""
    user_id = world.stage.person(user, "T0001")
    await world.stage.slack.people.command(user_id, CHANNEL, "/ironclaw", text)


def callback_ids() -> list[str]:
    """Of every modal that the bot listens to; of one that it does not, where it has none."""
    return sorted(LISTENERS.views) or ["ironclaw_unknown"]


async def submit_view(world: World, user: str, callback_id: str, private_metadata: str) -> Sent:
    """A modal of our making, submitted, with metadata that somebody wrote."""
    team = world.stage.slack.world.team("T0001")
    user_id = world.stage.person(user, "T0001")
    view = {
        "id": "V0001",
        "type": "modal",
        "callback_id": callback_id,
        "private_metadata": private_metadata,
        "state": {"values": {}},
        "blocks": [],
        "hash": "1.a",
    }
    payload = payloads.view_submission(team, team.users[user_id], view, "1.1.a")
    sent = Sent(urlencode({"payload": json.dumps(payload)}).encode())
    await send(world, sent)
    return sent
