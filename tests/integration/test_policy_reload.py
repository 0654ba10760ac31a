"""A policy that changes under a running bot: it tightens at once, and a bad one changes nothing."""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.integration.engine import Moves, approver, ask, engine, moves, wants

from ironclaw.app import Ironclaw
from ironclaw.errors import SettingsError
from ironclaw.settings import TenantSettings
from ironclaw.task import ApprovalState, Conversation, Decision, Move, WorkflowState, WorkflowView

pytestmark = pytest.mark.sandbox
WRITE = moves(wants("files.write", path="notes/today.md", text="hello"))
ASK = 'permit(principal, action == Action::"run_with_approval", resource);'
NEVER = "forbid(principal, action, resource);"


class Hears(Moves):
    """Wants to write, and says when it has heard what came of it."""

    def __init__(self) -> None:
        super().__init__(WRITE)
        self.heard = asyncio.Event()

    async def plan(self, conversation: Conversation) -> Move:
        move = await super().plan(conversation)
        if move.answer is not None:
            self.heard.set()
        return move


@asynccontextmanager
async def waiting(
    folder: Path, toolboxes: Path, brain: Moves | None = None
) -> AsyncIterator[tuple[Ironclaw, WorkflowView]]:
    """A bot with one review that waits, under a policy of its own."""
    (folder / "p.cedar").write_text(ASK)
    brain = brain or Moves(WRITE)
    async with engine(folder, brain, toolboxes, policy_file=folder / "p.cedar") as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        yield app, view


def noted(folder: Path, tenant: str = "T1") -> list[dict[str, str]]:
    """The changes of policy in a tenant's audit."""
    with closing(sqlite3.connect(folder / "data/ironclaw.db")) as c:
        rows = c.execute("SELECT event FROM audit WHERE tenant = ? ORDER BY n", (tenant,))
        found = [json.loads(event) for (event,) in rows]
    return [each for each in found if each["event"] == "policy_changed"]


async def test_a_tighter_policy_ends_what_waits_at_once(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The file changes: nobody has to click for the review to end, and its workflow goes on.
    """
    async with waiting(tmp_path, built_toolboxes) as (app, view):
        (tmp_path / "p.cedar").write_text(NEVER)
        await app.policies.reload()
        after = await app.wait("T1", view.id, 30)
        ended = await app.approval("T1", view.approval.id)

    assert (WorkflowState.DONE, ApprovalState.SUPERSEDED) == (after.state, ended.state)


async def test_the_file_is_watched(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Nobody has to ask for it.
    """
    monkeypatch.setattr("ironclaw.app.engine.running.WATCH", 0.05)
    brain = Hears()
    async with waiting(tmp_path, built_toolboxes, brain) as (app, view):
        (tmp_path / "p.cedar").write_text(NEVER)
        async with asyncio.timeout(20):
            await brain.heard.wait()
        ended = await app.approval("T1", view.approval.id)

    assert ApprovalState.SUPERSEDED is ended.state


async def test_more_is_asked_of_what_waits(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A quorum that came after the card was drawn: one yes is not enough any more.
    """
    async with waiting(tmp_path, built_toolboxes) as (app, view):
        (tmp_path / "p.cedar").write_text(f'@quorum("2") {ASK}')
        await app.policies.reload()
        first = await app.decide(approver(), view.approval.id, Decision.APPROVE)
        second = await app.decide(approver("slack:T1:U_CY"), view.approval.id, Decision.APPROVE)

    assert (ApprovalState.PENDING, ApprovalState.APPROVED) == (first.state, second.state)


async def test_a_bad_file_changes_nothing(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What cannot be read is refused and complained of once; what waits waits on, under the old policy.
    """
    async with waiting(tmp_path, built_toolboxes) as (app, view):
        before = app.policies.version
        with capture_logs() as logs:
            (tmp_path / "p.cedar").write_text("permit(")
            with pytest.raises(SettingsError, match=r"p\.cedar"):
                await app.policies.reload()
            await app.policies.watch()
            await app.policies.watch()
        after = await app.approval("T1", view.approval.id)

    assert (before, ApprovalState.PENDING) == (app.policies.version, after.state)
    assert ["policy_refused"] == [each["event"] for each in logs if "policy" in each["event"]]
    assert [] == noted(tmp_path)


async def test_a_change_is_in_each_tenants_audit(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    With the version before and the one from then on; also when it changed while nothing ran.
    """
    versions = []
    for text in (ASK, f"{ASK} {NEVER}"):
        (tmp_path / "p.cedar").write_text(text)
        async with engine(tmp_path, Moves(), built_toolboxes, policy_file=tmp_path / "p.cedar") as app:
            versions.append(app.policies.version)
            (tmp_path / "p.cedar").write_text(f"{text} // again")
            await app.policies.reload()
            versions.append(app.policies.version)

    pairs = list(itertools.pairwise(versions))
    assert [pairs, pairs] == [
        [(each["was"], each["now"]) for each in noted(tmp_path, t)] for t in ("T1", "T2")
    ]


async def test_a_tenants_file_that_came_while_nothing_ran(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The next start holds it against what waits, before anybody can click.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
    (tmp_path / "own.cedar").write_text(NEVER)
    own = {"T1": TenantSettings(slack=("T1",), policy_file=tmp_path / "own.cedar"), "T2": TenantSettings()}
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, tenants=own) as app:
        ended = await app.approval("T1", view.approval.id)

    assert ApprovalState.SUPERSEDED is ended.state
