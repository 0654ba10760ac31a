"""Signed Slack requests, as bytes on loopback, at the real door: edge, then Bolt, then an engine in memory.

Each vector gets a door of its own.  A vector says what it sends; what it leaves open is filled in so:
the content type is the body's kind, and a vector about retry headers, which names no signature, is signed.
The file's ``webhook_hmac`` names cases without bytes, for generic webhooks: not this door's, not driven.
"""

from __future__ import annotations

import ast
import asyncio
import gzip
import hashlib
import hmac
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from aiohttp import web
from pydantic import SecretStr
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from ironclaw_bot.slack.app import make_slack
from ironclaw_bot.slack.edge import PATH, SlackEdge
from tests.fakes.approvals import settings
from tests.fakes.memory_engine import MemoryEngine
from tests.fakes.wire import HOST, Reply, ask, parse, served

FILE = "slack_signature_vectors.json"
_REPEATED = re.compile(r"\{\{('(?:[^'\\]|\\.)+') \* (\d+)\}\}")


async def cases(data: dict[str, Any]) -> AsyncIterator[tuple[str, str | None]]:
    """One outcome for each vector."""
    for vector in data["vectors"]:
        yield vector["id"], await _problem(vector, data["signing_secret"], float(data["clock"]))


class Door:
    """The whole Slack door on a port, with a clock that stands still.

    :ivar effects: how many requests reached Bolt
    """

    def __init__(self, secret: str, now: float) -> None:
        self.effects = 0
        self.now = now
        configuration = settings(slack_signing_secret=SecretStr(secret))
        self._bolt = make_slack(MemoryEngine(configuration), configuration, AsyncWebClient())
        self.site = web.Application()
        self.site.add_routes(SlackEdge(self._dispatch, secret, lambda: self.now).routes())

    async def _dispatch(self, request: AsyncBoltRequest) -> BoltResponse:
        self.effects += 1
        return await self._bolt.async_dispatch(request)


async def _problem(vector: dict[str, Any], secret: str, now: float) -> str | None:
    door = Door(secret, now)
    body = _body(vector["body"])
    headers = _headers(vector, body, secret, int(now))
    with _logs() as lines:
        async with served(door.site) as port:
            if vector["expect"] == "200 but no second effect":
                await ask(port, "POST", PATH, headers, body)
                door.now += 1
            reply = await _send(port, vector, headers, body)
    return (
        _wrong_status(vector["expect"], reply.status)
        or _wrong_effects(vector["expect"], reply.status, door.effects)
        or _leak(reply, lines, headers, body)
    )


async def _send(port: int, vector: dict[str, Any], headers: list[tuple[str, str]], body: bytes) -> Reply:
    if "before buffering" not in str(vector["expect"]):
        return await ask(port, "POST", PATH, headers, body)
    # The body comes after the answer, which shows that nobody waited for it.
    lines = [f"POST {PATH} HTTP/1.1", "Host: door.test", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write(body)
    await reader.read()
    writer.close()
    return parse(head)


def _body(text: str) -> bytes:
    if text == "{{gzip bomb}}":
        return gzip.compress(b"a" * 50_000_000)
    found = _REPEATED.fullmatch(text)
    return (ast.literal_eval(found[1]) * int(found[2]) if found else text).encode()


def _headers(vector: dict[str, Any], body: bytes, secret: str, now: int) -> list[tuple[str, str]]:
    given = [(name, value) for name, values in vector["headers"].items() for value in values]
    names = {name for name, _ in given}
    if "Content-Type" not in names:
        is_json = body[:1] in (b"{", b"[")
        given.append(("Content-Type", "application/json" if is_json else "application/x-www-form-urlencoded"))
    if "X-Slack-Retry-Num" in names and "X-Slack-Signature" not in names:
        given += [("X-Slack-Request-Timestamp", str(now)), ("X-Slack-Signature", sign(body, secret, now))]
    if "in logs" in str(vector["expect"]):
        return [(name, value[:-1] + "0" if name == "X-Slack-Signature" else value) for name, value in given]
    return given


def sign(body: bytes, secret: str, timestamp: int) -> str:
    """Slack's signature of a body."""
    base = b"v0:%d:%s" % (timestamp, body)
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def _wrong_status(expect: Any, status: int) -> str | None:
    wanted = "401" if "in logs" in str(expect) else str(expect)[:3]
    fits = 400 <= status < 500 if wanted == "4xx" else str(status) == wanted
    return None if fits else f"{status} in place of {expect}"


def _wrong_effects(expect: Any, status: int, effects: int) -> str | None:
    wanted = 1 if status == 200 and "without any effect" not in str(expect) else 0
    return None if effects == wanted else f"{effects} effects in place of {wanted}"


def _leak(reply: Reply, lines: list[str], headers: list[tuple[str, str]], body: bytes) -> str | None:
    """A log line or an answer that repeats the request, or shows a traceback."""
    told = "\n".join([*lines, reply.body.decode("utf-8", "replace")])
    secrets = [value for name, value in headers if name == "X-Slack-Signature" and len(value) > 8]
    secrets += [body[:60].decode("ascii", "replace")] if len(body) > 8 else []
    shown = [secret for secret in (*secrets, "U_APP", "Traceback") if secret in told]
    return f"repeated in logs or answer: {shown}" if shown else None


@contextmanager
def _logs() -> Iterator[list[str]]:
    """Every line that is logged meanwhile, by whichever logger."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with structlog.testing.capture_logs() as entries:
            yield lines
        lines.extend(map(repr, entries))
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
