"""Bots that are processes of their own: one that is killed, and one that may not start."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from ironclaw.errors import ToolboxError
from tests.cases import _approval_bot
from tests.cases._approval_bot import Doors
from tests.cases._approval_toolbox import nesting_component
from tests.cases._approval_world import World
from tests.fakes.sandbox import saved
from tests.fakes.web import OK, Seen

MODULE = _approval_bot.__name__
ROOT = Path(__file__).parents[2]


async def killed_at(world: World, moment: str, click: Callable[[], Awaitable[object]]) -> None:
    """The bot, in a process of its own, is killed while it does what the click lets it do.

    :param moment: "during_tool", when the request has arrived and nobody has answered it; or "after_tool",
        when the tool has its result and nobody has written it down
    """
    await world.close()
    async with _process(world, moment) as child:
        assert child.stdout is not None
        world.bot = Doors(None, int(await child.stdout.readline()))

        def kill(_number: int, _seen: Seen) -> bytes:
            os.kill(child.pid, signal.SIGKILL)
            return OK

        if moment == "during_tool":
            world.stage.internet.answer = kill
        try:
            await asyncio.gather(click(), child.wait())
        finally:
            world.stage.internet.answer = lambda _number, _seen: OK
            world.bot = None
    assert child.returncode == -signal.SIGKILL


async def second_bot(world: World) -> str:
    """:return: what a second bot on the same folder says, which ends with exit code 1"""
    async with _process(world, "") as child:
        assert child.stdout is not None
        said = (await child.stdout.read()).decode()
        assert await child.wait() == 1, said
    return said


@contextlib.asynccontextmanager
async def _process(world: World, moment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    stage = world.stage
    words = [str(stage.folder), stage.slack.url, str(stage.internet.port), *([moment] if moment else [])]
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", MODULE, *words),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def nested_component_refused(world: World) -> str:
    """What is said of a toolbox whose guest would call another tool: "" when it is taken."""
    app = await world.app()
    with tempfile.TemporaryDirectory() as folder:
        try:
            await app._tools._sandbox.prepare(saved(Path(folder), nesting_component()))
        except ToolboxError as error:
            return str(error)
    return ""
