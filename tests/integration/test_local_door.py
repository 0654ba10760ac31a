"""The local door when something fails that nobody foresaw: what the caller is told, and what the log."""

from __future__ import annotations

import io
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from tests.fakes.logs import lent_logging
from tests.integration.engine import Moves, engine, settings

from ironclaw.app import Ironclaw
from ironclaw.binding import Binding
from ironclaw.errors import IronclawError, NotFound
from ironclaw_bot import local, logs

pytestmark = pytest.mark.sandbox
TOKEN = "tok" + "en-0123456789"


@asynccontextmanager
async def opened(folder: Path, toolboxes: Path) -> AsyncIterator[tuple[Ironclaw, local.Remote]]:
    async with engine(folder, Moves(), toolboxes) as app:
        runner = await local.listen(app, folder / "data")
        yield app, local.Remote(folder / "data" / local.SOCKET)
        await runner.cleanup()


async def test_a_fault_of_ours(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The caller gets one sentence with a reference; the log has the cause under it, without secrets.
    """
    with lent_logging():
        stream = io.StringIO()
        async with opened(tmp_path, built_toolboxes) as (app, door):
            logs.configure(settings(tmp_path, log_format="json"), lambda text: app.redact("", text), stream)
            await app.vault.put("T1", "k", TOKEN, Binding("a.example", ("GET",), "/", "X", ""), "local:op")
            words = {"tenant": "T1", "approval_id": "a", "decision": TOKEN, "reason": "", "wait": 0}
            with pytest.raises(IronclawError) as told:
                await door.ask("decide", **words)
    [reference] = re.findall(
        r"^Something went wrong in the bot, .* reference ([0-9a-f]{12})\.$", str(told.value)
    )
    [line] = [json.loads(each) for each in stream.getvalue().splitlines() if reference in each]

    assert ("decide", True) == (line["method"], "is not a valid Decision" in line["exception"])
    assert TOKEN not in stream.getvalue() + str(told.value)


async def test_another_version(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A bot that does not know the command is named as the cause, with what to do.
    """
    async with opened(tmp_path, built_toolboxes) as (_, door):
        with pytest.raises(NotFound, match=r"of another version. Restart it"):
            await door.ask("foretell", tenant="T1")


async def test_a_bot_that_goes(tmp_path: Path) -> None:
    """
    A bot that ends before it answered is said in a sentence, with where to look.
    """

    async def leave(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    site = web.Application()
    site.add_routes([web.post("/status", leave)])
    runner = web.AppRunner(site)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "bot.sock")).start()
    with pytest.raises(local.Away, match=r"went before it answered.* `ironclaw status` says"):
        await local.Remote(tmp_path / "bot.sock").ask("status")
    await runner.cleanup()
    with pytest.raises(local.Away):
        await local.Remote(tmp_path / "bot.sock").ask("status")
