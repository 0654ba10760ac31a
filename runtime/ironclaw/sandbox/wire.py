"""The pipe between supervisor and worker: four bytes of length, then one JSON object.

Each message is ``{"kind": ..., ...}``.  Bytes travel as base64.  Supervisor to worker: ``call``, ``http``.
Worker to supervisor: ``ready``, ``fatal``, ``log``, ``http``, ``done``.
"""

from __future__ import annotations

import base64
import json
import os
import select
import struct
from typing import Any

from ironclaw.capabilities import HttpRequest, HttpResponse
from ironclaw.sandbox.caps import MAX_FRAME

Message = dict[str, Any]

HEAD = struct.Struct(">I")
CHUNK = 65_536  #: Bytes of one read: most messages are there with their length.

# json.dumps would make an encoder for each message.
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class WireError(Exception):
    """The other side said something that is no message."""


def pack(message: Message) -> bytes:
    """One frame.

    :raises WireError: text that UTF-8 cannot carry, or a frame over the cap
    """
    try:
        body = _json(message).encode()
    except UnicodeEncodeError:
        raise WireError("text with a lone surrogate") from None
    if len(body) > MAX_FRAME:
        raise WireError("message over the cap")
    return HEAD.pack(len(body)) + body


def body_size(head: bytes) -> int:
    """How many bytes follow these four.

    :raises WireError: more than the cap
    """
    (size,) = HEAD.unpack(head)
    if size > MAX_FRAME:
        raise WireError("message over the cap")
    return int(size)


def unpack(body: bytes) -> Message:
    """The message in a frame's body.

    :raises WireError: not a JSON object with a kind
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise WireError("not JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
        raise WireError("no kind")
    return message


def request_to_wire(request: HttpRequest) -> Message:
    return {
        "kind": "http",
        "method": request.method,
        "url": request.url,
        "headers": request.headers,
        "body": base64.b64encode(request.body).decode(),
        "secret": request.secret,
    }


def request_from_wire(message: Message) -> HttpRequest:
    """:raises WireError: a field is missing or of a wrong type"""
    try:
        return HttpRequest(
            method=_text(message["method"]),
            url=_text(message["url"]),
            headers=tuple((_text(name), _text(value)) for name, value in message["headers"]),
            body=base64.b64decode(message["body"], validate=True),
            secret=None if message["secret"] is None else _text(message["secret"]),
        )
    except (KeyError, TypeError, ValueError):
        raise WireError("not a request") from None


def response_to_wire(response: HttpResponse) -> Message:
    body = base64.b64encode(response.body).decode()
    return {"kind": "http", "status": response.status, "headers": response.headers, "body": body}


def response_from_wire(message: Message) -> HttpResponse:
    headers = tuple((name, value) for name, value in message["headers"])
    return HttpResponse(message["status"], headers, base64.b64decode(message["body"]))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise WireError("not text")
    return value


class Unread:
    """What came through a pipe and was not yet taken as a message."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def __bool__(self) -> bool:
        return bool(self._bytes)

    def add(self, part: bytes) -> None:
        self._bytes += part

    def message(self) -> Message | None:
        """The next message; None as long as some of it is missing.

        :raises WireError: what came is no message
        """
        if len(self._bytes) < HEAD.size:
            return None
        end = HEAD.size + body_size(bytes(self._bytes[: HEAD.size]))
        if len(self._bytes) < end:
            return None
        body = bytes(self._bytes[HEAD.size : end])
        del self._bytes[:end]
        return unpack(body)


class Pipe:
    """The worker's end: blocking, one message at a time.

    Plain read and write: the worker's system call filter refuses the whole socket family.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._unread = Unread()

    def send(self, message: Message) -> None:
        rest = memoryview(pack(message))
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def receive(self) -> Message:
        """:raises EOFError: the supervisor is gone"""
        while (message := self._unread.message()) is None:
            part = os.read(self._fd, CHUNK)
            if not part:
                raise EOFError
            self._unread.add(part)
        return message

    def rest(self, seconds: float) -> None:
        """Do nothing, until the supervisor says something or the time is over."""
        self.has_word(seconds)

    def has_word(self, seconds: float = 0) -> bool:
        """Whether the supervisor says something within the time."""
        return bool(self._unread or select.select([self._fd], [], [], seconds)[0])

    def ask(self, message: Message) -> Message:
        self.send(message)
        return self.receive()
