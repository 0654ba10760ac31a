"""An approval is bound to exactly what would run; a thief with the database cannot make one."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.engine import BO, Moves, approver, ask, engine, moves, wants

from ironclaw.errors import Conflict, Expired
from ironclaw.hookspecs import hookimpl
from ironclaw.settings import TenantSettings
from ironclaw.store import Spent
from ironclaw.task import (
    ApprovalState,
    CallState,
    Decision,
    Opinion,
    ToolCall,
    Verdict,
    WorkflowState,
    WorkflowView,
)
from ironclaw.terms import Terms

pytestmark = pytest.mark.sandbox
WRITE = moves(wants("files.write", path="notes/today.md", text="hello"))


@contextmanager
def thief(folder: Path) -> Iterator[sqlite3.Connection]:
    """Somebody who can write the database file and knows the schema, but not the key."""
    with closing(sqlite3.connect(folder / "data/ironclaw.db")) as c, c:
        yield c


async def pause(folder: Path, toolboxes: Path) -> WorkflowView:
    """A write that waits; the process ends."""
    async with engine(folder, Moves(WRITE), toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
    assert view.approval is not None
    return view


def written(folder: Path) -> list[str]:
    return [each.read_text() for each in (folder / "data/mnt/scratch/T1").rglob("*") if each.is_file()]


def pretend_approved(c: sqlite3.Connection, view: WorkflowView) -> None:
    c.execute("UPDATE approvals SET state = 'approved'")
    c.execute("UPDATE tool_calls SET state = 'approved'")
    c.execute("UPDATE workflows SET state = 'running'")


async def test_changed_arguments_cannot_be_approved(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Arguments edited in the database are not what was asked: approving them runs nothing.
    """
    view = await pause(tmp_path, built_toolboxes)
    with thief(tmp_path) as c:
        c.execute("UPDATE tool_calls SET args = replace(args, 'hello', 'evil')")
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        with pytest.raises(Conflict):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 30)

    assert ([], WorkflowState.DONE) == (written(tmp_path), after.state)


@pytest.mark.parametrize("forge", ["no decision", "a decision without a seal", "a seal from elsewhere"])
async def test_a_state_without_a_sealed_decision_runs_nothing(
    tmp_path: Path, built_toolboxes: Path, forge: str
) -> None:
    """
    Rows that say approved are not a decision: the seal of an approver over this very call is.
    """
    view = await pause(tmp_path, built_toolboxes)
    at, seal = view.approval.created_at, "0" * 64
    if forge == "a seal from elsewhere":
        async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
            other = await app.wait("T1", await app.submit(ask()), 30)
            await app.decide(approver(), other.approval.id, Decision.APPROVE)
            await app.wait("T1", other.id, 30)
        with thief(tmp_path) as c:
            at, seal = c.execute("SELECT at, mac FROM decisions").fetchone()
        for each in (tmp_path / "data/mnt/scratch/T1").rglob("*.md"):
            each.unlink()
    with thief(tmp_path) as c:
        c.execute("UPDATE approvals SET state = 'approved' WHERE id = ?", (view.approval.id,))
        c.execute("UPDATE tool_calls SET state = 'approved' WHERE workflow_id = ?", (view.id,))
        c.execute("UPDATE workflows SET state = 'running' WHERE id = ?", (view.id,))
        if forge != "no decision":
            row = (view.approval.id, BO, "approve", "", at, seal)
            columns = "(approval_id, principal, decision, reason, at, mac)"
            c.execute(f"INSERT INTO decisions {columns} VALUES (?, ?, ?, ?, ?, ?)", row)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        after = await app.wait("T1", view.id, 30)
        shown = await app.approval("T1", view.approval.id)

    assert (WorkflowState.DONE, CallState.SUPERSEDED) == (after.state, shown.call_state)
    assert [] == written(tmp_path)


async def test_a_low_call_made_of_a_high_one_runs_nothing(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A row without its approval is not an allowed call: policy is asked again before it runs.
    """
    view = await pause(tmp_path, built_toolboxes)
    with thief(tmp_path) as c:
        pretend_approved(c, view)
        c.execute("DELETE FROM approvals")
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        await app.wait("T1", view.id, 30)

    assert [] == written(tmp_path)


async def test_a_tighter_policy_ends_what_waits(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A policy that came to forbid the call after the card was drawn: approving runs nothing.
    """
    view = await pause(tmp_path, built_toolboxes)
    policy = tmp_path / "other.cedar"
    policy.write_text("forbid(principal, action, resource);")
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, policy_file=policy) as app:
        with pytest.raises(Conflict):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)

    assert [] == written(tmp_path)


