"""Toolboxes that are added, upgraded and removed beside a bot that runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cases._supply_world import World
from tests.fakes.sandbox import TRAP, toolbox
from tests.integration.engine import Moves, approver, ask, engine, moves, wants

from ironclaw.app import Ironclaw
from ironclaw.errors import Conflict, ToolboxError
from ironclaw.orchestrator import Body
from ironclaw.registry.signing import public_key
from ironclaw.task import ApprovalState, Decision
from ironclaw_bot import local

pytestmark = pytest.mark.sandbox
CALL = moves(wants("notes.add"))
LOW = 'risk = "low"\neffect = "pure"'


@asynccontextmanager
async def opened(world: World, toolboxes: Path) -> AsyncIterator[Ironclaw]:
    """An engine that trusts the world's publisher, with its local door."""
    trusted = (public_key(world.publisher),)
    async with engine(world.folder, Moves(CALL), toolboxes, trusted_signers=trusted) as app:
        door = await local.listen(app, world.folder / "data")
        yield app
        await door.cleanup()


def offered(app: Ironclaw) -> list[str]:
    return [tool.description for tool in app.tools if tool.name == "notes.add"]


async def test_taken_up(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A bot that runs takes up what is added, upgraded and removed, without a restart.
    """
    world = World(tmp_path)
    async with opened(world, built_toolboxes) as app:
        seen = [offered(app)]
        said = await world.add(world.box())
        seen.append(offered(app))
        await world.add(world.box(version="1.0.1", description="Better."))
        seen.append(offered(app))
        await world.tool("rm", "notes")
        seen.append(offered(app))

    assert "The bot that runs has taken it up." in said.out
    assert [[], ["Adds a note."], ["Better."], []] == seen


async def test_upgrade_supersedes(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    An approval is bound to the digests of what was asked for: after an upgrade it starts nothing.
    """
    world = World(tmp_path)
    await world.add(world.box())
    async with opened(world, built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        await world.add(world.box(version="1.0.1"))
        with pytest.raises(Conflict):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 30)
        approval = await app.approval("T1", view.approval.id)

    assert ApprovalState.SUPERSEDED == approval.state
    assert "superseded" in after.outcome


async def test_running_call_keeps_its_code(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A call that has its ticket ends on the code that it began with; the next one has the new code.
    """
    world, run = World(tmp_path), Body.run
    await world.add(world.box(more=LOW))

    async def upgraded_first(*arguments: Any) -> Any:
        monkeypatch.setattr(Body, "run", run)
        await world.add(world.box(toolbox(TRAP), version="1.0.1", more=LOW))
        return await run(*arguments)

    monkeypatch.setattr(Body, "run", upgraded_first)
    async with opened(world, built_toolboxes) as app:
        ends = [(await app.wait("T1", await app.submit(ask()), 30)).outcome for _ in range(2)]

    assert '{"output":{}}' == ends[0]
    assert "trapped" in ends[1]


async def test_bad_reload(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Where something is wrong with a toolbox, a bot that runs goes on with the tools it had.
    """
    world = World(tmp_path)
    await world.add(world.box())
    async with opened(world, built_toolboxes) as app:
        (world.installed / "toolbox.sig").unlink()
        with pytest.raises(ToolboxError, match="not signed"):
            await app.reload()
        seen = offered(app)

    assert ["Adds a note."] == seen
