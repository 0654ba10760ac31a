"""Messages in a pipe: one JSON text a line, each bounded, whoever is at the other end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from mcp_types import JSONRPCMessage, jsonrpc_message_adapter

from ironclaw.mcp.flow import Flood, Meter, values

MAX_JUNK = 100  #: Lines that are no message: some print a greeting.


async def messages(
    read: Callable[[], Awaitable[bytes]], meter: Meter, most: int
) -> AsyncIterator[JSONRPCMessage]:
    """What comes, until nothing more does.

    :param read: gives the next line, b"" at the end, and raises ValueError of one that is too long
    :param most: bytes of a line
    :raises Flood: it is more than it may be, or too much of it is no message
    """
    junk = 0
    while line := await _next(read, most):
        meter.take(len(line), values=values(line))
        message = _message(line)
        if message is not None:
            yield message
            continue
        junk += 1
        if junk > MAX_JUNK:
            raise Flood(f"more than {MAX_JUNK} lines of it are no message")


def as_line(message: JSONRPCMessage) -> bytes:
    """A message as it goes into a pipe."""
    return message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"


async def _next(read: Callable[[], Awaitable[bytes]], most: int) -> bytes:
    try:
        return await read()
    except ValueError:
        raise Flood(f"it sent a message of more than {most} bytes") from None


def _message(line: bytes) -> JSONRPCMessage | None:
    try:
        return jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValueError:
        return None
