"""Tools of MCP servers: none before people saw it, and none that is not what they saw."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.engine import Moves, approver, ask, moves, wants
from tests.integration.mcp_world import approve, names, polite, world

from ironclaw.task import Decision, WorkflowState

pytestmark = pytest.mark.sandbox


async def test_unseen(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What nobody has approved is not offered, and who looks is told what to do.
    """
    async with world(tmp_path, built_toolboxes, polite=polite(tmp_path)) as app:
        shown = app.mcp.shown("polite")

        assert [] == names(app)
        assert (
            "nobody has approved its tools; see them with: ironclaw mcp-server approve polite"
            == shown["state"]
        )
        assert "    + description: Add two numbers." in shown["differences"]


async def test_approved_and_run(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    An approved tool is a high-risk one of the server's name: a person says yes, then it runs, once.
    """
    brain = Moves(moves(wants("polite.keep_note", text="milk")))
    async with world(tmp_path, built_toolboxes, brain, polite=polite(tmp_path, keyed=("keep_note",))) as app:
        await approve(app, "polite")
        workflow = await app.submit(ask())
        paused = await app.wait("T1", workflow, 20)
        assert paused.approval is not None
        await app.decide(approver(), paused.approval.id, Decision.APPROVE)
        done = await app.wait("T1", workflow, 20)

        assert WorkflowState.DONE == done.state, done.outcome
        assert "kept" in done.outcome
        text, key = (tmp_path / "notes" / "notes").read_text().split()
        assert ("milk", True) == (text, len(key) > 16)
