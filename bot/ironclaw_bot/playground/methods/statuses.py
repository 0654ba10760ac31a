"""agents.sessions.* and assistant.threads.*: what the bot says it is doing, kept as a log."""

from __future__ import annotations

from ironclaw_bot.playground.methods.desk import Desk, Method, joined_channel, need
from ironclaw_bot.playground.world import Json, SlackError, Team

SESSION_STATES = ("active", "processing", "suspended", "closed")
_STOP_EVENT = "agent_session_stopped"


def set_status(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "channel_id", "status")
    if args["status"] not in SESSION_STATES:
        messages = [f"[ERROR] status must be one of {', '.join(SESSION_STATES)}"]
        raise SlackError("invalid_arguments", response_metadata={"messages": messages})
    if len(args.get("title", "")) > 200:
        raise SlackError("invalid_arguments", response_metadata={"messages": ["[ERROR] title: over 200"]})
    _log(desk, team, "session", args, args.get("title", ""))
    if args["status"] == "processing" and _STOP_EVENT not in desk.hub.events:
        return {"warning": f"missing_{_STOP_EVENT}_event_subscription"}
    return {}


def set_thread_status(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "channel_id", "thread_ts")
    if "status" not in args:
        raise SlackError("invalid_arguments", response_metadata={"messages": ["[ERROR] status: missing"]})
    _log(desk, team, "assistant", args, "")
    return {}


def _log(desk: Desk, team: Team, kind: str, args: Json, title: str) -> None:
    """Adds to the log; only the last of each kind in a thread is shown."""
    channel = joined_channel(team, args["channel_id"])
    place = {"kind": kind, "channel": channel.id, "thread_ts": args.get("thread_ts", "")}
    for status in team.statuses:
        if place.items() <= status.items():
            status["shown"] = False
    shown = bool(args["status"]) and (kind == "assistant" or args["status"] != "closed")
    entry = {**place, "status": args["status"], "title": title, "at": desk.hub.clock(), "shown": shown}
    team.statuses.append(entry)
    desk.postbox.changed(team, channel)


METHODS: dict[str, Method] = {
    "agents.sessions.setStatus": set_status,
    "assistant.threads.setStatus": set_thread_status,
}