async def test_a_looser_policy_lets_nothing_go(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A policy that came to allow the call after the card was drawn: it waits still, and a person decides.
    """
    view = await pause(tmp_path, built_toolboxes)
    policy = tmp_path / "other.cedar"
    policy.write_text("permit(principal, action, resource);")
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, policy_file=policy) as app:
        await app._veto.tighten()
        waits = await app.wait("T1", view.id, 0.2)
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        await app.wait("T1", view.id, 30)

    assert (WorkflowState.PAUSED, 1) == (waits.state, len(written(tmp_path)))


async def test_another_manifest_ends_what_waits(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A toolbox that changed after the card was drawn, if only in one word: approving runs nothing.
    """
    boxes = tmp_path / "boxes"
    shutil.copytree(built_toolboxes / "standard", boxes / "standard")
    view = await pause(tmp_path, boxes)
    manifest = boxes / "standard/toolbox.toml"
    manifest.write_text(manifest.read_text() + "\n# upgraded\n")
    async with engine(tmp_path, Moves(WRITE), boxes) as app:
        with pytest.raises(Conflict):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)

    assert [] == written(tmp_path)


@pytest.mark.parametrize("approvers", [(), ("slack:T1:U_CY",), ("slack:T2:U_BO",)])
async def test_an_approver_who_is_none_any_more(
    tmp_path: Path, built_toolboxes: Path, approvers: tuple[str, ...]
) -> None:
    """
    Taken off the list between the click and the run: nothing runs.
    """
    view = await pause(tmp_path, built_toolboxes)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        await app._veto.decide(
            approver(), view.approval.id, Decision.APPROVE
        )  # Decided; the host stops here.
    tenants = {"T1": TenantSettings(approvers=approvers), "T2": TenantSettings()}
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, tenants=tenants) as app:
        await app.wait("T1", view.id, 30)

    assert [] == written(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE tool_calls SET args = replace(args, 'hello', 'evil')",
        "UPDATE tool_calls SET tool = 'files.delete', args = '{\"path\":\"a.md\"}'",
        "UPDATE workflows SET requester = 'slack:T1:U_CY'",
        "UPDATE workflows SET tenant = 'T2'",
        "UPDATE approvals SET expires_at = expires_at + 1",
        "UPDATE approvals SET state = 'denied'",
        "UPDATE decisions SET principal = 'slack:T1:U_CY'",
        "UPDATE decisions SET at = at + 1",
        "DELETE FROM decisions",
    ],
)
async def test_a_row_changed_after_the_decision(tmp_path: Path, built_toolboxes: Path, change: str) -> None:
    """
    Between the click and the run somebody edits the database: what was approved is not there any more.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        await app._veto.decide(approver(), view.approval.id, Decision.APPROVE)  # Decided, and nobody woken.
        with thief(tmp_path) as c:
            c.execute(change)
        app._dispatcher.wake(view.id, "T1")
        after = await app.wait("T2" if "'T2'" in change else "T1", view.id, 30)

    assert after.state.is_final
    assert [] == [each for each in (tmp_path / "data/mnt/scratch").rglob("*") if each.is_file()]


@pytest.mark.parametrize("change", ["tool = 'files.list'", 'args = \'{"path":"b"}\''])
async def test_an_allowed_call_changed_before_it_runs(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """
    A low-risk call is bound too: what was judged is what runs, or nothing is.
    """
    brain = Moves(moves(wants("files.read", path="a")))
    async with engine(tmp_path, brain, built_toolboxes) as app:
        gate = app._veto.gate

        async def changed_first(flow, call):  # type: ignore[no-untyped-def]
            with thief(tmp_path) as c:
                c.execute(f"UPDATE tool_calls SET {change}")
            fresh = await app._store.workflows.load(flow.id)
            return await gate(fresh, fresh.calls[0])

        monkeypatch.setattr(app._veto, "gate", changed_first)
        await app.wait("T1", await app.submit(ask()), 30)

    assert "superseded" in brain.seen[-1].messages[-1].text


async def test_a_policy_changed_after_the_decision(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A policy that forbids it between the click and the run: nothing runs.
    """
    view = await pause(tmp_path, built_toolboxes)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        await app._veto.decide(approver(), view.approval.id, Decision.APPROVE)
    policy = tmp_path / "other.cedar"
    policy.write_text("forbid(principal, action, resource);")
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, policy_file=policy) as app:
        await app.wait("T1", view.id, 30)

    assert [] == written(tmp_path)


