"""Deliveries over Socket Mode: each envelope to one WebSocket, acknowledged by its id."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
import uuid
from typing import Any

from aiohttp import WSMsgType, web

from ironclaw_bot.playground.delivery import Ack, Envelope
from ironclaw_bot.playground.hub import Hub
from ironclaw_bot.playground.world import Json, SlackError

MOST_CONNECTIONS = 10
PATH = "/link/"


class SocketTransport:
    """The server's end of Socket Mode.

    :ivar connections: the open WebSockets, the one to be used next first
    """

    def __init__(self, hub: Hub, app_id: str, ack_seconds: float) -> None:
        self._hub = hub
        self._app_id = app_id
        self._ack_seconds = ack_seconds
        self._tickets: set[str] = set()
        self._waiting: dict[str, asyncio.Future[Json]] = {}
        self.connections: list[web.WebSocketResponse] = []

    def open_socket(self) -> str:
        """A one-time address for one connection.

        :raises SlackError: too_many_websockets
        """
        if len(self.connections) >= MOST_CONNECTIONS:
            raise SlackError("too_many_websockets")
        ticket = secrets.token_urlsafe(24)
        self._tickets.add(ticket)
        return f"{self._hub.url.replace('http', 'ws', 1)}{PATH}?ticket={ticket}&app_id={self._app_id}"

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """One connection, for as long as it lasts."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            raise web.HTTPForbidden(text="this address was used, or never given out")
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.connections.append(socket)
        self._note("connected")
        try:
            await socket.send_json(self._hello())
            await self._listen(socket)
        finally:
            if socket in self.connections:
                self.connections.remove(socket)
            self._note("disconnected")
        return socket

    def _note(self, event: str) -> None:
        self._hub.note("socket", event=event, connections=len(self.connections))
        self._hub.feed.publish("socket", event=event)

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.connections),
            "connection_info": {"app_id": self._app_id},
            "debug_info": {"host": "playground", "approximate_connection_time": 18060},
        }

    async def _listen(self, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self._acknowledge(message.data)

    def _acknowledge(self, text: str) -> None:
        """Anything that is no ack of a waiting envelope is ignored, as Slack does."""
        try:
            ack: Any = json.loads(text)
        except ValueError:
            return
        if not isinstance(ack, dict):
            return
        waiting = self._waiting.get(str(ack.get("envelope_id")))
        if waiting is not None and not waiting.done():
            payload = ack.get("payload")
            waiting.set_result(payload if isinstance(payload, dict) else {})

    async def send(self, envelope: Envelope, fault: str) -> Ack:
        if not self.connections:
            return Ack(0, reason="connection_failed")
        socket = self.connections.pop(0)
        self.connections.append(socket)
        started = time.monotonic()
        ack = await self._exchange(socket, envelope)
        return Ack(ack.status, ack.body, ack.reason, ack.final, (time.monotonic() - started) * 1000)

    async def _exchange(self, socket: web.WebSocketResponse, envelope: Envelope) -> Ack:
        envelope_id = str(uuid.uuid4())
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = waiting
        try:
            async with asyncio.timeout(self._ack_seconds):
                await socket.send_json(_wire(envelope, envelope_id))
                return Ack(200, await waiting)
        except TimeoutError:
            return Ack(0, reason="http_timeout")
        except (ConnectionError, RuntimeError):  # closed between the choice and the write
            return Ack(0, reason="connection_failed")
        finally:
            del self._waiting[envelope_id]

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Slack asks every client to connect again."""
        for socket in list(self.connections):
            self.connections.remove(socket)
            await socket.send_json(
                {"type": "disconnect", "reason": reason, "debug_info": {"host": "playground"}}
            )
            await socket.close()

    async def close(self) -> None:
        for socket in list(self.connections):
            await socket.close()


def _wire(envelope: Envelope, envelope_id: str) -> Json:
    wire: Json = {
        "envelope_id": envelope_id,
        "type": envelope.kind,
        "payload": envelope.payload,
        "accepts_response_payload": envelope.kind != "events_api",
    }
    if envelope.kind == "events_api":
        wire |= {"retry_attempt": envelope.retry_num, "retry_reason": envelope.retry_reason}
    return wire
