"""The Slack door over HTTP: what has to hold before Bolt sees a byte.

Bolt alone answers 500 to odd headers, parses before it verifies, takes a replay for a new request and
logs what it refuses.  So everything is checked here, on the raw bytes, and
Bolt's own verification is off.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import structlog
from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

PATH = "/slack/events"
MAX_BYTES = 256 * 1024
MAX_DEPTH = 64  #: Of JSON; Slack's own blocks reach about ten.
WINDOW = 300  #: Seconds a timestamp may be off, either way.
READ_SECONDS = 10.0

_TIMESTAMP = re.compile(r"[0-9]{9,11}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"

Dispatch = Callable[[AsyncBoltRequest], Awaitable[BoltResponse]]
log = structlog.get_logger(__name__)


class TurnedAway(Exception):
    """The request goes no further.

    :ivar status: of the HTTP answer
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Replays:
    """The (timestamp, signature) pairs that were let in, for as long as their timestamps are good."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._until: OrderedDict[tuple[str, str], float] = OrderedDict()

    def is_new(self, key: tuple[str, str], now: float) -> bool:
        """True the first time; the oldest are forgotten when there are too many."""
        while self._until and (next(iter(self._until.values())) < now or len(self._until) >= self._most):
            self._until.popitem(last=False)
        if key in self._until:
            return False
        # A timestamp may lie in the future by the window, and stays good for another one.
        self._until[key] = now + 2 * WINDOW + 1
        return True

    def forget(self, key: tuple[str, str]) -> None:
        """It came to nothing: the same delivery may come again."""
        self._until.pop(key, None)


class SlackEdge:
    """The aiohttp handler of everything that Slack sends over HTTP.

    :param dispatch: takes what was let in, such as ``AsyncApp.async_dispatch``
    :param clock: unix seconds
    """

    def __init__(
        self, dispatch: Dispatch, signing_secret: str, clock: Callable[[], float] = time.time
    ) -> None:
        if not signing_secret.strip():
            raise ValueError("the signing secret must not be empty")
        self._dispatch = dispatch
        self._secret = signing_secret.encode()
        self._clock = clock
        self._replays = Replays()

    def routes(self) -> list[web.RouteDef]:
        """For ``Application.add_routes``."""
        return [web.post(PATH, self.handle)]

    async def handle(self, request: web.Request) -> web.Response:
        """Let a request in, or turn it away; only a failure behind the door gives a 5xx."""
        try:
            return await self._admit(request)
        except TurnedAway as reason:
            log.info("slack_turned_away", status=reason.status, reason=str(reason))
            response = web.json_response({"error": str(reason)}, status=reason.status)
            response.force_close()  # An unread body would otherwise be taken for the next request.
            return response

    async def _admit(self, request: web.Request) -> web.Response:
        body = await _read(request)
        if _is_ssl_check(request, body):
            return web.Response()
        key = self._verify(request, body)
        bolt_request = _parse(request, body)
        if not self._replays.is_new(key, self._clock()):
            log.info("slack_replay")
            return web.Response()
        response = await self._dispatch(bolt_request)
        if response.status >= 500:
            self._replays.forget(key)
        return await to_aiohttp_response(response)

    def _verify(self, request: web.Request, body: bytes) -> tuple[str, str]:
        """:return: the (timestamp, signature) of a genuine request"""
        timestamp = _only(request, "X-Slack-Request-Timestamp", _TIMESTAMP)
        signature = _only(request, "X-Slack-Signature", _SIGNATURE)
        if abs(self._clock() - int(timestamp)) > WINDOW:
            raise TurnedAway(401, "the timestamp is too far from now")
        signed = b"v0:" + timestamp.encode() + b":" + body
        expected = "v0=" + hmac.new(self._secret, signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, signature):
            raise TurnedAway(401, "the signature does not fit the body")
        return timestamp, signature


def _only(request: web.Request, name: str, form: re.Pattern[str]) -> str:
    """The one header of a name, in the one form that Slack uses."""
    values = request.headers.getall(name, [])
    if len(values) != 1:
        raise TurnedAway(401, f"there must be exactly one {name}")
    if not form.fullmatch(values[0]):
        raise TurnedAway(401, f"{name} is not of the form that Slack sends")
    return values[0]


async def _read(request: web.Request) -> bytes:
    """The raw body, never holding more than the cap."""
    if "Content-Encoding" in request.headers:
        raise TurnedAway(415, "a compressed body is not taken")
    if (request.content_length or 0) > MAX_BYTES:
        raise TurnedAway(413, "the body is too large")
    body = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for piece in request.content.iter_any():
                body += piece
                if len(body) > MAX_BYTES:
                    raise TurnedAway(413, "the body is too large")
    except TimeoutError:
        raise TurnedAway(408, "the body did not come in time") from None
    except (ClientPayloadError, HttpProcessingError, OSError):
        raise TurnedAway(400, "the body did not come whole") from None
    return bytes(body)


def _is_ssl_check(request: web.Request, body: bytes) -> bool:
    """Slack's probe of the certificate: unsigned, and nothing but the probe."""
    if "X-Slack-Signature" in request.headers or not body.startswith(b"ssl_check=1"):
        return False
    pairs = parse_qsl(body[:1024].decode("ascii", "replace"), keep_blank_values=True)
    names = [name for name, _ in pairs]
    return len(body) <= 1024 and sorted(names) in (["ssl_check"], ["ssl_check", "token"])


def _parse(request: web.Request, body: bytes) -> AsyncBoltRequest:
    """What Bolt gets: a text that was read here first, and of the headers only the type.

    Bolt takes orders from some headers, and headers are not signed.
    """
    kind = request.content_type
    if (request.charset or "utf-8").lower().replace("_", "-") not in ("utf-8", "utf8"):
        raise TurnedAway(415, "the body must be UTF-8")
    if kind not in (_JSON, _FORM):
        raise TurnedAway(415, f"the body must be {_JSON} or {_FORM}")
    try:
        text = body.decode()
        _check_shape(json.loads(text) if kind == _JSON else _form(text))
        return AsyncBoltRequest(body=text, headers={"content-type": kind})
    # Whatever Bolt trips over while it looks for the ids is a payload that Slack never sends.
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
        raise TurnedAway(400, "the body is not a payload of Slack's") from None


def _form(text: str) -> Any:
    """A form's JSON payload, or the form itself (a slash command)."""
    pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=50)
    form = dict(pairs)
    if len(form) != len(pairs):
        raise ValueError("a name comes twice")
    if "payload" not in form and "command" not in form:
        raise ValueError("neither an interaction nor a command")
    return json.loads(form["payload"]) if "payload" in form else form


def _check_shape(payload: Any) -> None:
    """:raises ValueError: not an object, no object where Bolt expects one, or too deep"""
    if not isinstance(payload, dict) or not isinstance(payload.get("event", {}), dict):
        raise ValueError("not an object")
    layer: list[Any] = [payload]
    for _ in range(MAX_DEPTH):
        layer = [inner for value in layer for inner in _inside(value)]
        if not layer:
            return
    raise ValueError("too deep")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
