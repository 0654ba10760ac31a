"""The local door from the other side: of a bot that runs, or of an engine of our own."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import aiohttp

from ironclaw import errors
from ironclaw.app import Ironclaw
from ironclaw.errors import IronclawError, NotFound, TryLater
from ironclaw.task import Json
from ironclaw_bot.local.door import Door
from ironclaw_bot.local.names import login_name
from ironclaw_bot.local.screen import screen_of

LISTINGS = ("doubts", "approvals", "status")  #: They show what recovery makes of a crash.
RECOVERY = 20.0  #: Seconds that they wait for it: a tool may be asked whether it ran.
UNSETTLED = (
    "Some calls are under way, or a crash interrupted them: of those it shows in a moment. Ask again then."
)
OTHER_VERSION = "The bot that runs here does not know this command: it is of another version. Restart it."


class Away(TryLater):
    """The bot went before it answered. What it accepted is not lost: `ironclaw status` says how it stands."""


class Remote:
    """The same door, of a bot that runs in another process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def is_there(self) -> bool:
        """Whether a bot listens."""
        probe = socket.socket(socket.AF_UNIX)
        try:
            probe.connect(str(self._path))
        except OSError:
            return False
        finally:
            probe.close()
        return True

    async def ask(self, method: str, **words: Any) -> Json:
        """
        :raises Away: the bot ended meanwhile
        :raises IronclawError: as the door raises it
        """
        try:
            answer = await self._answer(method, words)
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError):
            raise Away from None
        if "error" in answer:
            kind = getattr(errors, answer["error"], IronclawError)
            raise kind(answer["message"])
        return answer["ok"]

    async def _answer(self, method: str, words: dict[str, Any]) -> Json:
        connector = aiohttp.UnixConnector(str(self._path))
        timeout = aiohttp.ClientTimeout(total=None)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.post(f"http://local/{method}", json=words) as response,
        ):
            if response.content_type != "application/json":
                raise NotFound(OTHER_VERSION)  # No handler of ours: there is no such route.
            return await response.json()


class Here:
    """The same door, of an engine that this process has opened."""

    def __init__(self, app: Ironclaw) -> None:
        self.app = app
        self._door = Door(app, login_name(os.getuid()), screen_of(app))

    async def ask(self, method: str, **words: Any) -> Json:
        """
        :raises IronclawError: as the door raises it
        """
        if method in LISTINGS and not await self.app.recovery.settled(RECOVERY):
            print(UNSETTLED, file=sys.stderr)
        return await self._door.answer(method, words)
