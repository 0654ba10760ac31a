"""What the Web API's methods work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ironclaw_bot.playground.hub import Hub
from ironclaw_bot.playground.posting import Postbox
from ironclaw_bot.playground.world import Channel, Json, SlackError, Team


@dataclass(frozen=True, slots=True)
class Desk:
    """
    :ivar open_socket: makes a one-time WebSocket address
    """

    hub: Hub
    postbox: Postbox
    open_socket: Callable[[], str]


Method = Callable[[Desk, Team, Json], Json]


def need(args: Json, *names: str) -> None:
    """
    :raises SlackError: invalid_arguments, naming what is missing
    """
    missing = [f"[ERROR] missing required field: {name}" for name in names if not args.get(name)]
    if missing:
        raise SlackError("invalid_arguments", response_metadata={"messages": missing})


def seen_channel(team: Team, channel_id: str) -> Channel:
    """By id only, as in the Web API; the bot sees private channels only from inside.

    :raises SlackError: channel_not_found
    """
    channel = team.channels.get(channel_id)
    if channel is None or (channel.kind != "channel" and team.bot_user not in channel.members):
        raise SlackError("channel_not_found")
    return channel


def joined_channel(team: Team, channel_id: str) -> Channel:
    """
    :raises SlackError: channel_not_found or not_in_channel
    """
    channel = seen_channel(team, channel_id)
    if team.bot_user not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def flag(value: object) -> bool:
    """A boolean as JSON or as a form has it."""
    return value in (True, 1, "1", "true", "True")


def page_size(args: Json, most: int) -> int:
    try:
        return max(1, min(int(args.get("limit", most)), most))
    except ValueError:
        raise SlackError("invalid_limit") from None


def page(items: list[Json], args: Json, most: int = 200) -> tuple[list[Json], Json]:
    """One page of a list, and the `response_metadata` that leads to the next.

    :raises SlackError: invalid_cursor
    """
    size = page_size(args, most)
    cursor = str(args.get("cursor") or "0")
    if not cursor.isdigit():
        raise SlackError("invalid_cursor")
    end = int(cursor) + size
    return items[int(cursor) : end], {"next_cursor": str(end) if end < len(items) else ""}
