"""A toolbox that is upgraded while calls of the old one wait for people."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cases._supply_world import World
from tests.integration.engine import Moves, approver, ask, engine, moves, wants

from ironclaw.errors import Conflict
from ironclaw.registry.signing import public_key
from ironclaw.task import ApprovalState, Decision

pytestmark = pytest.mark.sandbox
CALL = moves(wants("notes.add"))


async def test_upgrade_supersedes(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    An approval is bound to the digests of what was asked for: after an upgrade it starts nothing.
    """
    world = World(tmp_path)
    trusted = (public_key(world.publisher),)
    await world.add(world.box())
    async with engine(tmp_path, Moves(CALL), built_toolboxes, trusted_signers=trusted) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
    await world.add(world.box(version="1.0.1"))
    async with engine(tmp_path, Moves(CALL), built_toolboxes, trusted_signers=trusted) as app:
        with pytest.raises(Conflict):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 30)
        approval = await app.approval("T1", view.approval.id)

    assert ApprovalState.SUPERSEDED == approval.state
    assert "superseded" in after.outcome
