"""Decisions that come while the workflow still runs: none of them is slept through."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.engine import Moves, approver, ask, engine, moves, wants

from ironclaw.task import Decision, WorkflowState

pytestmark = pytest.mark.sandbox
BOTH = moves(wants("files.list", "c1"), wants("files.write", "c2", path="a.md", text="x"))


@pytest.mark.parametrize(("decision", "is_written"), [(Decision.APPROVE, True), (Decision.DENY, False)])
async def test_decided_just_before_the_pause(
    tmp_path: Path,
    built_toolboxes: Path,
    monkeypatch: pytest.MonkeyPatch,
    decision: Decision,
    is_written: bool,
) -> None:
    """
    A decision that falls between the last harmless call and the pause is acted upon.
    """
    async with engine(tmp_path, Moves(BOTH), built_toolboxes) as app:
        pause = app._store.workflows.pause

        async def decide_first(flow, now):  # type: ignore[no-untyped-def]
            [approval] = await app.approvals("T1")
            monkeypatch.undo()
            await app.decide(approver(), approval.id, decision)
            await pause(flow, now)

        monkeypatch.setattr(app._store.workflows, "pause", decide_first)
        view = await app.wait("T1", await app.submit(ask()), 10)

    assert WorkflowState.DONE is view.state
    assert is_written is (tmp_path / "data/mnt/scratch/T1/a.md").exists()
