"""A way to PostgreSQL that breaks at a COMMIT: before the server hears of it, before it answers, or after."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit

COMMIT, BEGIN = b"COMMIT;", b"BEGIN"


class When(Enum):
    """Where the way breaks."""

    UNHEARD = "unheard"  #: The server never hears of the COMMIT.
    UNANSWERED = "unanswered"  #: It is done, and nobody is told.
    ANSWERED = "answered"  #: It is done and told; then the connection is gone.


@dataclass(slots=True)
class Proxy:
    """
    :ivar url: of the database, by this way
    :ivar marks: what the transaction must have said whose COMMIT meets the break; each breaks once
    :ivar when: where in that COMMIT
    :ivar broken: marks that have met it
    """

    target: tuple[str, int]
    url: str = ""
    marks: list[bytes] = field(default_factory=list)
    when: When = When.UNHEARD
    broken: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either end closes it or it breaks."""
        server_reader, server_writer = await asyncio.open_connection(*self.target)
        back = asyncio.create_task(_pump(server_reader, writer))
        ways = [asyncio.create_task(self._forward(reader, server_writer, back)), back]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        if self.broken and not ways[0].done():
            await asyncio.wait([ways[0]], timeout=1)  # The server is still to hear of it.
        for way in ways:
            way.cancel()
        for each in (server_writer, writer):
            each.transport.abort()
        await asyncio.gather(*ways, return_exceptions=True)

    async def _forward(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, back: asyncio.Task[None]
    ) -> None:
        said = b""
        while chunk := await reader.read(65536):
            said = chunk if BEGIN in chunk else said + chunk
            if COMMIT in chunk and (mark := next((each for each in self.marks if each in said), None)):
                self.marks.remove(mark)
                self.broken.append(mark)
                if self.when is not When.UNHEARD:
                    if self.when is When.UNANSWERED:
                        back.cancel()
                    server.write(chunk)
                    await server.drain()
                    await asyncio.sleep(0.05)  # Until it has done it: it is not asked any more.
                return
            server.write(chunk)
            await server.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()


@contextlib.asynccontextmanager
async def proxy(url: str, *marks: bytes, when: When) -> AsyncIterator[Proxy]:
    """
    :param url: of a database on loopback, without a password
    """
    parts = urlsplit(url)
    found = Proxy(("127.0.0.1", parts.port or 5432), marks=list(marks), when=when)
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    found.url = f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}?sslmode=disable"
    try:
        yield found
    finally:
        server.close()
