"""Messages to and from a program's pipes, one JSON text a line, each bounded."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
from mcp.client._transport import TransportStreams
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from ironclaw.mcp.confining import MAX_MESSAGE, Confinement, Program, started
from ironclaw.mcp.flow import Ended, Flood, Meter, values
from ironclaw.mcp.holding import excess
from ironclaw.mcp.screening import Screened

MAX_JUNK = 100  #: Lines that are no message: some print a greeting.
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
    junk = 0
    try:
        while line := await program.receive():
            meter.take(len(line), values=values(line))
            message = _message(line)
            junk += message is None
            if junk > MAX_JUNK:
                raise Flood(f"more than {MAX_JUNK} lines of it are no message")
            if message is not None:
                await came.send(message)
        ended.say(program.words(hide) or "it ended")
    except ValueError:
        ended.say(f"it sent a message of more than {MAX_MESSAGE} bytes")
    except Flood as error:
        ended.say(str(error))
    except (anyio.ClosedResourceError, anyio.BrokenResourceError):
        pass  # Nobody listens any more: the block is over.
    finally:
        await came.aclose()


def _message(line: bytes) -> SessionMessage | None:
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        return None


async def _send(
    program: Program,
    to_send: anyio.abc.ObjectReceiveStream[SessionMessage],
    ended: Ended,
    hide: Callable[[str], str],
) -> None:
    try:
        async for each in to_send:
            text = each.message.model_dump_json(by_alias=True, exclude_unset=True)
            async with asyncio.timeout(SEND_SECONDS):
                await program.send(text.encode() + b"\n")
    except TimeoutError:
        ended.say("it does not read what it is sent")
    except OSError:
        ended.say(program.words(hide) or "it ended")


async def _watch(program: Program, folder: Path, ended: Ended) -> None:
    """End a program that holds more than it may."""
    while not (why := await asyncio.to_thread(excess, folder, program.pid)):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(WATCH)
    ended.say(why)
