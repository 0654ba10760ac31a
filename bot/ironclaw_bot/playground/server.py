"""The playground put together: one server on loopback, one constructor, one page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from aiohttp import web

from ironclaw_bot.playground.control import Action, Control
from ironclaw_bot.playground.delivery import Ack, Courier, Envelope
from ironclaw_bot.playground.guard import guard, is_loopback
from ironclaw_bot.playground.http_transport import HttpTransport
from ironclaw_bot.playground.hub import Hub
from ironclaw_bot.playground.methods import Desk
from ironclaw_bot.playground.modals import Modals
from ironclaw_bot.playground.page import page_routes
from ironclaw_bot.playground.people import People
from ironclaw_bot.playground.posting import Postbox
from ironclaw_bot.playground.response_urls import ResponseUrls
from ironclaw_bot.playground.seed import DEFAULT_EVENTS, DEFAULT_SCOPES, PRIMARY, SECOND, both_teams
from ironclaw_bot.playground.snapshot import Snapshot
from ironclaw_bot.playground.socket_transport import PATH, SocketTransport
from ironclaw_bot.playground.webapi import WebApi
from ironclaw_bot.playground.world import Json, World

ACK_SECONDS = 3.0
RETRY_DELAYS = (0.0, 60.0, 300.0)
MOST_BYTES = 1024 * 1024
T = TypeVar("T")


class _Route:
    """HTTP when there is a request url, Socket Mode when there is none."""

    def __init__(self, http: HttpTransport, socket: SocketTransport) -> None:
        self._http = http
        self._socket = socket

    async def send(self, envelope: Envelope, fault: str) -> Ack:
        transport = self._http if self._http.request_url else self._socket
        return await transport.send(envelope, fault)


class Playground:
    """A Slack workspace on this machine.

    Point a client at it with `AsyncWebClient(token, base_url=playground.url + "/api/")`.

    :ivar people: what a person does (say, command, click, open_home, ...)
    :ivar modals: submitting and closing modals
    :ivar world: teams, channels, messages
    :ivar hub: journal, faults, live feed
    :ivar sockets: the Socket Mode connections
    """

    def __init__(
        self,
        *,
        signing_secret: str,
        bot_token: str,
        second_bot_token: str | None = None,
        app_token: str | None = None,
        request_url: str | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        snapshot: Path | None = None,
        scopes: frozenset[str] = DEFAULT_SCOPES,
        events: frozenset[str] = DEFAULT_EVENTS,
        ack_seconds: float = ACK_SECONDS,
        retry_delays: Sequence[float] = RETRY_DELAYS,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """
        :param bot_token: of the primary workspace, T0001 Acme
        :param second_bot_token: of the second workspace, T0002 Globex; None: nobody can call it
        :param request_url: where signed HTTP deliveries go; None: deliveries go over Socket Mode
        :param clock: unix seconds
        :param labels: by user id, a word that the page shows beside the person, such as what they do
        :param snapshot: a file that keeps the world over a restart; None: memory only
        """
        tokens = {PRIMARY: bot_token} | ({SECOND: second_bot_token} if second_bot_token else {})
        self.world = World(clock, both_teams())
        self.hub = Hub(self.world, clock, sleep, tokens, app_token, scopes, events, dict(labels or {}))
        self.http = HttpTransport(self.hub, signing_secret, request_url or "", ack_seconds)
        self.sockets = SocketTransport(self.hub, self.world.team(PRIMARY).app_id, ack_seconds)
        self.courier = Courier(self.hub, _Route(self.http, self.sockets), retry_delays)
        self._postbox = Postbox(self.hub, self.courier)
        self._desk = Desk(self.hub, self._postbox, self.sockets.open_socket)
        self.people = People(self.hub, self.courier, self._postbox)
        self.modals = Modals(self.hub, self.courier, self._desk)
        self._snapshot = Snapshot(self.hub, snapshot) if snapshot else None
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`, once started."""
        return self.hub.url

    @property
    def journal(self) -> list[Json]:
        """Every Web API call, delivery and socket event, oldest first."""
        return list(self.hub.journal)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Serves until `stop`.

        :return: the base url
        :raises ValueError: for a host that is not loopback, or a broken snapshot
        :raises OSError: when the port is taken
        """
        if not is_loopback(host):
            raise ValueError(f"the playground trusts whoever reaches it and serves loopback only, not {host}")
        if self._snapshot is not None:
            self._snapshot.load()
            self._snapshot.start()
        # A browser's live feed never ends by itself, so a stop does not wait for it.
        self._runner = web.AppRunner(self._app(), shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        name = f"[{host}]" if ":" in host else host
        self.hub.url = f"http://{name}:{self._runner.addresses[0][1]}"
        return self.hub.url

    async def stop(self) -> None:
        await self.courier.stop()
        await self.sockets.close()
        await self.http.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._snapshot is not None:
            await self._snapshot.stop()

    def send_to(self, request_url: str | None) -> None:
        """Deliver here from now on; None: over Socket Mode."""
        self.http.request_url = request_url or ""

    def reset(self) -> None:
        """The first morning again: no messages, no views, no faults, an empty journal."""
        self.world.teams = both_teams()
        self.hub.faults.clear()
        self.hub.journal.clear()
        self.hub.forget_rights()
        self.hub.feed.publish("changed", team="", channel="")

    async def wait_for(self, look: Callable[[], T | None], seconds: float = 10.0) -> T:
        """What `look` finds, as soon as it finds something; it looks again after every change.

        :raises TimeoutError: when it found nothing in time
        """
        queue = self.hub.feed.listen()
        try:
            async with asyncio.timeout(seconds):
                while not (found := look()):
                    await queue.get()
                return found
        finally:
            self.hub.feed.leave(queue)

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[guard], client_max_size=MOST_BYTES)
        machine: dict[str, Action] = {
            "reset": self.reset,
            "transport": self.send_to,
            "verify": self._verify,
            "disconnect": self.sockets.disconnect,
        }
        api = WebApi(self.hub, self._desk)
        app.router.add_route("*", "/api/{method}", api.handle)
        app.router.add_post("/response/{team}/{key}", ResponseUrls(self.hub, self._postbox).handle)
        app.router.add_get(PATH, self.sockets.handle)
        app.add_routes(Control(self.hub, self.people, self.modals, machine).routes())
        app.add_routes(page_routes())
        return app

    async def _verify(self) -> Json:
        return {"verified": await self.http.verify()}
