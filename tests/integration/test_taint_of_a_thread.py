"""What one task of a thread has read is before the brain of the next one, and so taints that too."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.engine import Moves, ask, engine, moves, wants

from ironclaw.task import Move, WorkflowState

pytestmark = pytest.mark.sandbox
OUT = moves(wants("http.get", "c2", url="https://a.example/?q=1"))


@pytest.mark.parametrize(("thread", "taint"), [("x", {"files"}), ("another", set())])
async def test_the_next_task_asks(
    tmp_path: Path, built_toolboxes: Path, thread: str, taint: set[str]
) -> None:
    """
    After a task that read a file a call that goes out waits for a person in its thread, and in no other.
    """
    brain = Moves(moves(wants("files.list")), Move(answer="There are none."))
    async with engine(tmp_path, brain, built_toolboxes, http_allow=("a.example",)) as app:
        read = await app.wait("T1", await app.submit(ask(thread="x")), 30)
        brain.moves = (OUT,)
        view = await app.wait("T1", await app.submit(ask(thread=thread)), 30)
        flow = await app._store.workflows.load(view.id)

    assert WorkflowState.DONE is read.state
    assert (WorkflowState.PAUSED if taint else WorkflowState.DONE) is view.state
    assert frozenset(taint) == flow.calls[0].circumstances.taint
