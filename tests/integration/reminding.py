"""The whole engine with a memory, and what tests of it say and see."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.integration.engine import ADA, Moves, ask, engine

from ironclaw.app import Ironclaw
from ironclaw.hookspecs import Services
from ironclaw.memory import Visibility
from ironclaw.task import Address, Brain, Principal, Role, WorkflowView
from ironclaw_plugins.memory_qdrant.plugin import MemoryQdrant

FACT = "Production deploys of billing happen on Tuesdays"
QUESTION = "When do production deploys of billing happen?"
HERE = "test:C1"  #: Where :func:`tests.integration.engine.ask` asks.


@contextlib.asynccontextmanager
async def remembering(
    folder: Path,
    brain: Brain,
    toolboxes: Path,
    clock: Callable[[], float] | None = None,
    *,
    has_index: bool = True,
    also: Mapping[str, Callable[[Services], object]] = MappingProxyType({}),
    **changes: Any,
) -> AsyncIterator[Ironclaw]:
    """The whole engine with the index in files.

    :param also: plugins beside it
    """
    plugins = {**({"memory_qdrant": MemoryQdrant} if has_index else {}), **also}
    async with engine(folder, brain, toolboxes, plugins, clock, **changes) as app:
        yield app


async def said(app: Ironclaw, text: str = FACT, by: str = ADA, tenant: str = "T1", **more: Any) -> str:
    """Have a person remember something, for everybody unless they say otherwise; its id."""
    visibility = more.pop("visibility", Visibility.EVERYBODY)
    kept = await app.memories.remember(Principal(tenant, by), text, visibility, **more)
    return kept.memory.id


async def asked(app: Ironclaw, text: str = QUESTION, channel: str = "C1", **more: Any) -> WorkflowView:
    """Ask, and wait for what comes of it."""
    task = ask(text, door="test", **more)
    object.__setattr__(task, "reply_to", Address("test", {"channel": channel}))
    return await app.wait(task.tenant, await app.submit(task), 30)


def reminders(brain: Moves, turn: int = -1) -> list[str]:
    """The recollections that the brain has seen in a turn."""
    messages = brain.seen[turn].messages
    return [each.text for each in messages if each.role is Role.USER and each.source == "memory"]
