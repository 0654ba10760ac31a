"""The whole engine on PostgreSQL, in one process and in several."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.postgres import NOT_INSTALLED, Cluster, cluster, programs
from tests.integration.engine import Moves, approver, ask, engine, moves, wants

from ironclaw.task import CallState, Decision, WorkflowState

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as found:
        yield found


@pytest.fixture
def url(server: Cluster) -> str:
    return server.new_database()


def write(text: str = "hello") -> Moves:
    return Moves(moves(wants("files.write", path="a.txt", text=text)))


async def test_pause_approve_and_run(tmp_path: Path, built_toolboxes: Path, url: str) -> None:
    """
    A task waits for its approver, and goes on when they have said yes.
    """
    more = {"database_url": url, "scratch_dir": tmp_path / "shared"}
    async with engine(tmp_path, write(), built_toolboxes, **more) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 30)

    assert (WorkflowState.PAUSED, WorkflowState.DONE) == (view.state, after.state)
    assert "hello" == (tmp_path / "shared/T1/a.txt").read_text()


async def test_any_process_decides_and_goes_on(tmp_path: Path, built_toolboxes: Path, url: str) -> None:
    """
    What one process has asked, another one approves and runs; files are where both look.
    """
    both = {"database_url": url, "scratch_dir": tmp_path / "shared"}
    async with engine(tmp_path / "a", write(), built_toolboxes, **both) as first:
        view = await first.wait("T1", await first.submit(ask()), 30)
    async with engine(tmp_path / "b", write(), built_toolboxes, **both) as second:
        assert view.approval is not None
        decided = await second.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await second.wait("T1", view.id, 30)

    assert (CallState.APPROVED, WorkflowState.DONE) == (decided.call_state, after.state)
    assert "hello" == (tmp_path / "shared/T1/a.txt").read_text()
