"""What the HTTP door writes into the real log."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.door import Door, open_door
from tests.fakes.logs import lent_logging
from tests.fakes.wire import ask, raw

from ironclaw.settings import Settings
from ironclaw_bot.logs import configure

MARK = "private" + "-words"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Everything that is logged, from debug up."""
    stream = io.StringIO()
    with lent_logging():
        configure(Settings(log_level="debug"), stream=stream)
        yield stream


@pytest.fixture
async def door(tmp_path: Path, stream: io.StringIO) -> AsyncIterator[Door]:
    async with open_door(tmp_path) as door:
        yield door


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def test_line(door: Door, stream: io.StringIO) -> None:
    """
    A request is one line with the tenant and with the id that the caller got.
    """
    reply = await door.post("/run", {"task": "say it"})

    (line,) = [line for line in lines(stream) if line["event"] == "request"]
    expected = {"method": "POST", "route": "/run", "status": 200, "tenant": "T1"}
    assert expected | {"request_id": reply.headers["x-request-id"]} == {
        name: line[name] for name in (*expected, "request_id")
    }


async def test_crash_line(door: Door, stream: io.StringIO) -> None:
    """
    What nobody foresaw is there to read, by the id that the caller got, without what they had sent.
    """
    reply = await door.post("/run", {"task": f"crash {MARK}"})

    (line,) = [line for line in lines(stream) if line["event"] == "request_failed"]
    assert (reply.json["request_id"], "error") == (line["request_id"], line["level"])
    assert "RuntimeError: the engine broke" in line["exception"]
    assert MARK not in stream.getvalue()


@pytest.mark.parametrize(
    "request_text",
    [
        "POST /run?token={mark}{h}{end}",
        "GET /{mark}{h}{end}",
        "GET /workflows/{mark}{h}Authorization: Bearer {mark}{end}",
        "GET /health{h}Cookie: {mark}\r\nX-Request-Id: {mark}{end}",
        "GET /health{h}Authorization: Bearer {long}{end}",
        "GET /health{h}Authorization : Bearer {mark}\r\n\r\n",
        "GET /health{h}Authorization: {mark}\x01\r\n\r\n",
        "{mark} /health{h}\r\n",
        "GET /health HTTP/9.{mark}\r\n\r\n",
    ],
)
async def test_nothing_private(door: Door, stream: io.StringIO, request_text: str) -> None:
    """
    No token, path, query, cookie or broken request is in the log.
    """
    text = request_text.format(
        h=" HTTP/1.1\r\nHost: g\r\n", end="\r\nConnection: close\r\n\r\n", mark=MARK, long=MARK * 1000
    )
    reply = await raw(door.port, text.encode())

    assert reply.status < 500
    assert MARK not in stream.getvalue()


async def test_body(door: Door, stream: io.StringIO) -> None:
    """
    A body that is refused is not in the log.
    """
    token = door.issuer.token("ed1")
    headers = [("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")]
    reply = await ask(door.port, "POST", "/run", headers, f'{{"task": "{MARK}", "{MARK}": 1'.encode())

    assert reply.status == 400
    assert token not in stream.getvalue()
    assert MARK not in stream.getvalue()
