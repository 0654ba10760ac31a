"""``ironclaw mcp``: our tools for one MCP client, which starts it."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from ironclaw.errors import SettingsError
from ironclaw.settings import Settings
from ironclaw_bot.commanding import Add, OpenDoor
from ironclaw_bot.demo_folder import add_place
from ironclaw_bot.local import Here, Remote, listen

WAIT = 45.0  #: Seconds; many clients give up after a minute.
MOST_WAIT = 3600.0
MISSING = "ironclaw mcp needs the package mcp. In the clone: .venv/bin/pip install -e '.[mcp]'."
BY_HAND = "ironclaw: this speaks the Model Context Protocol; name `ironclaw mcp` in an MCP client's settings."


def add_mcp(add: Add, door: OpenDoor) -> None:
    """Put the command into the command line."""
    parser = add("mcp", McpCommand(door).run, "offer the tools to an MCP client, which starts this")
    about = f"seconds that a call waits for people (default {WAIT:.0f})"
    parser.add_argument("--wait", type=_seconds, default=WAIT, help=about)
    add_place(parser)


def _seconds(word: str) -> float:
    """
    :raises ArgumentTypeError: for what is no time to wait
    """
    try:
        seconds = float(word)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MOST_WAIT:
        raise argparse.ArgumentTypeError(f"{word!r} is none: 0 to {MOST_WAIT:.0f} seconds")
    return seconds


class McpCommand:
    """The command."""

    def __init__(self, door: OpenDoor) -> None:
        self._door = door

    async def run(self, settings: Settings, chosen: argparse.Namespace) -> int:
        """Serve the client until it goes.

        :raises SettingsError: the package is not there
        :raises BadRequest: the client was sent away
        """
        try:
            serving = importlib.import_module("ironclaw_bot.mcp_server.serving")
            session = importlib.import_module("ironclaw_bot.mcp_server.session")
            pipes = importlib.import_module("ironclaw_bot.mcp_server.pipes")
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types", "anyio"):
                raise
            raise SettingsError(MISSING) from None
        if sys.stdin.isatty():
            print(BY_HAND, file=sys.stderr)
        reading, writing = pipes.taken()
        async with self._door(settings, begins=True) as door, _beside(door, settings.data_dir):
            await serving.serve(session.Session(door, chosen.tenant, chosen.wait), reading, writing)
        return 0


@contextlib.asynccontextmanager
async def _beside(door: Remote | Here, data_dir: Path) -> AsyncIterator[None]:
    """Let other commands in, to approve what waits, where this process is the bot."""
    if isinstance(door, Remote):
        yield
        return
    runner = await listen(door.app, data_dir)
    try:
        yield
    finally:
        await runner.cleanup()
