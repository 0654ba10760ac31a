"""chat.startStream, chat.appendStream, chat.stopStream: a message that grows while it is written."""

from __future__ import annotations

from typing import Any

from ironclaw_bot.playground.methods.desk import Desk, Method, joined_channel, need
from ironclaw_bot.playground.methods.statuses import set_status
from ironclaw_bot.playground.posting import check_message, public_message, with_block_ids
from ironclaw_bot.playground.world import Channel, Json, SlackError, Team

STREAM_SECONDS = 5 * 60.0
MARKDOWN = 12_000
CHUNK_TEXT = 256
_TASK_KEYS = ("title", "status")


def start(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "channel", "thread_ts")
    channel = joined_channel(team, args["channel"])
    if channel.kind != "im":
        need(args, "recipient_team_id", "recipient_user_id")
    message = desk.postbox.bot_message(team, {"text": "…"})
    message["stream"] = {"state": "open", "since": desk.hub.clock(), "markdown": "", "title": "", "tasks": {}}
    _grow(message, args)
    desk.postbox.post(team, channel, message, args["thread_ts"])
    return {"channel": channel.id, "ts": message["ts"]}


def append(desk: Desk, team: Team, args: Json) -> Json:
    channel, message = _streaming(desk, team, args)
    _grow(message, args)
    desk.postbox.changed(team, channel)
    return {"channel": channel.id, "ts": message["ts"]}


def stop(desk: Desk, team: Team, args: Json) -> Json:
    channel, message = _streaming(desk, team, args)
    if args.get("blocks"):
        check_message({"text": "x", "blocks": args["blocks"]}, posted=False)
    _grow(message, args)
    message["stream"]["state"] = "done"
    message["blocks"] += with_block_ids(args.get("blocks") or [])
    if args.get("session_status"):
        place = {"channel_id": channel.id, "thread_ts": message["thread_ts"]}
        set_status(desk, team, {**place, "status": args["session_status"]})
    desk.postbox.changed(team, channel)
    return {"channel": channel.id, "ts": message["ts"], "message": public_message(message)}


def _streaming(desk: Desk, team: Team, args: Json) -> tuple[Channel, Json]:
    """
    :raises SlackError: message_not_in_streaming_state, also 5 minutes after the start; stopped_by_user
    """
    need(args, "channel", "ts")
    channel = joined_channel(team, args["channel"])
    message = channel.message(args["ts"])
    stream = message.get("stream", {"state": "done"})
    if stream["state"] == "stopped":
        raise SlackError("stopped_by_user")
    if stream["state"] != "open" or desk.hub.clock() - stream["since"] > STREAM_SECONDS:
        raise SlackError("message_not_in_streaming_state")
    return channel, message


def _grow(message: Json, args: Json) -> None:
    """Adds what the call carries; nothing is added when any of it is refused."""
    chunks = list(args.get("chunks") or [])
    if args.get("markdown_text"):
        chunks.append({"type": "markdown_text", "text": args["markdown_text"]})
    for chunk in chunks:
        _check(chunk)
    for chunk in chunks:
        _add(message["stream"], chunk)
    _render(message)


def _check(chunk: Any) -> None:
    """
    :raises SlackError: invalid_chunks or msg_too_long
    """
    kind = chunk.get("type") if isinstance(chunk, dict) else None
    needed = {"markdown_text": ("text",), "task_update": ("id", "title"), "plan_update": ("title",)}.get(
        str(kind)
    )
    if needed is None or any(not isinstance(chunk.get(key), str) for key in needed):
        raise SlackError("invalid_chunks")
    if kind == "markdown_text" and len(chunk["text"]) > MARKDOWN:
        raise SlackError("msg_too_long")
    if any(len(str(chunk.get(key, ""))) > CHUNK_TEXT for key in ("title", "details", "output")):
        raise SlackError("invalid_chunks")


def _add(stream: Json, chunk: Json) -> None:
    match chunk["type"]:
        case "markdown_text":
            stream["markdown"] += chunk["text"]
        case "plan_update":
            stream["title"] = chunk["title"]
        case "task_update":
            task = stream["tasks"].setdefault(chunk["id"], {"status": "pending", "details": ""})
            task.update({key: chunk[key] for key in _TASK_KEYS if key in chunk})
            # Details append, never replace.
            task["details"] += chunk.get("details", "")


def _render(message: Json) -> None:
    stream = message["stream"]
    message["text"] = stream["markdown"] or stream["title"] or "…"
    blocks: list[Json] = []
    if stream["tasks"]:
        tasks = [_task(task_id, task) for task_id, task in stream["tasks"].items()]
        blocks.append({"type": "plan", "title": stream["title"] or "Working", "tasks": tasks})
    if stream["markdown"]:
        blocks.append({"type": "markdown", "text": stream["markdown"]})
    message["blocks"] = with_block_ids(blocks)


def _task(task_id: str, task: Json) -> Json:
    card = {"type": "task_card", "task_id": task_id, "title": task["title"], "status": task["status"]}
    if not task["details"]:
        return card
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": task["details"]}]}
    return {**card, "details": {"type": "rich_text", "elements": [section]}}


METHODS: dict[str, Method] = {
    "chat.appendStream": append,
    "chat.startStream": start,
    "chat.stopStream": stop,
}
