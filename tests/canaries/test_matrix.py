"""The canary matrix: what one tenant did is in no sink of another's, in no form."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ironclaw.store.sql import sql
from tests.canaries.marks import foreign
from tests.canaries.scenes import SCENES, Scene, approved, kept, listed, waiting, wondered
from tests.canaries.world import TEAMS, TENANTS, World, a_world

AT_ONCE = 3
#: What each scene puts somewhere: a scene that did nothing would hide nothing.
WENT = {"a file", "a waiting file", "an error", "a memory", "a question", "an answer", "a long file"} | {
    "a name of a client",
    "a client's file",
    "a thread",
    "a schedule",
}
pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(120)]


async def play(world: World, scenes: Sequence[Scene]) -> None:
    """Every scene of every tenant, some at a time, in an order of chance that a failure says."""
    seed = secrets.randbits(32)
    print(f"order: {seed}")
    turns = [(scene, tenant) for scene in scenes for tenant in TENANTS]
    random.Random(seed).shuffle(turns)  # an order, no secret
    for start in range(0, len(turns), AT_ONCE):
        await asyncio.gather(*(scene(world, tenant) for scene, tenant in turns[start : start + AT_ONCE]))
    for tenant in TENANTS:
        await listed(world, tenant)
    await world.background.drain()


def leaks(world: World) -> list[str]:
    return [leak for each in TENANTS for leak in foreign(world.sinks(each), each, world.marks)]


async def test_no_mark_is_elsewhere(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Three tenants do everything, shuffled, through Slack, HTTP and the command line: no sink of one holds a
    mark of another, while each holds its own.
    """
    async with a_world(tmp_path, built_toolboxes) as world:
        await play(world, SCENES)
        sinks = {tenant: world.sinks(tenant) for tenant in TENANTS}
    found = [leak for each in TENANTS for leak in foreign(sinks[each], each, world.marks)]
    own = {
        (tenant, sink)
        for tenant, held in sinks.items()
        for sink, data in held.items()
        if world.marks[tenant].within(data)
    }

    went = {
        (each, where)
        for each in TENANTS
        for held in sinks[each].values()
        for where in world.marks[each].within(held)
    }
    everywhere = {"replies", "model requests", "tool calls", "summaries", "files", "audit"}
    assert [] == found
    assert all(sinks[each][sink] for each in TENANTS for sink in ("log", "index"))
    assert {(each, sink) for each in TENANTS for sink in everywhere} <= own
    assert {(each, "Slack") for each in TEAMS} <= own
    assert {(each, where) for each in TENANTS for where in WENT} <= went


def everybodys(table: str, order: str = "1") -> Callable[..., Any]:
    """The statement without its tenant."""
    return lambda c, **_: c.execute(f"SELECT * FROM {table} ORDER BY {order}").fetchall()


@pytest.mark.parametrize(
    ("name", "table", "scenes"),
    [
        ("workflows_of", "workflows", (approved,)),
        ("schedules_of", "schedules", (kept,)),
        ("secrets_of", "secrets", (kept,)),
        ("pending_approvals", "approvals", (waiting,)),
        ("open_questions", "questions", (wondered,)),
    ],
)
async def test_a_filter_that_is_dropped(
    tmp_path: Path,
    built_toolboxes: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    table: str,
    scenes: Sequence[Scene],
) -> None:
    """
    Where one statement loses its tenant, the matrix finds other tenants' marks.
    """
    async with a_world(tmp_path, built_toolboxes) as world:
        monkeypatch.setattr(sql, name, everybodys(table))
        await play(world, scenes)

        assert leaks(world)
