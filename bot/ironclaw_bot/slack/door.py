"""The Slack door put together: edge or Socket Mode in front, Bolt behind, the outbox's sender beside."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp

from ironclaw.app import Ironclaw
from ironclaw.settings import Settings
from ironclaw_bot.slack.app import make_slack
from ironclaw_bot.slack.background import Background
from ironclaw_bot.slack.client import Client, web_client
from ironclaw_bot.slack.edge import SlackEdge
from ironclaw_bot.slack.homes import Homes
from ironclaw_bot.slack.outbox import SlackSender

PING = 10.0  #: Seconds between looks whether the connection of Socket Mode lives.
HANGING_UP = 1.0  #: Seconds for ending the connection of Socket Mode.


class SlackDoor:
    """Everything Slack of one bot."""

    def __init__(self, app: Ironclaw, settings: Settings, client: Client, names: Mapping[str, str]) -> None:
        """:param names: what Slack calls the workspace of a tenant that the operator gave no name"""
        self._background = Background()
        self._keeping: list[asyncio.Task[None]] = []
        self._client = client
        self._app = app
        self._homes = Homes(app, lambda team: client, names)
        self._bolt = make_slack(app, settings, client, self._background, self._homes)
        self._secret = settings.slack_signing_secret
        self._socket = _socket(self._bolt, settings)
        sender = SlackSender(lambda team: client, app, names, self._homes)
        app.speak("slack", sender, lambda: client.standing.is_good)

    def add_routes(self, site: web.Application) -> None:
        """Events over HTTP, where there is a secret to check them with."""
        if self._secret:
            site.add_routes(SlackEdge(self._bolt.async_dispatch, self._secret.get_secret_value()).routes())

    async def open(self) -> None:
        """Ask who is in the user groups that decide here; connect Socket Mode, where it is on."""
        for tenant in sorted(self._app.tenant_ids):
            await self._homes.groups.refresh(tenant)
        chores = (
            self._homes.groups.keep(),
            self._client.standing.keep(self._client, lambda: self._app.hurry("slack")),
        )
        self._keeping = [asyncio.create_task(chore) for chore in chores]
        if self._socket:
            await self._socket.start()

    async def stop_hearing(self) -> None:
        """Disconnect Socket Mode: what comes now, Slack keeps for the next connection."""
        if self._socket:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HANGING_UP):
                    await self._socket.stop()
            self._socket = None

    async def close(self) -> None:
        for chore in self._keeping:
            chore.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        await self.stop_hearing()
        await self._background.drain()


class SlackSocket:
    """Socket Mode: the same payloads over a connection that the bot opens, and that renews itself."""

    def __init__(self, bolt: AsyncApp, token: str, base_url: str) -> None:
        self._handler = AsyncSocketModeHandler(
            bolt, token, web_client=web_client(token, base_url), ping_interval=PING
        )

    async def start(self) -> None:
        """Connect; events arrive from then on."""
        await self._handler.connect_async()  # type: ignore[no-untyped-call]  # slack_bolt leaves it untyped

    async def stop(self) -> None:
        """Disconnect and let nothing run on."""
        await self._handler.close_async()  # type: ignore[no-untyped-call]  # slack_bolt leaves it untyped


def _socket(bolt: AsyncApp, settings: Settings) -> SlackSocket | None:
    token = settings.slack_app_token
    return SlackSocket(bolt, token.get_secret_value(), settings.slack_api_url) if token else None
