"""The Web API over HTTP: reads a call however it was written, checks the token, answers as Slack does."""

from __future__ import annotations

import asyncio
import hmac
import json
from typing import Any

from aiohttp import web

from ironclaw_bot.playground.hub import Hub
from ironclaw_bot.playground.methods import METHODS, Desk
from ironclaw_bot.playground.posting import decoded
from ironclaw_bot.playground.seed import PRIMARY
from ironclaw_bot.playground.world import Json, SlackError, Team
from ironclaw_bot.slack.rules.scopes import METHODS as SCOPES

_JSON_FIELDS = ("blocks", "chunks", "view", "metadata", "attachments", "loading_messages")
_APP_METHODS = ("apps.connections.open",)
_FLAGS = ("unfurl_links", "unfurl_media", "mrkdwn", "reply_broadcast", "link_names")


async def read_args(request: web.Request) -> Json:
    """Query, form and JSON alike; later ones win.

    :raises SlackError: invalid_json or json_not_object
    """
    args: Json = dict(request.query)
    if request.content_type == "application/json":
        args |= await _json_body(request)
    elif request.method == "POST":
        args |= {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    for field in _JSON_FIELDS:
        if field in args:
            args[field] = decoded(args[field])
    for field in _FLAGS:
        if isinstance(args.get(field), str):
            args[field] = args[field] in ("true", "1")
    return args


async def _json_body(request: web.Request) -> Json:
    text = await request.text()
    try:
        body: Any = json.loads(text) if text else {}
    except ValueError:
        raise SlackError("invalid_json") from None
    if not isinstance(body, dict):
        raise SlackError("json_not_object")
    return body


class WebApi:
    """`POST /api/{method}`"""

    def __init__(self, hub: Hub, desk: Desk) -> None:
        self._hub = hub
        self._desk = desk

    async def handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        fault = self._hub.faults.take("api", method)
        if fault is None:
            return await self._answer(request, method)
        return await self._faulty(request, method, fault)

    async def _answer(self, request: web.Request, method: str) -> web.Response:
        args: Json = {}
        team: Team | None = None
        try:
            args = await read_args(request)
            team = self._team(request, args, method)
            self._check_scope(method)
            answer = {"ok": True, **METHODS[method](self._desk, team, args)}
        except SlackError as error:
            answer = {"ok": False, "error": error.code, **error.extra}
        self._note(method, team, args, 200, answer)
        return web.json_response(answer, headers={"X-OAuth-Scopes": ",".join(sorted(self._hub.scopes))})

    def _team(self, request: web.Request, args: Json, method: str) -> Team:
        """Whose token it is.

        :raises SlackError: not_authed, invalid_auth, not_allowed_token_type, token_revoked, unknown_method
        """
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        written = args.pop("token", "")
        token = bearer if scheme.lower() == "bearer" else written
        if not token:
            raise SlackError("not_authed")
        is_app = self._hub.app_token is not None and hmac.compare_digest(
            token.encode(), self._hub.app_token.encode()
        )
        team_id = PRIMARY if is_app else self._bot_team(token)
        if method not in METHODS:
            raise SlackError("unknown_method", req_method=method)
        if is_app != (method in _APP_METHODS):
            raise SlackError("not_allowed_token_type")
        team = self._hub.world.team(team_id)
        if team.revoked and not is_app:
            raise SlackError("token_revoked")
        return team

    def _bot_team(self, token: str) -> str:
        for team_id, known in self._hub.bot_tokens.items():
            if hmac.compare_digest(token.encode(), known.encode()):
                return team_id
        raise SlackError("invalid_auth")

    def _check_scope(self, method: str) -> None:
        """
        :raises SlackError: missing_scope
        """
        needed = SCOPES.get(method, ())
        granted = self._hub.scopes | {"connections:write"}
        if needed and not granted & set(needed):
            provided = ",".join(sorted(self._hub.scopes))
            raise SlackError("missing_scope", needed=",".join(needed), provided=provided)

    async def _faulty(self, request: web.Request, method: str, fault: Json) -> web.StreamResponse:
        """The ordered trouble; only `lost_answer` still does what was asked."""
        match fault["do"]:
            case "ratelimited":
                return self._refuse(method, 429, "ratelimited", {"Retry-After": str(fault.get("seconds", 1))})
            case "error500":
                return self._refuse(method, 500, "internal_error", {})
            case "error":
                return self._refuse(method, 200, fault.get("code", "fatal_error"), {})
            case "timeout":
                self._note(method, None, {}, 0, {"fault": "timeout"})
                await asyncio.sleep(fault.get("seconds", 60))
            case _:
                await self._answer(request, method)
        return hang_up(request)

    def _refuse(self, method: str, status: int, code: str, headers: dict[str, str]) -> web.Response:
        answer = {"ok": False, "error": code}
        self._note(method, None, {}, status, {**answer, "fault": True})
        return web.json_response(answer, status=status, headers=headers)

    def _note(self, method: str, team: Team | None, args: Json, status: int, answer: Json) -> None:
        team_id = team.id if team else ""
        self._hub.note("api", method=method, team=team_id, args=args, status=status, answer=answer)
        self._hub.feed.publish("api", method=method)


def hang_up(request: web.Request) -> web.Response:
    """Cuts the connection, so that the caller never learns what happened."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
