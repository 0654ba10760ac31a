"""The host functions of the WIT, as they run in a worker: caps, then the pipe."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Any

from wasmtime import WasmtimeError
from wasmtime.component import Record, Variant

from ironclaw.capabilities import HttpRequest
from ironclaw.sandbox import caps
from ironclaw.sandbox.engine import HostFunction
from ironclaw.sandbox.wire import Message, Pipe, request_to_wire, response_from_wire


@dataclass(slots=True)
class Current:
    """The call that runs now.  Clock and random are the supervisor's: a call can be played again."""

    now: int  #: Milliseconds since 1970.
    seed: bytes
    randoms: int = 0
    lines: int = 0


class HostCalls:
    """What a guest can ask.  Between calls (when an instance is warmed) nothing leaves the worker."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._live = False
        self._current = Current(0, b"")
        self.idle()

    def idle(self) -> None:
        """No call runs: an instance may be warmed, and gets a seed that nobody knows."""
        self._live = False
        self._current = Current(now=0, seed=os.urandom(32))

    def begin(self, now: int, seed: bytes) -> None:
        self._live = True
        self._current = Current(now, seed)

    def functions(self) -> dict[str, HostFunction]:
        return {"log": self.log, "http": self.http, "now": self.now, "random": self.random}

    def log(self, _store: Any, level: str, message: str) -> None:
        self._current.lines += 1
        if self._live and self._current.lines <= caps.MAX_LOG_LINES:
            line = caps.clip(message, caps.MAX_LOG_CHARS)
            self._pipe.send({"kind": "log", "level": level, "message": line})

    def now(self, _store: Any) -> int:
        return self._current.now

    def random(self, _store: Any, count: int) -> bytes:
        """Bytes from the call's seed: SHAKE-256 of the seed and the number of this request."""
        if count > caps.MAX_RANDOM:
            raise WasmtimeError("host: too many random bytes")
        self._current.randoms += 1
        return hashlib.shake_256(self._current.seed + self._current.randoms.to_bytes(8, "big")).digest(count)

    def http(self, _store: Any, asked: Any) -> Any:
        """The WIT's response, or its refusal."""
        if not self._live:
            return Variant("denied", "there is no call")
        headers = tuple((header.name, header.value) for header in asked.headers)
        request = HttpRequest(asked.method, asked.url, headers, asked.body, asked.secret)
        fault = caps.request_fault(request)
        if fault:
            return Variant("denied", fault)
        return _lower(self._pipe.ask(request_to_wire(request)))


def _lower(answer: Message) -> Any:
    if "refusal" in answer:
        return Variant(answer["refusal"], answer["message"])
    response = response_from_wire(answer)
    headers = [_record(name=name, value=value) for name, value in response.headers]
    return _record(status=response.status, headers=headers, body=response.body)


def _record(**fields: Any) -> Record:
    record = Record()
    vars(record).update(fields)
    return record
