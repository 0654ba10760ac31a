"""One call from the supervisor's side: order, answer what the guest asks, take the result.

Nothing that a worker says is believed: its guest may have taken it over.
"""

from __future__ import annotations

import base64
import contextlib
import os
import time

from ironclaw.capabilities import HttpRequest, HttpResponse, Scratch
from ironclaw.errors import EgressDenied, EgressUnavailable
from ironclaw.failpoints import Point, reached
from ironclaw.sandbox import caps
from ironclaw.sandbox.folders import Room, may_grow
from ironclaw.sandbox.model import Call, Host, Profile
from ironclaw.sandbox.process import WorkerGone, WorkerProcess
from ironclaw.sandbox.wire import Message, WireError, pack, request_from_wire, response_to_wire
from ironclaw.task import FailureKind, ToolFailure, ToolResult, Usage

_LEVELS = frozenset({"debug", "info", "warn", "error"})


class Conversation:
    """Between one worker and one call's host."""

    def __init__(self, worker: WorkerProcess, call: Call, host: Host, room: Room | None = None) -> None:
        """
        :param room: of a call that may write
        """
        self._worker, self._call, self._host = worker, call, host
        self._room = room
        self._lines = 0
        self._requests = 0

    async def hold(self) -> ToolResult:
        """The result, without the wall clock.

        :raises WorkerGone: the worker died or broke the protocol
        """
        await self._worker.send(_order(self._call, self._room))
        reached(Point.SANDBOX_CALLED)
        while (message := await self._worker.receive())["kind"] != "done":
            await self._answer(message)
        try:
            return _result(message, self._call)
        except (KeyError, TypeError, ValueError):
            raise WorkerGone from None

    async def _answer(self, message: Message) -> None:
        if message["kind"] == "log":
            self._log(message)
        elif message["kind"] == "http":
            await self._worker.send(await self._http(message))
        else:
            raise WorkerGone

    def _log(self, message: Message) -> None:
        self._lines += 1
        level, text = message.get("level"), message.get("message")
        if self._lines > caps.MAX_LOG_LINES or level not in _LEVELS or not isinstance(text, str):
            raise WorkerGone
        # A log that cannot be kept must not change what the tool does.
        with contextlib.suppress(Exception):
            self._host.log(level, caps.clip(text, caps.MAX_LOG_CHARS))

    async def _http(self, message: Message) -> Message:
        request = self._believed(message)
        if not self._call.capabilities.http:
            return _refusal("denied", "This tool has no access to the network.")
        if self._requests > caps.MAX_HTTP_CALLS:
            return _refusal("denied", f"One call may send {caps.MAX_HTTP_CALLS} requests.")
        try:
            return _passable(await self._host.http(request))
        except EgressDenied as error:
            return _refusal("denied", str(error))
        except EgressUnavailable as error:
            return _refusal("unavailable", str(error))
        except Exception:  # noqa: BLE001 - the host's own mistake; its text is not for a guest.
            return _refusal("unavailable", "The host could not send the request.")

    def _believed(self, message: Message) -> HttpRequest:
        """:raises WorkerGone: our worker would never have passed this on"""
        self._requests += 1
        try:
            request = request_from_wire(message)
        except WireError:
            raise WorkerGone from None
        if caps.request_fault(request):
            raise WorkerGone
        return request


def _passable(response: HttpResponse) -> Message:
    """The response, unless a hostile server made it too long or no HTTP."""
    if len(response.body) > caps.MAX_BODY:
        return _refusal("unavailable", f"The answer is longer than {caps.MAX_BODY} bytes.")
    message = response_to_wire(response)
    try:
        pack(message)
    except WireError:  # aiohttp keeps bytes that are no UTF-8 as lone surrogates.
        return _refusal("unavailable", "The answer's headers cannot be passed on.")
    if not 100 <= response.status <= 999:
        return _refusal("unavailable", "The answer has no HTTP status.")
    return message


def _refusal(kind: str, message: str) -> Message:
    text = message.encode("utf-8", "replace").decode()
    return {"kind": "http", "refusal": kind, "message": caps.clip(text)}


def _order(call: Call, room: Room | None) -> Message:
    limits = call.capabilities.limits
    has_folder = call.component.profile is Profile.SCRATCH
    shown = has_folder and call.capabilities.scratch is not Scratch.NONE
    return {
        "kind": "call",
        "tool": call.tool,
        "input": call.input,
        "fuel": limits.fuel,
        "memory": caps.memory_cap(limits),
        "output": caps.output_cap(limits),
        "folder": str(call.scratch) if has_folder else None,
        "scratch": call.capabilities.scratch.value if shown else None,
        "may_grow": may_grow(room),
        "file_bytes": room.file_bytes if room else 0,
        "now": time.time_ns() // 1_000_000,
        "seed": base64.b64encode(os.urandom(32)).decode(),
    }


def _count(value: object) -> int:
    """A worker that a guest has taken over may say anything: only a number that a row can hold is one."""
    if not isinstance(value, int) or not 0 <= value < 2**63:
        raise WorkerGone
    return value


def _result(message: Message, call: Call) -> ToolResult:
    output, failure = message["output"], message["failure"]
    used = Usage(fuel=_count(message["fuel"]), memory_bytes=_count(message["memory"]))
    if failure is not None:
        kind, text = failure
        return ToolResult(failure=ToolFailure(FailureKind(kind), caps.clip(str(text))), usage=used)
    if not isinstance(output, str) or len(output.encode()) > caps.output_cap(call.capabilities.limits):
        raise WorkerGone
    return ToolResult(output=output, usage=used)
