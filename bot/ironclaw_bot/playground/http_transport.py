"""Deliveries over signed HTTP, as Slack's Events API and interactivity send them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

import aiohttp

from ironclaw_bot.playground.delivery import Ack, Envelope
from ironclaw_bot.playground.hub import Hub
from ironclaw_bot.playground.world import Json

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
STALE_SECONDS = 400


def encode(envelope: Envelope) -> tuple[bytes, str]:
    """The body and its content type: events as JSON, the rest as forms."""
    if envelope.kind == "events_api":
        return json.dumps(envelope.payload).encode(), JSON
    if envelope.kind == "slash_commands":
        return urlencode(envelope.payload).encode(), FORM
    return urlencode({"payload": json.dumps(envelope.payload)}).encode(), FORM


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Slack's v0 signature."""
    base = b"v0:%d:%s" % (timestamp, body)
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class HttpTransport:
    """Posts to the app's request url.

    :ivar request_url: where events, commands and interactions go; may be changed at any time
    """

    def __init__(self, hub: Hub, signing_secret: str, request_url: str, ack_seconds: float) -> None:
        self._hub = hub
        self._secret = signing_secret
        self._ack_seconds = ack_seconds
        self._session: aiohttp.ClientSession | None = None
        self.request_url = request_url

    async def send(self, envelope: Envelope, fault: str) -> Ack:
        body, content_type = encode(envelope)
        headers = self._headers(envelope, body, content_type, fault)
        return await self._post(body, headers)

    async def verify(self) -> bool:
        """Slack's url_verification handshake: the bot must send the challenge back."""
        challenge = hashlib.sha256(str(self._hub.clock()).encode()).hexdigest()
        payload = {"token": "playground", "type": "url_verification", "challenge": challenge}
        ack = await self.send(Envelope("events_api", "url_verification", payload), "")
        self._hub.note("verification", status=ack.status, reason=ack.reason)
        return ack.ok and challenge in (ack.body.get("challenge"), ack.body.get("text"))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _headers(self, envelope: Envelope, body: bytes, content_type: str, fault: str) -> dict[str, str]:
        timestamp = int(self._hub.clock()) - (STALE_SECONDS if fault == "stale" else 0)
        secret = self._secret + ("-wrong" if fault == "bad_signature" else "")
        headers = {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (playground)",
            "X-Slack-Request-Timestamp": str(timestamp),
            "X-Slack-Signature": sign(secret, timestamp, body),
        }
        if envelope.retry_num:
            headers["X-Slack-Retry-Num"] = str(envelope.retry_num)
            headers["X-Slack-Retry-Reason"] = envelope.retry_reason
        return headers

    async def _post(self, body: bytes, headers: dict[str, str]) -> Ack:
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._ack_seconds):
                ack = await self._exchange(body, headers)
        except TimeoutError:
            ack = Ack(0, reason="http_timeout")
        except aiohttp.ClientError:
            ack = Ack(0, reason="connection_failed")
        took = (time.monotonic() - started) * 1000
        return Ack(ack.status, ack.body, ack.reason, ack.final, took)

    async def _exchange(self, body: bytes, headers: dict[str, str]) -> Ack:
        async with self._opened().post(
            self.request_url, data=body, headers=headers, allow_redirects=False
        ) as response:
            text = await response.text()
            reason = "" if 200 <= response.status < 300 else "http_error"
            final = response.headers.get("X-Slack-No-Retry") == "1"
            return Ack(response.status, parse_answer(text), reason, final)

    def _opened(self) -> aiohttp.ClientSession:
        """Made on first use, because a session belongs to the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False)
        return self._session


def parse_answer(text: str) -> Json:
    """A JSON object as it is; other text as Slack reads it, `{"text": ...}`; nothing as nothing."""
    if not text.strip():
        return {}
    try:
        answer: Any = json.loads(text)
    except ValueError:
        return {"text": text}
    return answer if isinstance(answer, dict) else {"text": text}
