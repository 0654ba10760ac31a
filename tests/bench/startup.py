"""What a start costs where much is open: ``python -m tests.bench.startup [COUNT]``.

Two databases with as many workflows, made from one that the engine paused: in one all wait for people, in the
other all are in the queue and none can be finished, because the brain never answers.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ironclaw.app import open_app
from ironclaw.task import Conversation, Move
from tests.bench.measure import say
from tests.bench.scale import _template
from tests.bench.workflows import Listener
from tests.cases.__main__ import hush
from tests.fakes.sandbox import resident
from tests.integration.engine import BrainPlugin, settings

COUNT = 10_000
#: What makes of a paused workflow one that has not begun.
QUEUED = (
    "DELETE FROM approvals",
    "DELETE FROM tool_calls",
    "DELETE FROM messages WHERE role <> 'user'",
    "UPDATE workflows SET state = 'queued', version = 1, steps = 0",
)


class Never:
    """A brain that does not answer; and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def plan(self, conversation: Conversation) -> Move:
        self.asked += 1
        await asyncio.get_running_loop().create_future()
        raise AssertionError


@dataclass(frozen=True, slots=True)
class Start:
    """One start."""

    ready: float  #: Seconds until it takes tasks; opening workers and plugins is in it.
    memory: int  #: Bytes more than before the start.
    tasks: int  #: Of asyncio, then.
    asked: int  #: Workflows at work a moment later.

    def __str__(self) -> str:
        return (
            f"ready after {self.ready:.3f} s, +{self.memory / 1e6:.1f} MB, {self.tasks} tasks, "
            f"{self.asked} at work"
        )


async def started(folder: Path) -> Start:
    """The engine on a folder, in this process."""
    brain = Never()
    gc.collect()
    before, began = resident(os.getpid()), time.perf_counter()
    plugins = {"test_brain": lambda _services: BrainPlugin(brain)}
    async with open_app(settings(folder, workers=1), toolboxes=[folder / "bench"], plugins=plugins) as app:
        ready = time.perf_counter() - began
        app.speak("test", Listener())
        tasks = len(asyncio.all_tasks())
        gc.collect()
        memory = resident(os.getpid()) - before
        await asyncio.sleep(1)
        return Start(ready, memory, tasks, brain.asked)


async def measure(count: int) -> Iterator[str]:
    """A line for each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copies = await _template(folder)
        await started(folder)  # Modules are loaded, code is compiled.
        lines = [f"empty: {await started(folder)}"]
        copies.fill(count)
        lines.append(f"{count} paused: {await started(folder)}")
        with closing(sqlite3.connect(copies.database, isolation_level=None)) as c:
            for change in QUEUED:
                c.execute(change)
        lines.append(f"{count} queued: {await started(folder)}")
    return iter(lines)


if __name__ == "__main__":
    hush()
    for line in asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)):
        say(line)
