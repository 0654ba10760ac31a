"""Server-sent events, as far as models' servers use them."""

from __future__ import annotations

from collections.abc import AsyncIterator

DONE = "[DONE]"  #: What most of them end a stream with.


async def events(pieces: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """The data of each event, in order.  An event that the end of the stream cuts is none.

    :param pieces: bytes as they come, cut anywhere
    """
    data: list[bytes] = []
    async for line in _lines(pieces):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data).decode("utf-8", "replace")
            data.clear()


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines without their ends, which are LF or CRLF."""
    rest: list[bytes] = []  # Joined only where a line ends: one that never does would be copied each time.
    async for piece in pieces:
        *whole, last = piece.split(b"\n")
        for line in whole:
            yield b"".join((*rest, line)).removesuffix(b"\r")
            rest.clear()
        rest.append(last)
