"""The control API under `/_/`: people's hands over JSON, for the page, for tests, for plugin authors.

Every write is a POST of a JSON object and answers `{"ok": true, ...}`, or `{"ok": false, "error": ...}`
with 400. `team` may be left out and is then the primary workspace.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from ironclaw_bot.playground.hub import Hub
from ironclaw_bot.playground.modals import Modals
from ironclaw_bot.playground.people import People
from ironclaw_bot.playground.seed import PRIMARY
from ironclaw_bot.playground.world import Json, SlackError, Team

KEEPALIVE_SECONDS = 15.0
Action = Callable[..., Json | Awaitable[Json | None] | None]


class Control:
    def __init__(self, hub: Hub, people: People, modals: Modals, machine: dict[str, Action]) -> None:
        """
        :param machine: further actions of the playground itself, such as reset
        """
        self._hub = hub
        self._actions: dict[str, Action] = {
            "say": people.say,
            "edit": people.edit,
            "delete": people.delete,
            "invite": people.invite,
            "command": people.command,
            "click": people.click,
            "view/click": people.click_in_view,
            "view/submit": modals.submit,
            "view/close": modals.close,
            "home": people.open_home,
            "stop": people.stop_session,
            "uninstall": people.uninstall,
            "fault": self._hub.faults.add,
            **machine,
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_/state", self._state),
            web.get("/_/journal", self._journal),
            web.get("/_/feed", self._feed),
            web.post("/_/{action:.+}", self._act),
        ]

    async def _act(self, request: web.Request) -> web.Response:
        action = self._actions.get(request.match_info["action"])
        if action is None:
            return _refused("unknown_action", f"one of {', '.join(sorted(self._actions))}", 404)
        try:
            args = await _arguments(request, action)
            found = action(**args)
            answer = await found if inspect.isawaitable(found) else found
        except SlackError as error:
            return _refused(error.code, json.dumps(error.extra))
        except (TypeError, ValueError) as error:
            return _refused("invalid_arguments", str(error))
        return web.json_response({"ok": True, "result": answer})

    async def _state(self, request: web.Request) -> web.Response:
        try:
            team = self._hub.world.team(request.query.get("team", PRIMARY))
            viewer = team.user(request.query["user"])["id"] if "user" in request.query else ""
        except SlackError as error:
            return _refused(error.code, "")
        teams = [{"id": one.id, "name": one.name} for one in self._hub.world.teams.values()]
        return web.json_response(
            {"ok": True, "teams": teams, "labels": self._hub.labels, **state_of_team(team, viewer)}
        )

    async def _journal(self, request: web.Request) -> web.Response:
        since = request.query.get("since", "0")
        if not since.isdecimal():
            return _refused("invalid_arguments", "since must be a number")
        entries = [entry for entry in self._hub.journal if entry["seq"] > int(since)]
        return web.json_response({"ok": True, "entries": entries})

    async def _feed(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: what changed, as it changes."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        queue = self._hub.feed.listen()
        try:
            await response.prepare(request)
            await response.write(b": hello\n\n")
            while True:
                await response.write(await _next_event(queue))
        except ConnectionError:
            return response
        finally:
            self._hub.feed.leave(queue)


async def _next_event(queue: asyncio.Queue[Json]) -> bytes:
    """The next change, or after a while a comment that keeps the connection open."""
    try:
        async with asyncio.timeout(KEEPALIVE_SECONDS):
            change = await queue.get()
    except TimeoutError:
        return b": still here\n\n"
    return f"data: {json.dumps(change)}\n\n".encode()


async def _arguments(request: web.Request, action: Action) -> Json:
    """
    :raises ValueError: for a body that is no JSON object, or arguments that the action does not take
    """
    if request.content_type != "application/json":
        raise ValueError("send a JSON object with Content-Type: application/json")
    args: Any = json.loads(await request.text() or "{}")
    if not isinstance(args, dict):
        raise ValueError("send a JSON object")
    inspect.signature(action).bind(**args)
    return args


def _refused(code: str, detail: str, status: int = 400) -> web.Response:
    return web.json_response({"ok": False, "error": code, "detail": detail}, status=status)


def state_of_team(team: Team, viewer: str) -> Json:
    """All that is to be seen in a workspace: by everybody (`viewer` is "") or on one person's screen."""
    channels = [
        {
            "id": channel.id,
            "name": channel.name,
            "kind": channel.kind,
            "user": channel.user,
            "members": channel.members,
            "messages": channel.messages,
            "ephemerals": [one for one in channel.ephemerals if viewer in ("", one["to"])],
        }
        for channel in team.channels.values()
        if not viewer or viewer in channel.members
    ]
    return {
        "team": {"id": team.id, "name": team.name, "bot_user": team.bot_user, "revoked": team.revoked},
        "users": list(team.users.values()),
        "channels": channels,
        "views": [
            team.views[one] for who, stack in team.stacks.items() if viewer in ("", who) for one in stack
        ],
        "homes": {who: home for who, home in team.homes.items() if viewer in ("", who)},
        "statuses": team.statuses,
    }
