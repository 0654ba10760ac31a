"""Doing a task again that failed or was stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.engine import ADA, BO, Moves, approver, ask, engine, moves, wants

from ironclaw.app import Ironclaw
from ironclaw.errors import Conflict, NotFound, Refused
from ironclaw.settings import TenantSettings
from ironclaw.store import reading
from ironclaw.task import Address, Conversation, Decision, Move, Principal, WorkflowState, WorkflowView

pytestmark = pytest.mark.sandbox
WRITE = moves(wants("files.write", path="a.md", text="x"))
ME = Principal("T1", ADA)
CLI = Address("cli")


async def stopped(app: Ironclaw, **more: object) -> WorkflowView:
    """A workflow that waited for its card and was stopped."""
    view = await app.wait("T1", await app.submit(ask(**more)), 30)
    return await app.stopping.cancel(ME, view.id)


async def test_as_it_was_asked(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The same words, tools, context, thread and place, noted as a repetition; who retries it is who asks, by
    the door that they came by.
    """
    brain = Moves(WRITE)
    asked = {"thread": "C1:1.1", "tools": ("files.write",), "context": {"a": "\n\nContext"}, "brain": "test"}
    async with engine(tmp_path, brain, built_toolboxes) as app:
        first = await stopped(app, text="do it", **asked)
        again = await app.wait("T1", await app.retrying.retry(approver(), first.id, CLI), 30)
        with reading(tmp_path / "data" / "ironclaw.db") as database:
            old, new = database.execute("SELECT * FROM workflows ORDER BY created_at").fetchall()

    same = ("tenant", "text", "place", "reply_door", "thread", "tools", "brain")
    assert [old[name] for name in same] == [new[name] for name in same]
    assert brain.seen[0].messages[-1] == brain.seen[1].messages[-1]
    assert (first.id, BO, "cli") == (again.retry_of, again.requester, new["door"])


async def test_asks_people_anew(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What was approved the first time is asked again, and who retries it cannot approve it.
    """
    brain = Moves(WRITE, moves(wants("files.write", path="b.md", text="x")))
    async with engine(tmp_path, brain, built_toolboxes) as app:
        first = await app.wait("T1", await app.submit(ask()), 30)
        await app.decide(approver(), first.approval.id, Decision.APPROVE)
        await app.wait("T1", first.id, 30)
        await app.stopping.cancel(ME, first.id)
        (tmp_path / "data/mnt/scratch/T1/a.md").unlink()
        again = await app.wait("T1", await app.retrying.retry(approver(), first.id, CLI), 30)

        assert WorkflowState.PAUSED is again.state
        with pytest.raises(Refused, match="your own request"):
            await app.decide(approver(), again.approval.id, Decision.APPROVE)
    assert not (tmp_path / "data/mnt/scratch/T1/a.md").exists()


@pytest.mark.parametrize(
    ("who", "error"),
    [(Principal("T1", "slack:T1:U_EVE"), Refused), (Principal("T2", ADA, frozenset({"approver"})), NotFound)],
)
async def test_not_by_anybody(
    tmp_path: Path, built_toolboxes: Path, who: Principal, error: type[Exception]
) -> None:
    """
    Somebody else cannot have it done again, and for another tenant it is not there.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        first = await stopped(app)
        with pytest.raises(error):
            await app.retrying.retry(who, first.id, CLI)
        assert 1 == len(await app.workflows("T1"))


async def test_only_what_came_to_nothing(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What is done, or still under way, is not done again; the same delivery retries once.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        with pytest.raises(Conflict, match="paused"):
            await app.retrying.retry(ME, view.id, CLI)
        await app.stopping.cancel(ME, view.id)
        ids = {await app.retrying.retry(ME, view.id, CLI, ("slack", "T1:trigger")) for _ in range(2)}
        await app.wait("T1", *ids, 30)

        assert 2 == len(await app.workflows("T1"))


async def test_answered_where_it_is_asked(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A task whose answer only its caller could fetch is answered where it is retried.
    """

    class Says:
        async def plan(self, conversation: Conversation) -> Move:
            return Move(answer="no", failed=True)

    async with engine(tmp_path, Says(), built_toolboxes) as app:
        first = await app.submit(ask(door="http"))
        await app.wait("T1", first, 30)
        here = Address("test", {"channel": "C9"})
        other = await app.submit(replace(ask(), reply_to=Address("http")))
        await app.wait("T1", other, 30)
        new = [await app.retrying.retry(ME, each, here) for each in (first, other)]
        flows = [await app._store.workflows.load(each) for each in new]

    assert ["C1", "C9"] == [flow.address.place["channel"] for flow in flows]


async def test_who_sees_what(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A list shows a member their own tasks, by whatever identity they asked, and an approver all tasks.
    """
    people = {"ada": (ADA, "local:ada")}
    tenants = {"T1": TenantSettings(slack=("T1",), people=people), "T2": TenantSettings(slack=("T2",))}
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, tenants=tenants) as app:
        asked = [(ADA, "T1"), (BO, "T1"), ("local:ada", "T1"), (ADA, "T2")]
        ids = [await app.submit(ask(requester=who, tenant=tenant)) for who, tenant in asked]
        mine = [view.id for view in await app.workflows_for(ME)]
        newest = [view.id for view in await app.workflows_for(ME, 1)]
        everybodys = [view.id for view in await app.workflows_for(approver())]

    assert ([ids[2], ids[0]], [ids[2]], ids[2::-1]) == (mine, newest, everybodys)
