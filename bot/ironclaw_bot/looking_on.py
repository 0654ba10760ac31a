"""A task on a terminal: what the model writes is printed while it writes."""

from __future__ import annotations

import sys
import time

from ironclaw.showing import in_terminal
from ironclaw.task import Json
from ironclaw_bot.ending import STATES, unseen
from ironclaw_bot.local import Here, Remote

PART = 10.0  #: Seconds that one question at the door is held.


async def look_on(door: Remote | Here, found: Json, wait: float) -> tuple[Json, str]:
    """Print what is written until the task has ended, waits for people, or the seconds are over.

    :param found: the task as it was just submitted
    :return: how it stands, and what of its last text stands on the terminal already
    """
    until, seen = time.monotonic() + wait, ""
    while found["state"] not in STATES and (left := until - time.monotonic()) > 0:
        words = {"tenant": found["tenant"], "workflow_id": found["workflow_id"], "seen": seen}
        found = await door.ask("follow", **words, wait=min(left, PART))
        seen = _written(found["draft"], seen)
    return found, seen


def _written(draft: str, seen: str) -> str:
    """Print what is new of a draft; a text that does not go on from the one before is another one."""
    if not draft or draft == seen:
        return seen
    sys.stdout.write(in_terminal(unseen(draft, seen)))
    sys.stdout.flush()
    return draft
