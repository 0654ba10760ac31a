"""What a server says, held against bounds before the ``mcp`` package makes models of it.

The package holds each part of an answer against every model that it could be and keeps every fault that it
finds, on the event loop: a message of 200 KB takes it seconds and hundreds of megabytes.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

import anyio
from mcp.client._transport import ReadStream
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

from ironclaw.mcp.flow import Ended, Flood, Meter
from ironclaw.task import Json

MAX_DEPTH = 64
MAX_MODELLED = 4_000  #: Values of one message that the package holds against models.
MAX_ID = 128  #: Characters of what a server calls its request: we repeat it in our answer.
ASKING = 20  #: Messages that a request counts as: each is answered.
#: What the package takes as it is.
_PLAIN = frozenset({"_meta", "inputSchema", "outputSchema", "structuredContent"})
#: All that anybody here wants to be told.
_HEARD = frozenset(
    {
        "notifications/cancelled",
        "notifications/subscriptions/acknowledged",
        "notifications/tools/list_changed",
    }
)


def screened(message: SessionMessage) -> SessionMessage | None:
    """The message as the package may have it, or None where nobody wants it.

    A request keeps no more than its name: whatever it is, it is refused.

    :raises Flood: there is too much in it
    """
    match message.message:
        case JSONRPCNotification(method=method, params=params):
            if method not in _HEARD:
                return None
            _check(params)
        case JSONRPCRequest(id=id, method=method) as asked:
            if len(str(id)) > MAX_ID:
                return None
            return SessionMessage(JSONRPCRequest(jsonrpc=asked.jsonrpc, id=id, method=method))
        case JSONRPCResponse(result=result):
            _check(result)
        case JSONRPCError(error=error):
            _check(error.data)
    return message


def _check(whole: Json) -> None:
    """
    :raises Flood: it is too deep, or has too many parts; without recursion
    """
    modelled = 0
    level = [(whole, False)] if isinstance(whole, dict | list) else []
    for _ in range(MAX_DEPTH):
        inner = []
        for value, is_plain in level:
            modelled += 0 if is_plain else len(value)
            inner += _containers(value, is_plain=is_plain)
        if modelled > MAX_MODELLED:
            raise Flood(f"it sent a message of more than {MAX_MODELLED} parts")
        level = inner
    if level:
        raise Flood(f"it sent a message of more than {MAX_DEPTH} parts within parts")


def _containers(value: Json, *, is_plain: bool) -> list[tuple[Json, bool]]:
    if isinstance(value, dict):
        return [
            (each, is_plain or key in _PLAIN) for key, each in value.items() if isinstance(each, dict | list)
        ]
    return [(each, is_plain) for each in value if isinstance(each, dict | list)]


class Screened:
    """A transport's stream of messages of which only those come that may; one that is too much ends it."""

    def __init__(self, inner: ReadStream[SessionMessage | Exception], meter: Meter, ended: Ended) -> None:
        self._inner, self._meter, self._ended = inner, meter, ended

    async def receive(self) -> SessionMessage | Exception:
        """
        :raises anyio.EndOfStream: it is over
        """
        while True:
            came = await self._inner.receive()
            if isinstance(came, Exception):
                return came
            try:
                if isinstance(came.message, JSONRPCRequest):
                    self._meter.take(0, messages=ASKING)
                kept = screened(came)
            except Flood as error:
                self._ended.say(str(error))
                raise anyio.EndOfStream from None
            if kept is not None:
                return kept

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()
