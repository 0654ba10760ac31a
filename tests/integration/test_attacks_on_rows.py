"""A thief who writes the database, and a policy that changes: neither makes a yes mean more than it did."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.clock import Clock
from tests.integration.engine import ADA, BO, Moves, approver, ask, engine, moves, wants
from tests.integration.test_editing import Rules
from tests.integration.test_veto import thief, written

from ironclaw.app import Ironclaw
from ironclaw.canonical import canonical_text, digest
from ironclaw.errors import Conflict, NotFound, Refused
from ironclaw.orchestrator.body import Body
from ironclaw.settings import TenantSettings
from ironclaw.store import Standing
from ironclaw.store.calls import Calls
from ironclaw.task import ApprovalState, Decision, Opinion, Principal, Role, Verdict, WorkflowState
from ironclaw.terms import Group, Terms
from ironclaw.veto.binding import SCHEMA

pytestmark = pytest.mark.sandbox
CY, EVE = "slack:T1:U_CY", "slack:T1:U_EVE"
MONTH = 30 * 24 * 3600.0
EVIL = {"path": "evil.md", "text": "evil"}
PLAIN = 'permit(principal, action == Action::"run_with_approval", resource);'
WRITE = moves(wants("files.write", path="notes/today.md", text="hello"))
INTERNS = '@id("i") @approvers("interns") ' + PLAIN
INTERN = {"T1": TenantSettings(slack=("T1",), approvers=(BO, CY), groups={"interns": (EVE, CY)})}


def asking(terms: Terms) -> dict[str, Any]:
    """A plugin beside the shipped policy: it asks about each call."""
    return {"rules": lambda _: Rules(lambda _: Opinion(Verdict.REVIEW, "asks", terms=terms))}


def action_of(c: sqlite3.Connection, **changes: Any) -> str:
    """The digest that the only call would have with these columns.  It is no MAC: anybody can compute it."""
    c.row_factory = sqlite3.Row
    row = c.execute(
        "SELECT t.*, w.tenant, w.requester, a.expires_at, a.terms, a.created_at FROM tool_calls t "
        "JOIN workflows w ON w.id = t.workflow_id JOIN approvals a ON a.workflow_id = t.workflow_id"
    ).fetchone()
    whose, code = "tenant requester workflow_id seq tool", "component_sha256 manifest_sha256 policy_version"
    now = {**row, **changes}
    bound = [now[name] for name in f"{whose} {code} args expires_at".split()]
    return digest([SCHEMA, *bound, *map(json.loads, (now["circumstances"], now["terms"])), now["created_at"]])


def forge(c: sqlite3.Connection) -> None:
    """Other arguments, which were never previewed."""
    [text] = c.execute("SELECT circumstances FROM tool_calls").fetchone()
    args, known = canonical_text(EVIL), canonical_text(json.loads(text) | {"preview": None})
    forged = action_of(c, args=args, circumstances=known)
    c.execute("UPDATE tool_calls SET args = ?, circumstances = ?, action_sha256 = ?", (args, known, forged))


def reset(c: sqlite3.Connection, state: str = "approved") -> None:
    """The call and its workflow, as if nothing had run yet."""
    c.execute("UPDATE tool_calls SET state = ?", (state,))
    c.execute("UPDATE workflows SET state = 'running'")


async def test_what_was_approved_is_swapped(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Between the click and the run a thief writes other arguments, with their digest: nothing runs.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        await app._veto.decide(approver(), view.approval.id, Decision.APPROVE)  # Decided, and nobody woken.
        with thief(tmp_path) as c:
            forge(c)
        app._dispatcher.wake(view.id, "T1")
        await app.wait("T1", view.id, 30)

    assert [] == written(tmp_path)


async def test_an_old_yes_is_for_nothing_else(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A decision that was carried out long ago: a thief makes it another call, with all the time in the world.
    """
    clock = Clock()
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, clock=clock) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        await app.wait("T1", view.id, 30)
    clock.at += MONTH
    with thief(tmp_path) as c:
        c.execute("UPDATE approvals SET expires_at = 9000000000")
        reset(c)
        forge(c)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, clock=clock) as app:
        await app.wait("T1", view.id, 30)

    assert ["hello"] == written(tmp_path)


