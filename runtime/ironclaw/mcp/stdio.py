"""A program's pipes as the ``mcp`` package wants them, and why they ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
from mcp.client._transport import TransportStreams
from mcp.shared.message import SessionMessage

from ironclaw.mcp.confining import MAX_MESSAGE, Confinement, Program, started
from ironclaw.mcp.flow import Ended, Flood, Meter
from ironclaw.mcp.lines import as_line, messages
from ironclaw.mcp.quota import excess
from ironclaw.mcp.screening import Screened

SEND_SECONDS = 10.0
WATCH = 2.0  #: Seconds between two looks at what a program holds.


@contextlib.asynccontextmanager
async def pipes(
    confined: Confinement, ended: Ended, hide: Callable[[str], str]
) -> AsyncIterator[TransportStreams]:
    """A program that runs while the block does, as a transport of the ``mcp`` package.

    :param ended: told when it says nothing more, and why
    :param hide: takes secrets out of a text
    """
    async with started(confined) as program:
        came, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        outgoing, to_send = anyio.create_memory_object_stream[SessionMessage](0)
        async with came, incoming, outgoing, to_send:
            meter = Meter()
            tasks = [
                asyncio.create_task(_receive(program, came, meter, ended, hide)),
                asyncio.create_task(_send(program, to_send, ended, hide)),
                asyncio.create_task(_watch(program, Path(confined.folder), ended)),
            ]
            try:
                yield Screened(incoming, meter, ended), outgoing
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        await program.kill()
        ended.say(program.words(hide) or "it ended")


async def _receive(
    program: Program,
    came: anyio.abc.ObjectSendStream[SessionMessage | Exception],
    meter: Meter,
    ended: Ended,
    hide: Callable[[str], str],
) -> None:
    try:
        async for message in messages(program.receive, meter, MAX_MESSAGE):
            await came.send(SessionMessage(message))
        ended.say(program.words(hide) or "it ended")
    except Flood as error:
        ended.say(str(error))
    except (anyio.ClosedResourceError, anyio.BrokenResourceError):
        pass  # Nobody listens any more: the block is over.
    finally:
        await came.aclose()


async def _send(
    program: Program,
    to_send: anyio.abc.ObjectReceiveStream[SessionMessage],
    ended: Ended,
    hide: Callable[[str], str],
) -> None:
    try:
        async for each in to_send:
            async with asyncio.timeout(SEND_SECONDS):
                await program.send(as_line(each.message))
    except TimeoutError:
        ended.say("it does not read what it is sent")
    except OSError:
        ended.say(program.words(hide) or "it ended")


async def _watch(program: Program, folder: Path, ended: Ended) -> None:
    """End a program that holds more than it may."""
    while not (why := await asyncio.to_thread(excess, folder, program.pid)):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(WATCH)
    ended.say(why)
