"""`POST /response/{team}/{key}`: where a bot answers an interaction later."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ironclaw_bot.playground.hub import Hub, ResponseUrl
from ironclaw_bot.playground.posting import Postbox, check_message
from ironclaw_bot.playground.webapi import read_args
from ironclaw_bot.playground.world import Channel, Json, SlackError, Team


class ResponseUrls:
    def __init__(self, hub: Hub, postbox: Postbox) -> None:
        self._hub = hub
        self._postbox = postbox

    async def handle(self, request: web.Request) -> web.Response:
        content: Json = {}
        answer: Json = {"ok": True}
        status = 200
        try:
            content = await read_args(request)
            team = self._hub.world.team(request.match_info["team"])
            right = self._hub.use_response_url(team.id, request.match_info["key"])
            self._write(team, right, content)
        except SlackError as error:
            status = 404 if error.code.endswith("_url") else 400
            answer = {"ok": False, "error": error.code, **error.extra}
        self._hub.note("response_url", content=content, status=status, answer=answer)
        return web.json_response(answer, status=status) if status != 200 else web.Response(text="ok")

    def _write(self, team: Team, right: ResponseUrl, content: Json) -> None:
        channel = team.channels[right.channel]
        if content.get("delete_original"):
            self._delete(team, channel, right)
            return
        check_message(content, posted=False)
        if content.get("replace_original"):
            self._replace(team, channel, right, content)
        elif content.get("response_type") == "in_channel":
            self._postbox.post(
                team, channel, self._postbox.bot_message(team, content), content.get("thread_ts", "")
            )
        else:
            thread = {"thread_ts": content.get("thread_ts") or right.thread_ts}
            self._postbox.whisper(team, channel, right.user, {**content, **thread})

    def _original(self, channel: Channel, right: ResponseUrl) -> tuple[Any, bool]:
        """The message that was clicked, and whether it is ephemeral."""
        if not right.message_ts:
            raise SlackError("message_not_found")
        whisper = channel.ephemeral(right.message_ts)
        return (whisper, True) if whisper else (channel.message(right.message_ts), False)

    def _delete(self, team: Team, channel: Channel, right: ResponseUrl) -> None:
        message, hidden = self._original(channel, right)
        if hidden:
            channel.ephemerals.remove(message)
            self._postbox.changed(team, channel)
        else:
            self._postbox.remove(team, channel, message["ts"])

    def _replace(self, team: Team, channel: Channel, right: ResponseUrl, content: Json) -> None:
        message, hidden = self._original(channel, right)
        if hidden:
            fresh = self._postbox.bot_message(team, content)
            message.update(text=fresh["text"], blocks=fresh["blocks"])
            self._postbox.changed(team, channel)
        else:
            self._postbox.replace(team, channel, message["ts"], {"blocks": [], **content})
