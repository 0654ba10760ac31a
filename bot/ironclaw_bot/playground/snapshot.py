"""Keeps the world in one JSON file, so that a demo's messages outlive the process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path

from ironclaw_bot.playground.hub import Hub


class Snapshot:
    """Written a moment after each change, whole, and put in place in one step."""

    DELAY_SECONDS = 0.05

    def __init__(self, hub: Hub, path: Path) -> None:
        self._hub = hub
        self._path = path
        self._task: asyncio.Task[None] | None = None

    def load(self) -> None:
        """Takes the file's world, if there is a file.

        :raises ValueError: for a file that is not ours, naming it
        """
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            self._hub.world.restore(kept)
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self._path.name} is no playground snapshot ({error}); remove it") from error

    def start(self) -> None:
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self.save()

    async def _follow(self) -> None:
        queue = self._hub.feed.listen()
        try:
            while True:
                await queue.get()
                await asyncio.sleep(self.DELAY_SECONDS)
                while not queue.empty():
                    queue.get_nowait()
                self._try_to_save()
        finally:
            self._hub.feed.leave(queue)

    def _try_to_save(self) -> None:
        """A full disk must not end the demo; the journal says that nothing is kept."""
        try:
            self.save()
        except OSError as error:
            self._hub.note("snapshot", error=error.strerror)

    def save(self) -> None:
        """A reader sees the old file or the new one, never half of one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        half = self._path.with_name(self._path.name + ".new")
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self._hub.world.to_json(), file)
        half.replace(self._path)
