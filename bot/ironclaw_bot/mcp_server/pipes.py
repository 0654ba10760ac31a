"""A client's pipes as the ``mcp`` package wants them: standard output carries nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import BinaryIO

import anyio
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import (
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)

from ironclaw.errors import BadRequest
from ironclaw.mcp.flow import Ended, Flood, Meter
from ironclaw.mcp.lines import as_line, messages

MAX_MESSAGE = 1 << 20  #: Bytes.
MOST_OPEN = 256  #: Requests without an answer.
SEND_SECONDS = 30.0
NO_PIPE = "ironclaw mcp is started by an MCP client, which speaks to it by pipes; these are none."

Streams = tuple[
    MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage], Ended
]


def taken() -> tuple[BinaryIO, BinaryIO]:
    """Our own ends of the client's pipes: whatever else is printed from now on goes to standard error."""
    reading, writing = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return os.fdopen(reading, "rb", 0), os.fdopen(writing, "wb", 0)


@contextlib.asynccontextmanager
async def streams(reading: BinaryIO, writing: BinaryIO) -> AsyncIterator[Streams]:
    """The pipes as the ``mcp`` package wants them, and why they ended; "" where the client has gone.

    :raises BadRequest: they are no pipes
    """
    async with _opened(reading, writing) as (reader, writer):
        came, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        outgoing, to_send = anyio.create_memory_object_stream[SessionMessage](0)
        ended, unanswered = Ended(), Unanswered()
        async with came, incoming, outgoing, to_send:
            tasks = [
                asyncio.create_task(_receive(reader, came, unanswered, ended)),
                asyncio.create_task(_send(writer, to_send, unanswered, ended, came)),
            ]
            try:
                yield incoming, outgoing, ended
            finally:
                await _close(tasks)


@dataclass(slots=True)
class Unanswered:
    """Requests that have no answer yet, by their ids."""

    ids: set[str] = field(default_factory=set)

    def take(self, message: JSONRPCMessage) -> None:
        """Count what a client says.

        :raises Flood: it is too much, or ambiguous
        """
        if isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            self.ids.discard(str((message.params or {}).get("requestId")))  # Such a one gets no answer.
        if not isinstance(message, JSONRPCRequest):
            return
        if str(message.id) in self.ids or len(self.ids) >= MOST_OPEN:
            raise Flood(f"it asked twice under one id, or {MOST_OPEN} things without waiting for an answer")
        self.ids.add(str(message.id))

    def answered(self, message: JSONRPCMessage) -> None:
        """Count what it is told."""
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            self.ids.discard(str(message.id))


async def _receive(
    reader: asyncio.StreamReader,
    came: ObjectSendStream[SessionMessage | Exception],
    unanswered: Unanswered,
    ended: Ended,
) -> None:
    try:
        async for message in messages(reader.readline, Meter(), MAX_MESSAGE):
            unanswered.take(message)
            await came.send(SessionMessage(message))
    except Flood as error:
        ended.say(str(error))
    except (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
        pass  # Nobody listens any more, or nobody speaks.
    finally:
        await came.aclose()


async def _send(
    writer: asyncio.StreamWriter,
    to_send: ObjectReceiveStream[SessionMessage],
    unanswered: Unanswered,
    ended: Ended,
    came: ObjectSendStream[SessionMessage | Exception],
) -> None:
    try:
        async for each in to_send:
            writer.write(as_line(each.message))
            async with asyncio.timeout(SEND_SECONDS):
                await writer.drain()
            unanswered.answered(each.message)
    except TimeoutError:
        ended.say("it does not read what it is told")
    except OSError:
        pass  # It has gone.
    finally:
        await came.aclose()


@contextlib.asynccontextmanager
async def _opened(
    reading: BinaryIO, writing: BinaryIO
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    if not _is_pipe(reading):
        raise BadRequest(NO_PIPE)
    loop = asyncio.get_running_loop()
    reader, unread = asyncio.StreamReader(MAX_MESSAGE), asyncio.StreamReader()
    try:
        source, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), reading)
        sink, protocol = await loop.connect_write_pipe(lambda: asyncio.StreamReaderProtocol(unread), writing)
    except ValueError:
        raise BadRequest(NO_PIPE) from None
    loop.add_signal_handler(signal.SIGTERM, source.close)  # As if the client had gone.
    try:
        yield reader, asyncio.StreamWriter(sink, protocol, None, loop)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        source.close()
        sink.close()


def _is_pipe(reading: BinaryIO) -> bool:
    """Whether a loop can wait for it; of others it says so in a callback that nobody hears."""
    mode = os.fstat(reading.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or reading.isatty()


async def _close(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
