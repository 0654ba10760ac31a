"""chat.* and reactions.add"""

from __future__ import annotations

from ironclaw_bot.playground.methods.desk import Desk, Method, joined_channel, need, seen_channel
from ironclaw_bot.playground.posting import check_message, public_message
from ironclaw_bot.playground.world import Channel, Json, SlackError, Team


def _target(team: Team, channel_id: str) -> Channel:
    """A channel the bot is in, or the direct messages with a person."""
    if channel_id in team.users and channel_id != team.bot_user:
        return team.dm(channel_id)
    return joined_channel(team, channel_id)


def post_message(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "channel")
    check_message(args)
    channel = _target(team, args["channel"])
    message = desk.postbox.bot_message(team, args)
    desk.postbox.post(team, channel, message, args.get("thread_ts", ""))
    _clear_status(team, channel, message.get("thread_ts", ""))
    return {"channel": channel.id, "ts": message["ts"], "message": public_message(message)}


def _clear_status(team: Team, channel: Channel, thread_ts: str) -> None:
    """A reply ends the thread's "is thinking" line."""
    for status in team.statuses:
        if status["kind"] == "assistant" and (status["channel"], status["thread_ts"]) == (
            channel.id,
            thread_ts,
        ):
            status["shown"] = False


def update(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "channel", "ts")
    check_message(args, posted=False)
    channel = joined_channel(team, args["channel"])
    if channel.message(args["ts"])["user"] != team.bot_user:
        raise SlackError("cant_update_message")
    message = desk.postbox.replace(team, channel, args["ts"], args)
    return {"channel": channel.id, "ts": args["ts"], "text": args["text"], "message": public_message(message)}


def delete(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "channel", "ts")
    channel = joined_channel(team, args["channel"])
    if channel.message(args["ts"])["user"] != team.bot_user:
        raise SlackError("cant_delete_message")
    desk.postbox.remove(team, channel, args["ts"])
    return {"channel": channel.id, "ts": args["ts"]}


def post_ephemeral(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "channel", "user")
    check_message(args, posted=False)
    channel = joined_channel(team, args["channel"])
    if args["user"] not in channel.members:
        raise SlackError("user_not_in_channel")
    return {"message_ts": desk.postbox.whisper(team, channel, args["user"], args)["ts"]}


def get_permalink(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "channel", "message_ts")
    channel = seen_channel(team, args["channel"])
    message = channel.message(args["message_ts"])
    path = f"/#/{team.id}/{channel.id}/{message.get('thread_ts', message['ts'])}"
    return {"channel": channel.id, "permalink": desk.hub.url + path}


def add_reaction(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "channel", "timestamp", "name")
    channel = joined_channel(team, args["channel"])
    reactions = channel.message(args["timestamp"]).setdefault("reactions", [])
    if any(one["name"] == args["name"] and team.bot_user in one["users"] for one in reactions):
        raise SlackError("already_reacted")
    reactions.append({"name": args["name"], "users": [team.bot_user], "count": 1})
    desk.postbox.changed(team, channel)
    return {}


METHODS: dict[str, Method] = {
    "chat.delete": delete,
    "chat.getPermalink": get_permalink,
    "chat.postEphemeral": post_ephemeral,
    "chat.postMessage": post_message,
    "chat.update": update,
    "reactions.add": add_reaction,
}
