"""Asking again: after what may pass, and within the time that a turn has."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from ironclaw.task import Move
from ironclaw_plugins.brain_openai.faults import Passing

log = structlog.get_logger(__name__)

ATTEMPTS = 4  #: Of one turn: after 408, 409, 429, 5xx, broken connections and replies that nobody can read.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0  #: Seconds before the next one; the pause doubles.


async def patiently(ask: Callable[[], Awaitable[Move]], until: float, first_pause: float) -> Move:
    """
    :param until: of the event loop's clock: a pause that would end later is not begun
    :raises BrainError: for good, or once too often
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return await ask()
        except Passing as fault:
            pause = _pause(fault, attempt, first_pause)
            if asyncio.get_running_loop().time() + pause >= until:
                raise
            log.info("model_asked_again", why=str(fault), attempt=attempt, seconds=round(pause, 1))
        await asyncio.sleep(pause)
    return await ask()


def _pause(fault: Passing, attempt: int, first_pause: float) -> float:
    """What the server asked for; else longer each time, and not the same for all who wait."""
    if fault.seconds is not None:
        return fault.seconds
    longest = min(LONGEST_PAUSE, first_pause * 2.0 ** (attempt - 1))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # a pause is no secret
