"""What goes on after the acknowledgement: small courtesies that nothing durable depends on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class Background:
    """Holds running tasks, so that none is lost half way and all can be awaited."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run it; a failure is logged and goes nowhere else."""
        task = asyncio.create_task(_quietly(work, name), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def drain(self) -> None:
        """Wait until nothing is left."""
        while self._running:
            await asyncio.wait(set(self._running))


async def _quietly(work: Coroutine[Any, Any, None], name: str) -> None:
    try:
        await work
    # The reply to Slack is long gone: the log is the only place left to say it.
    except Exception as error:  # noqa: BLE001
        log.warning("slack_courtesy_failed", what=name, error=type(error).__name__)
