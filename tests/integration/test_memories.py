"""Memory through the whole engine: what gets in, who is given it, what it taints, and that it can be forgotten."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.engine import ADA, BO, Moves, approver, ask, engine, moves, wants

from ironclaw.app import Ironclaw
from ironclaw.errors import BadRequest, NotFound, Refused
from ironclaw.memory import Visibility
from ironclaw.task import Brain, Decision, Move, Principal, Role, WorkflowState
from ironclaw_plugins.memory_qdrant.plugin import MemoryQdrant

FACT = "Production deploys of billing happen on Tuesdays"
QUESTION = "When do production deploys of billing happen?"
REMINDED = Principal("T1", ADA)


@contextlib.asynccontextmanager
async def remembering(folder: Path, brain: Brain, toolboxes: Path, **changes: Any) -> AsyncIterator[Ironclaw]:
    """The whole engine with the index in files."""
    async with engine(folder, brain, toolboxes, {"memory_qdrant": MemoryQdrant}, **changes) as app:
        yield app


async def said(app: Ironclaw, text: str = FACT, by: str = ADA, tenant: str = "T1", **more: Any) -> str:
    """Have a person remember something for everybody; its id."""
    visibility = more.pop("visibility", Visibility.EVERYBODY)
    kept = await app.memories.remember(Principal(tenant, by), text, visibility, **more)
    return kept.memory.id


def reminders(brain: Moves) -> list[str]:
    """The recollections that the brain has seen."""
    messages = brain.seen[-1].messages
    return [each.text for each in messages if each.role is Role.USER and each.source == "memory"]


async def test_a_brain_is_reminded(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What a person had remembered is before the brain of a later task, with its id and who said it, and the task
    is still the last word.
    """
    brain = Moves(Move(answer="On Tuesdays."))
    async with remembering(tmp_path, brain, built_toolboxes) as app:
        memory = await said(app)
        await app.wait("T1", await app.submit(ask(QUESTION)), 30)

    [reminded] = reminders(brain)
    assert f"- {memory} by {ADA}" in reminded
    assert FACT in reminded
    assert QUESTION == brain.seen[-1].messages[-1].text
