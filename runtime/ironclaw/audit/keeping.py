"""Writes checkpoints while the bot runs, and a last one when it stops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import structlog

from ironclaw.audit.checkpoints import Checkpoints
from ironclaw.errors import IronclawError
from ironclaw.store import Store

EVERY = 60.0  #: Seconds: what is younger than the last checkpoint can be cut off unseen.

log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def keep_checkpoints(
    store: Store, checkpoints: Checkpoints, clock: Callable[[], float]
) -> AsyncIterator[None]:
    """A checkpoint now, every minute, and at the end of the block."""

    async def write() -> None:
        # The bot goes on without: its log says so, and `audit verify` shows the age of the newest.
        try:
            heads = await store.audit_heads()
            await asyncio.to_thread(checkpoints.write, heads, clock())
        except IronclawError as error:
            log.error("checkpoint_failed", error=str(error))

    async def for_ever() -> None:
        while True:
            await asyncio.sleep(EVERY)
            await write()

    await write()
    chore = asyncio.create_task(for_ever(), name="checkpoints")
    try:
        yield
    finally:
        chore.cancel()
        await asyncio.gather(chore, return_exceptions=True)
        await write()
