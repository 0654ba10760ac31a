"""How a workflow ends when a person, a clock or the operator's list says no, with the brain ``commands``."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.fakes.services import PlainServices
from tests.integration.engine import ADA, BO, approver, ask, engine

from ironclaw.app import Ironclaw
from ironclaw.errors import Refused
from ironclaw.settings import Settings
from ironclaw.task import ApprovalView, Decision, Principal, WorkflowState, WorkflowView
from ironclaw_plugins.brain_commands import Commands

pytestmark = pytest.mark.sandbox
BRAIN = Commands(PlainServices(Settings()))
WRITE = "files.write path=a.md text=x"


async def asked(app: Ironclaw, text: str = WRITE) -> WorkflowView:
    return await app.wait("T1", await app.submit(ask(text)), 30)


async def waiting(app: Ironclaw) -> ApprovalView:
    approval = (await asked(app)).approval
    assert approval is not None
    return approval


def last_notices(folder: Path) -> list[dict[str, object]]:
    """The bodies of the last status and of what stands for the answer."""
    with closing(sqlite3.connect(folder / "data/ironclaw.db")) as c:
        rows = c.execute("SELECT body FROM outbox WHERE kind <> 'card' ORDER BY id DESC LIMIT 2").fetchall()
    return [json.loads(body) for (body,) in reversed(rows)]


async def test_denied(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A no fails the workflow; it says who said it, of what, and why, in words for people.
    """
    async with engine(tmp_path, BRAIN, built_toolboxes) as app:
        approval = await waiting(app)
        await app.decide(approver(), approval.id, Decision.DENY, reason="not today")
        after = await app.wait("T1", approval.workflow_id, 30)
    status, failure = last_notices(tmp_path)

    said = f"{BO} denied files.write. Nothing was run. Reason: not today"
    assert (WorkflowState.FAILED, said) == (after.state, after.outcome)
    assert ("Denied.", {"text": said, "by": BO}) == (status["text"], failure)


async def test_withdrawn(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Who asked may take it back, and may not approve it.
    """
    ada = Principal("T1", ADA)
    async with engine(tmp_path, BRAIN, built_toolboxes) as app:
        approval = await waiting(app)
        with pytest.raises(Refused):
            await app.decide(ada, approval.id, Decision.APPROVE)
        await app.decide(ada, approval.id, Decision.DENY)
        after = await app.wait("T1", approval.workflow_id, 30)

    assert "Taken back by the one who asked: files.write. Nothing was run." == after.outcome
    with closing(sqlite3.connect(tmp_path / "data/ironclaw.db")) as c:
        [[event]] = c.execute("SELECT event FROM audit WHERE event LIKE '%approval_denied%'").fetchall()
    assert f'"{ADA}"' in event


async def test_nobody_else_takes_it_back(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Somebody who neither asked nor approves denies nothing.
    """
    async with engine(tmp_path, BRAIN, built_toolboxes) as app:
        approval = await waiting(app)
        with pytest.raises(Refused):
            await app.decide(Principal("T1", "slack:T1:U_DI"), approval.id, Decision.DENY)

        assert (approval.id,) == tuple(each.id for each in await app.approvals("T1"))


async def test_expired(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    When nobody decides in time, status and outcome say so.
    """
    now = [1_800_000_000.0]
    async with engine(tmp_path, BRAIN, built_toolboxes, clock=lambda: now[0]) as app:
        approval = await waiting(app)
        now[0] += 3601
        while (after := await app.wait("T1", approval.workflow_id, 5)).state is WorkflowState.PAUSED:
            pass
        after = await app.wait("T1", after.id, 30)
    status, _ = last_notices(tmp_path)

    assert (WorkflowState.FAILED, "Nobody decided in time. Nothing was run.") == (after.state, after.outcome)
    assert "Expired." == status["text"]


async def test_failed(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A tool that fails fails the workflow.
    """
    async with engine(tmp_path, BRAIN, built_toolboxes) as app:
        after = await asked(app, "files.read path=nowhere.md")
    status, _ = last_notices(tmp_path)

    assert (WorkflowState.FAILED, "Failed.") == (after.state, status["text"])


@pytest.mark.parametrize("tool", ["http.get", "http.post"])
@pytest.mark.parametrize("allowed", [(), ("api.example.org",)])
async def test_host_beside_the_list(
    tmp_path: Path, built_toolboxes: Path, tool: str, allowed: tuple[str, ...]
) -> None:
    """
    A host that the operator does not list is refused before anybody is asked, with the remedy.
    """
    async with engine(tmp_path, BRAIN, built_toolboxes, http_allow=allowed) as app:
        after = await asked(app, f"{tool} url=https://example.com/secret?q=1")

    remedy = "The operator adds hosts with IRONCLAW_HTTP_ALLOW."
    said = f"example.com is not on the allowlist, so nothing was sent. {remedy}"
    assert (WorkflowState.FAILED, said) == (after.state, after.outcome)
