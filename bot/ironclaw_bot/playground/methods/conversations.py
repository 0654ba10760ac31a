"""conversations.*"""

from __future__ import annotations

from ironclaw_bot.playground.methods.desk import (
    Desk,
    Method,
    flag,
    joined_channel,
    need,
    page,
    seen_channel,
)
from ironclaw_bot.playground.posting import public_message
from ironclaw_bot.playground.world import Channel, Json, SlackError, Team

_KINDS = {
    "channel": ("public_channel", "channels"),
    "group": ("private_channel", "groups"),
    "im": ("im", "im"),
}


def _need_scope(desk: Desk, channel: Channel, right: str) -> None:
    """Each kind of channel has its own scope.

    :raises SlackError: missing_scope
    """
    scope = f"{_KINDS[channel.kind][1]}:{right}"
    if scope not in desk.hub.scopes:
        raise SlackError("missing_scope", needed=scope, provided=",".join(sorted(desk.hub.scopes)))


def list_channels(desk: Desk, team: Team, args: Json) -> Json:
    wanted = str(args.get("types") or "public_channel").split(",")
    found = [
        channel
        for channel in team.channels.values()
        if _KINDS[channel.kind][0] in wanted
        and (channel.kind == "channel" or team.bot_user in channel.members)
    ]
    for channel in found:
        _need_scope(desk, channel, "read")
    infos = [{**channel.info(), "is_member": team.bot_user in channel.members} for channel in found]
    channels, more = page(infos, args)
    return {"channels": channels, "response_metadata": more}


def info(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "channel")
    channel = seen_channel(team, args["channel"])
    _need_scope(desk, channel, "read")
    return {"channel": {**channel.info(), "is_member": team.bot_user in channel.members}}


def members(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "channel")
    channel = seen_channel(team, args["channel"])
    _need_scope(desk, channel, "read")
    found, more = page([{"id": member} for member in channel.members], args)
    return {"members": [one["id"] for one in found], "response_metadata": more}


def history(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "channel")
    channel = joined_channel(team, args["channel"])
    _need_scope(desk, channel, "history")
    top = [one for one in channel.messages if one.get("thread_ts", one["ts"]) == one["ts"]]
    return _messages(list(reversed(top)), args)


def replies(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "channel", "ts")
    channel = joined_channel(team, args["channel"])
    _need_scope(desk, channel, "history")
    found = channel.replies(args["ts"])
    if not found:
        raise SlackError("thread_not_found")
    return _messages(found, args)


def _messages(found: list[Json], args: Json) -> Json:
    oldest, latest = str(args.get("oldest") or "0"), str(args.get("latest") or "9999999999.999999")
    inclusive = flag(args.get("inclusive"))
    within = [
        one for one in found if oldest < one["ts"] < latest or (inclusive and one["ts"] in (oldest, latest))
    ]
    messages, more = page(within, args, most=999)
    metadata = flag(args.get("include_all_metadata"))
    shown = [public_message(one, metadata) for one in messages]
    return {"messages": shown, "has_more": bool(more["next_cursor"]), "response_metadata": more}


def open_dm(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "users")
    users = str(args["users"]).split(",")
    if len(users) != 1:
        raise SlackError("method_not_supported_for_channel_type", detail="group messages are not played")
    if users[0] not in team.users or users[0] == team.bot_user:
        raise SlackError("user_not_found")
    channel = team.dm(users[0])
    full = {**channel.info()} if flag(args.get("return_im")) else {"id": channel.id}
    return {"channel": full, "no_op": True, "already_open": True}


METHODS: dict[str, Method] = {
    "conversations.history": history,
    "conversations.info": info,
    "conversations.list": list_channels,
    "conversations.members": members,
    "conversations.open": open_dm,
    "conversations.replies": replies,
}