async def test_expiry_is_part_of_the_comparison(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The store itself takes no decision at the moment of expiry, whatever was checked before.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        late = view.approval.expires_at
        signed = app._veto._deciding.sign(view.approval, approver(), Decision.APPROVE, "", "", late)
        with pytest.raises(Expired):
            await app._store.approvals.vote(view.approval, signed, 1, "", late)


async def test_a_ticket_is_for_one_call_once(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The store itself spends a ticket for exactly the judged action, and never a second time.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        flow = await app._store.workflows.load(view.id)
        with pytest.raises(Conflict):
            await app._store.calls.begin(flow, flow.calls[0], 1.0)  # It waits; nobody approved it.
        await app._veto.decide(approver(), view.approval.id, Decision.APPROVE)
        with pytest.raises(Conflict):
            await app._store.calls.begin(flow, replace(flow.calls[0], action_sha256="0" * 64), 1.0)
        await app._store.calls.begin(flow, flow.calls[0], 1.0)
        with pytest.raises(Conflict):
            await app._store.calls.begin(flow, flow.calls[0], 1.0)

    assert [] == written(tmp_path)


async def test_whoever_read_older_rows_changes_nothing(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A workflow moves from the version that was read, a call from the state that it has.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        stale = await app._store.workflows.load(view.id)
        await app._veto.decide(approver(), view.approval.id, Decision.APPROVE)
        with pytest.raises(Conflict):
            await app._store.workflows.finish(stale, WorkflowState.CANCELLED, "late", 1.0, Spent())
        with pytest.raises(Conflict):
            await app._store.calls.retry(stale, stale.calls[0], str, 1.0)  # It never ran.
        after = await app._store.workflows.load(view.id)

    assert (WorkflowState.RUNNING, CallState.APPROVED) == (after.state, after.calls[0].state)


async def test_without_audit_nothing_is_decided(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A decision whose event cannot be written is no decision: both, or neither.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        with thief(tmp_path) as c:
            c.execute("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE (ABORT, 'full'); END")
        with pytest.raises(sqlite3.IntegrityError):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)
        shown = await app.approval("T1", view.approval.id)

    assert (ApprovalState.PENDING, ()) == (shown.state, shown.votes)
    assert [] == written(tmp_path)


class Fickle:
    """A policy that changes its mind without changing its version."""

    def __init__(self, first: Verdict, times: int) -> None:
        self._first, self._times = first, times
        self.asked = 0

    @hookimpl
    async def ironclaw_verdict(self, call: ToolCall) -> Opinion:
        self.asked += 1
        return Opinion(self._first if self.asked <= self._times else Verdict.DENY, "fickle")


@pytest.mark.parametrize(("first", "times"), [(Verdict.ALLOW, 1), (Verdict.REVIEW, 2)])
async def test_policy_is_asked_again_before_the_run(
    tmp_path: Path, built_toolboxes: Path, first: Verdict, times: int
) -> None:
    """
    Allowed or approved a moment ago, denied now: nothing runs.
    """
    fickle = Fickle(first, times)
    brain = Moves(moves(wants("files.list")))
    async with engine(tmp_path, brain, built_toolboxes, plugins={"fickle": lambda _: fickle}) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        for each in await app.approvals("T1"):
            await app.decide(approver(), each.id, Decision.APPROVE)
            await app.wait("T1", view.id, 30)

    assert times + 1 == fickle.asked
    assert "superseded" in brain.seen[-1].messages[-1].text


class TwoPeople:
    """Whatever is asked takes two."""

    @hookimpl
    async def ironclaw_verdict(self, call: ToolCall) -> Opinion:
        return Opinion(Verdict.REVIEW, "two", terms=Terms(quorum=2))


async def test_what_was_decided_before_a_stop_runs_after_it(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The other side of the tests above: an honest decision that the host could not carry out is carried out.
    """
    view = await pause(tmp_path, built_toolboxes)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        await app._veto.decide(approver(), view.approval.id, Decision.APPROVE)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        await app.wait("T1", view.id, 30)

    assert ["hello"] == written(tmp_path)


async def test_what_cannot_be_shown_is_not_asked(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Arguments that no card can show whole cost nobody a look: the call is denied, and the brain hears why.
    """
    hosts = ("http://localhost:9",)
    call = wants("http.post", url="http://localhost:9/", body={"k" * 400: 1})
    async with engine(tmp_path, Moves(moves(call)), built_toolboxes, http_allow=hosts) as app:
        after = await app.wait("T1", await app.submit(ask()), 30)

    assert None is after.approval
    assert "cannot be shown" in after.outcome


async def test_who_said_yes_may_still_say_no(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Of a review that needs two: the first one's later no ends it, as anybody's does.
    """
    plugins = {"two": lambda _: TwoPeople()}
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, plugins=plugins) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        shown = await app.decide(approver(), view.approval.id, Decision.DENY)
        await app.wait("T1", view.id, 30)

    said = [vote.decision for vote in shown.votes]
    assert ([Decision.APPROVE, Decision.DENY], ApprovalState.DENIED) == (said, shown.state)
    assert [] == written(tmp_path)