async def test_another_tenants_approver_decides_nothing(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A thief hands a review to another tenant, with the digest that it would have there: it is nobody's.
    """
    zed = "slack:T2:U_ZED"
    tenants = {
        "T1": TenantSettings(slack=("T1",), approvers=(BO,)),
        "T2": TenantSettings(slack=("T2",), approvers=(zed,)),
    }
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, tenants=tenants) as app:
        view = await app.wait("T1", await app.submit(ask(requester="jwt:https://i.example|svc")), 30)
        assert view.approval is not None
        with thief(tmp_path) as c:
            forged = action_of(c, tenant="T2")
            c.execute("UPDATE approvals SET tenant = 'T2', action_sha256 = ?", (forged,))
        with pytest.raises(NotFound):
            await app.decide(approver(zed, "T2"), view.approval.id, Decision.APPROVE)

    assert [] == written(tmp_path)


async def spent(folder: Path, toolboxes: Path, clock: Clock) -> str:
    """A workflow whose write was approved and carried out; its file is taken away again."""
    async with engine(folder, Moves(WRITE), toolboxes, clock=clock) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        await app.wait("T1", view.id, 30)
    (folder / "data/mnt/scratch/T1/notes/today.md").unlink()
    return view.id


@pytest.mark.parametrize("state", ["approved", "executing"])
async def test_a_spent_call_is_reset(tmp_path: Path, built_toolboxes: Path, state: str) -> None:
    """
    Each decision executes once, whatever a row says afterwards: the audit chain has it.
    """
    clock = Clock()
    workflow_id = await spent(tmp_path, built_toolboxes, clock)
    with thief(tmp_path) as c:
        reset(c, state)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, clock=clock) as app:
        await app.wait("T1", workflow_id, 30)

    assert [] == written(tmp_path)


async def test_an_unsealed_decision_prolongs_nothing(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An approval of a month ago, and beside its decision a forged one of just now: its time is over.
    """
    monkeypatch.setattr(Calls, "standing", first)
    clock = Clock()
    workflow_id = await spent(tmp_path, built_toolboxes, clock)
    clock.at += MONTH
    with thief(tmp_path) as c:
        reset(c)
        [(approval_id,)] = c.execute("SELECT id FROM approvals")
        row = (approval_id, "x", "approve", "", clock.at, "0", "x", "")
        columns = "(approval_id, principal, decision, reason, at, mac, person, factor)"
        c.execute(f"INSERT INTO decisions {columns} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, clock=clock) as app:
        await app.wait("T1", workflow_id, 30)

    assert [] == written(tmp_path)


async def first(*_: object) -> Standing:
    """As if the audit chain knew nothing, so that what stands behind it is seen."""
    return Standing.FIRST


async def test_what_a_crash_left_is_not_said_to_be_nothing(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A crash after the effect, and a start after the time was over: nobody says that nothing was run.
    """
    clock, again = Clock(), Moves(WRITE)
    workflow_id = await spent(tmp_path, built_toolboxes, clock)
    with thief(tmp_path) as c:  # As a crash between the effect and its record leaves it.
        reset(c, "executing")
        c.execute("DELETE FROM messages WHERE role = 'tool'")
    clock.at += MONTH
    async with engine(tmp_path, again, built_toolboxes, clock=clock) as app:
        view = await app.wait("T1", workflow_id, 30)
        flow = await app._store.workflows.load(workflow_id)

    assert (WorkflowState.PAUSED, "files.write") == (view.state, view.doubt and view.doubt.tool)
    assert [] == [m.text for m in flow.messages if m.role is Role.TOOL]


async def test_policy_is_asked_just_before_the_ticket_is_spent(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A policy that is taken up while the files of a call are compared: it forbids, so nothing runs.
    """
    file = tmp_path / "p.cedar"
    file.write_text(PLAIN)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, policy_file=file) as app:
        looks = Body.obstacle

        async def meanwhile(self: Body, *asked: Any) -> str:
            file.write_text(PLAIN + "forbid(principal, action, resource);")
            await app.policies.reload()
            return await looks(self, *asked)

        monkeypatch.setattr(Body, "obstacle", meanwhile)
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        await app.wait("T1", view.id, 30)

    assert [] == written(tmp_path)


async def test_a_row_escalates_nothing(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    When the other group counts is the clock's to say: not a row's, whichever of its times a thief writes.
    """
    tenants = {"T1": TenantSettings(slack=("T1",), approvers=(BO,), groups={"finance": (CY,), "cfo": (EVE,)})}
    plugins = asking(Terms(groups=frozenset({Group("finance", "cfo", 30.0)})))
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, plugins, tenants=tenants) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        eve = Principal("T1", EVE, app.roles("T1", EVE))
        for changes in ("escalated_at = 9000000000", "created_at = 0", "terms = '{}'"):
            with thief(tmp_path) as c:
                c.execute(f"UPDATE approvals SET {changes}")
            with pytest.raises((Refused, Conflict)):
                await app.decide(eve, view.approval.id, Decision.APPROVE)

    assert [] == written(tmp_path)


async def test_one_person_of_two_workspaces_is_one(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The same Slack user id in another workspace is the same person: their two yeses are one.
    """
    again = "slack:T3:U_BO"
    tenants = {"T1": TenantSettings(slack=("T1", "T3"), approvers=(BO, again))}
    plugins = asking(Terms(quorum=2))
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, plugins, tenants=tenants) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        await app.decide(approver(BO), view.approval.id, Decision.APPROVE)
        with pytest.raises(Conflict):
            await app.decide(approver(again), view.approval.id, Decision.APPROVE)

    assert [] == written(tmp_path)


async def test_ones_own_call_by_a_linked_name(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Ada asks by a token, which is slack:T1:U_ADA, and so slack:T3:U_ADA: none of them approves it.
    """
    jwt, again = "jwt:https://i.example|ada", "slack:T3:U_ADA"
    tenants = {"T1": TenantSettings(slack=("T1", "T3"), approvers=(again,), people={"ada": (jwt, ADA)})}
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, tenants=tenants) as app:
        view = await app.wait("T1", await app.submit(ask(requester=jwt)), 30)
        assert view.approval is not None
        with pytest.raises(Refused, match="your own"):
            await app.decide(approver(again), view.approval.id, Decision.APPROVE)


async def is_refused(app: Ironclaw, approval_id: str, who: str) -> None:
    with pytest.raises(Refused):
        await app.decide(Principal("T1", who, app.roles("T1", who)), approval_id, Decision.APPROVE)


async def test_a_reload_lets_nobody_new_decide_what_waits(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What waits for an approver is not for somebody who is none, because a rule came to name their group.
    """
    file = tmp_path / "p.cedar"
    file.write_text(PLAIN)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, policy_file=file, tenants=INTERN) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        await is_refused(app, view.approval.id, EVE)
        file.write_text(PLAIN + INTERNS)
        await app.policies.reload()
        await is_refused(app, view.approval.id, EVE)


async def test_a_tenants_file_lets_nobody_new_decide(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A tenant's file only takes away: it makes no approvers of those who are none by the common rules.
    """
    (tmp_path / "t.cedar").write_text(INTERNS)
    tenants = {"T1": INTERN["T1"].model_copy(update={"policy_file": tmp_path / "t.cedar"})}
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, tenants=tenants) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        await is_refused(app, view.approval.id, EVE)
        await is_refused(app, view.approval.id, BO)  # An approver, and no intern.
        await app.decide(Principal("T1", CY, app.roles("T1", CY)), view.approval.id, Decision.APPROVE)


async def test_an_edit_lets_nobody_new_decide(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What waited for an approver still does, once somebody has edited it to what a group may decide.
    """
    interns = Terms(groups=frozenset({Group("interns")}))
    rules = Rules(
        lambda args: Opinion(Verdict.REVIEW, "r", terms=interns if "tmp" in args["path"] else Terms())
    )
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, {"r": lambda _: rules}, tenants=INTERN) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        new = await app.edit(approver(), view.approval.id, json.dumps({"path": "tmp/a", "text": "b"}))
        await is_refused(app, new.id, EVE)


async def test_terms_of_two_opinions_both_count(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A plugin may only restrict: its "ask somebody" takes nothing from "ask two" of the policy.
    """
    file = tmp_path / "p.cedar"
    file.write_text('@id("two") @quorum("2") ' + PLAIN)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, asking(Terms()), policy_file=file) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        after = await app.decide(approver(), view.approval.id, Decision.APPROVE)

    assert (2, ApprovalState.PENDING) == (after.terms.quorum, after.state)


EVES_TOKEN = "jwt:https://i.example|eve"
FINANCE = {
    "T1": TenantSettings(
        slack=("T1",), approvers=(BO,), groups={"finance": ("@S0FIN",)}, people={"eve": (EVE, EVES_TOKEN)}
    )
}


async def test_a_row_lets_nobody_join_a_group(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Who is in a Slack user group Slack says, and no row: a start begins with nobody.
    """
    plugins = asking(Terms(groups=frozenset({Group("finance")})))
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, plugins, tenants=FINANCE) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
    with thief(tmp_path) as c:
        c.execute("INSERT INTO group_members (tenant, group_id, principal) VALUES ('T1', 'S0FIN', ?)", (EVE,))
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, plugins, tenants=FINANCE) as app:
        await is_refused(app, view.approval.id, EVES_TOKEN)


@pytest.mark.parametrize(("minutes", "state"), [(9, "approved"), (11, "pending")])
async def test_who_left_a_slack_group_decides_nothing(
    tmp_path: Path, built_toolboxes: Path, minutes: int, state: str
) -> None:
    """
    Slack's word is good for ten minutes, also for who comes by a token: then a group is nobody.
    """
    clock = Clock()
    plugins = asking(Terms(groups=frozenset({Group("finance")})))
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, plugins, clock, tenants=FINANCE) as app:
        await app.slack_groups.learn("T1", "S0FIN", [EVE])
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        clock.at += minutes * 60
        eve = Principal("T1", EVES_TOKEN, app.roles("T1", EVES_TOKEN))  # As auth_jwt has it.
        with contextlib.suppress(Refused):
            await app.decide(eve, view.approval.id, Decision.APPROVE)
        assert state == (await app.approval("T1", view.approval.id)).state.value
