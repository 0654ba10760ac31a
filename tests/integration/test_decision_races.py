"""Decisions that come at the same moment, or while the workflow runs: one counts, none is slept through."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from tests.integration.engine import BO, Moves, approver, ask, engine, moves, wants

from ironclaw.app import Ironclaw
from ironclaw.errors import Conflict, Expired
from ironclaw.task import ApprovalState, ApprovalView, Decision, WorkflowState

pytestmark = pytest.mark.sandbox
CY = "slack:T1:U_CY"
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


@asynccontextmanager
async def waiting(folder: Path, toolboxes: Path) -> AsyncIterator[tuple[Ironclaw, ApprovalView]]:
    """A write that waits for people."""
    write = moves(wants("files.write", path="a.md", text="x"))
    async with engine(folder, Moves(write), toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        yield app, view.approval


def events(folder: Path) -> Counter[str]:
    """How often each event is in the tenant's audit."""
    with closing(sqlite3.connect(folder / "data/ironclaw.db")) as c:
        found = c.execute("SELECT json_extract(event, '$.event') FROM audit WHERE tenant = 'T1'")
        return Counter(row[0] for row in found)


async def pressed(app: Ironclaw, value: str, who: str, decision: Decision) -> str:
    """What came of one press: "" when it decided."""
    try:
        await app.press(approver(who), value, decision)
    except (Conflict, Expired) as lost:
        return type(lost).__name__
    return ""


async def test_a_hundred_clicks_at_once(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Of a hundred approvals of one card at once one decides, the others hear that somebody was first, and the
    call runs once.
    """
    async with waiting(tmp_path, built_toolboxes) as (app, approval):
        value = app.button(approval)
        clicks = [pressed(app, value, who, Decision.APPROVE) for who in (BO, CY) * 50]
        results = Counter(await asyncio.gather(*clicks))
        await app.wait("T1", approval.workflow_id, 30)

    found = events(tmp_path)
    assert {"": 1, "Conflict": 99} == results
    assert (1, 1) == (found["approval_approved"], found["call_executing"])


@pytest.mark.parametrize("first", [Decision.APPROVE, Decision.DENY])
async def test_yes_against_no(tmp_path: Path, built_toolboxes: Path, first: Decision) -> None:
    """
    Whoever wins, there is one decision, and what was done is what it says.
    """
    both = [first, Decision.DENY if first is Decision.APPROVE else Decision.APPROVE] * 25
    async with waiting(tmp_path, built_toolboxes) as (app, approval):
        value = app.button(approval)
        clicks = [pressed(app, value, (BO, CY)[n % 2], each) for n, each in enumerate(both)]
        results = await asyncio.gather(*clicks)
        await app.wait("T1", approval.workflow_id, 30)
        shown = await app.approval("T1", approval.id)

    found = events(tmp_path)
    ran = shown.state is ApprovalState.APPROVED
    assert (1, 1) == (results.count(""), found["approval_approved"] + found["approval_denied"])
    assert [int(ran), ran] == [found["call_executing"], (tmp_path / "data/mnt/scratch/T1/a.md").exists()]


async def test_two_processes_on_one_file(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A second process does not get the database while the first has it; decisions go through the first.
    """
    second = (
        "import asyncio, sys, pathlib\n"
        "from ironclaw.store import Store\n"
        "try:\n    asyncio.run(Store.open(pathlib.Path(sys.argv[1])))\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    async with waiting(tmp_path, built_toolboxes) as (app, approval):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", second, str(tmp_path / "data/ironclaw.db"), stdout=asyncio.subprocess.PIPE
        )
        said = (await child.communicate())[0].decode()
        results = await asyncio.gather(
            *(pressed(app, app.button(approval), who, Decision.APPROVE) for who in (BO, CY))
        )
        await app.wait("T1", approval.workflow_id, 30)

    assert said.startswith("StoreError Another ironclaw process uses this data_dir.")
    assert (["", "Conflict"], 1) == (sorted(results), events(tmp_path)["call_executing"])
