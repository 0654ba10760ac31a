"""A remembered yes: it lets calls like the approved one run, as far as it was given, and nothing else."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.clock import Clock
from tests.integration.engine import ADA, BO, Moves, approver, engine, moves, wants
from tests.integration.test_veto import thief, written

from ironclaw.app import Ironclaw
from ironclaw.errors import Conflict, NotFound, Refused
from ironclaw.hookspecs import hookimpl
from ironclaw.settings import TenantSettings
from ironclaw.task import (
    Address,
    Decision,
    GrantView,
    Opinion,
    Principal,
    Risk,
    Task,
    ToolCall,
    Verdict,
    WorkflowState,
    WorkflowView,
)
from ironclaw.terms import GrantScope, Terms
from ironclaw.veto import grants

pytestmark = pytest.mark.sandbox
CY, EVE = "slack:T1:U_CY", "slack:T1:U_EVE"
BOTH = frozenset(GrantScope)
GRANTS = (
    '@id("g") @grants("workflow, tool") permit(principal, action == Action::"run_with_approval", resource);'
)
WRITE = wants("files.write", path="a.md", text="x")
OTHER = wants("files.write", path="b.md", text="x")
LIST = wants("files.list")


class Asks:
    """A policy beside the shipped one: every call is asked about, on terms that a test sets."""

    def __init__(self, terms: Terms = Terms(grants=BOTH)) -> None:
        self.opinion = Opinion(Verdict.REVIEW, "asks", terms=terms)

    @hookimpl
    async def ironclaw_verdict(self, call: ToolCall) -> Opinion:
        return self.opinion


@asynccontextmanager
async def asking(
    folder: Path, toolboxes: Path, *calls: Any, asks: Asks | None = None, **more: Any
) -> AsyncIterator[Ironclaw]:
    """An engine whose brain makes these calls, one a turn, and whose policy asks about each."""
    plugins = {"asks": lambda _: asks or Asks()}
    policy = folder / "policy.cedar"
    policy.write_text(GRANTS)
    brain = Moves(*(moves(*(call if isinstance(call, tuple) else (call,))) for call in calls))
    async with engine(folder, brain, toolboxes, plugins, **{"policy_file": policy, **more}) as app:
        yield app


async def work(app: Ironclaw, requester: str = ADA, channel: str = "C1", **more: Any) -> WorkflowView:
    """A task, as far as it goes without people."""
    task = Task("T1", requester, "do it", Address("test", {"channel": channel}), **more)
    return await app.wait("T1", await app.submit(task), 30)


async def approve(
    app: Ironclaw, view: WorkflowView, scope: GrantScope | None = None, who: str = BO
) -> WorkflowView:
    assert view.approval is not None
    await app.decide(approver(who), view.approval.id, Decision.APPROVE, grant=scope)
    return await app.wait("T1", view.id, 30)


async def granted(app: Ironclaw, scope: GrantScope = GrantScope.TOOL) -> GrantView:
    """A grant, by a task that is done."""
    await approve(app, await work(app), scope)
    [grant] = await app.grants("T1")
    return grant


def waits(view: WorkflowView) -> bool:
    return view.state is WorkflowState.PAUSED


def events(folder: Path, *names: str) -> list[dict[str, Any]]:
    with thief(folder) as c:
        found = [
            json.loads(row[0]) for row in c.execute("SELECT event FROM audit WHERE tenant = 'T1' ORDER BY n")
        ]
    return [each for each in found if each["event"] in names]


async def test_for_this_workflow(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The same call again in this workflow runs unasked; other arguments, or another workflow, ask.
    """
    async with asking(tmp_path, built_toolboxes, WRITE, WRITE, WRITE, OTHER) as app:
        view = await approve(app, await work(app), GrantScope.WORKFLOW)
        [grant] = await app.grants("T1")
        again = await work(app)

    assert (True, '{"path":"b.md","text":"x"}', 2) == (waits(view), view.approval.args, grant.used)
    assert (True, 1) == (waits(again), again.approval.seq)


async def test_for_this_tool(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The same call of the same person from the same channel runs unasked in another workflow too.
    """
    async with asking(tmp_path, built_toolboxes, WRITE) as app:
        grant = await granted(app)
        view = await work(app)
        [left] = await app.grants("T1")

    assert (WorkflowState.DONE, 0, 1) == (view.state, grant.used, left.used)
    assert (ADA, BO, "test::C1") == (grant.requester, grant.granted_by, grant.place)


@pytest.mark.parametrize("other", [{"requester": EVE}, {"channel": "C2"}])
async def test_not_for_others(tmp_path: Path, built_toolboxes: Path, other: dict[str, str]) -> None:
    """
    Another person, or another channel, is asked about.
    """
    async with asking(tmp_path, built_toolboxes, WRITE) as app:
        await granted(app)
        view = await work(app, **other)

    assert waits(view)


async def test_low_risk_is_granted_with_any_arguments(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A high-risk call is bound to its arguments' digest, a low-risk one to its hosts.
    """
    async with asking(tmp_path, built_toolboxes, LIST, wants("files.list", path="sub"), WRITE, OTHER) as app:
        view = await approve(app, await work(app), GrantScope.TOOL)
        view = await approve(app, view, GrantScope.TOOL)
        found = {grant.tool: grant.args_sha256 for grant in await app.grants("T1")}

    assert (True, 4) == (waits(view), view.approval.seq)
    assert (True, False) == (bool(found["files.write"]), bool(found["files.list"]))


EVIL = frozenset({"evil.example"})


@pytest.mark.parametrize("change", [{"hosts": EVIL}, {"taint": EVIL}, {"risk": Risk.HIGH}])
async def test_what_a_call_is_proposed_in(
    tmp_path: Path, built_toolboxes: Path, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Another host, text read from elsewhere since, or a tool that counts as high-risk now is asked about.
    """
    async with asking(tmp_path, built_toolboxes, LIST) as app:
        await granted(app)
        verdict = app._veto._hooks.verdict
        seen: list[ToolCall] = []

        async def note(call: ToolCall) -> Opinion:
            seen.append(call)
            return await verdict(call)

        monkeypatch.setattr(app._veto._hooks, "verdict", note)
        await work(app)
        call = seen[0]
        risky = {"risk": change["risk"]} if "risk" in change else {}
        read = {} if risky else change
        changed = replace(call, circumstances=replace(call.circumstances, **read), **risky)

        assert await app._veto.grants.covering(call, await verdict(call)) is not None
        assert await app._veto.grants.covering(changed, await verdict(changed)) is None


@pytest.mark.parametrize(
    "terms",
    [
        Terms(),
        Terms(grants=frozenset()),
        Terms(grants=frozenset({GrantScope.WORKFLOW})),
        Terms(grants=BOTH, quorum=2),
        Terms(grants=BOTH, step_up=True),
    ],
)
async def test_what_a_rule_does_not_allow(tmp_path: Path, built_toolboxes: Path, terms: Terms) -> None:
    """
    No grant where no rule allows it, nor where several people or a second factor are asked.
    """
    async with asking(tmp_path, built_toolboxes, WRITE, asks=Asks(terms)) as app:
        view = await work(app)
        with pytest.raises(Refused):
            await app.decide(
                approver(), view.approval.id, Decision.APPROVE, factor="totp", grant=GrantScope.TOOL
            )
        assert ((view.approval,), ()) == (await app.approvals("T1"), await app.grants("T1"))


async def test_a_no_is_not_remembered(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A denial with a grant is a mistake of the door's, and decides nothing.
    """
    async with asking(tmp_path, built_toolboxes, WRITE) as app:
        view = await work(app)
        with pytest.raises(Refused):
            await app.decide(approver(), view.approval.id, Decision.DENY, grant=GrantScope.TOOL)
        assert 1 == len(await app.approvals("T1"))


async def test_a_rule_that_loosened_grants_nothing(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What was asked before the rule came to allow grants is decided by itself.
    """
    asks = Asks(Terms())
    async with asking(tmp_path, built_toolboxes, WRITE, asks=asks) as app:
        view = await work(app)
        asks.opinion = Opinion(Verdict.REVIEW, "asks", terms=Terms(grants=BOTH))
        with pytest.raises(Refused):
            await approve(app, view, GrantScope.TOOL)


@pytest.mark.parametrize(
    ("opinion", "state"),
    [
        (Opinion(Verdict.REVIEW, "asks", terms=Terms()), WorkflowState.PAUSED),
        (Opinion(Verdict.REVIEW, "asks", terms=Terms(grants=BOTH, quorum=2)), WorkflowState.PAUSED),
        (Opinion(Verdict.REVIEW, "asks", terms=Terms(grants=BOTH, step_up=True)), WorkflowState.PAUSED),
        (Opinion(Verdict.DENY, "never", terms=Terms(grants=BOTH)), WorkflowState.DONE),
        (Opinion(Verdict.CORRECT, "advice", terms=Terms(grants=BOTH)), WorkflowState.DONE),
    ],
)
async def test_policy_of_now_stands_over_it(
    tmp_path: Path, built_toolboxes: Path, opinion: Opinion, state: WorkflowState
) -> None:
    """
    A grant lifts a review that still allows grants; no deny, no advice, no second person, no factor.
    """
    asks = Asks()
    async with asking(tmp_path, built_toolboxes, WRITE, asks=asks) as app:
        await granted(app)
        (tmp_path / "data/mnt/scratch/T1/a.md").unlink()
        asks.opinion = opinion
        view = await work(app)

    assert (state, []) == (view.state, written(tmp_path))
    assert "superseded" not in view.outcome  # It was not even judged to be covered.


async def test_it_ends(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    After seven days it covers nothing.
    """
    clock = Clock()
    async with asking(tmp_path, built_toolboxes, WRITE, clock=clock) as app:
        await granted(app)
        clock.at += 7 * 24 * 3600 - 1
        before = await work(app)
        clock.at += 1
        after = await work(app)

    assert (False, True) == (waits(before), waits(after))


async def test_it_is_used_up(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Twenty calls run by it, and no more.
    """
    async with asking(tmp_path, built_toolboxes, *[LIST] * 22, max_steps=40) as app:
        view = await approve(app, await work(app), GrantScope.TOOL)
        assert (True, 22, ()) == (waits(view), view.approval.seq, await app.grants("T1"))
    assert list(range(1, 21)) == [each["use"] for each in events(tmp_path, "grant_used")]


async def test_two_calls_for_the_last_use(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Two calls of one turn are both covered when they are judged; the use that is left is spent once.
    """
    monkeypatch.setattr(grants, "MAX_USES", 1)
    twice = (wants("files.list", "c1"), wants("files.list", "c2"))
    async with asking(tmp_path, built_toolboxes, LIST, twice) as app:
        view = await approve(app, await work(app), GrantScope.TOOL)

    assert (WorkflowState.DONE, 1) == (view.state, view.outcome.count("grant does not count"))
    assert 1 == len(events(tmp_path, "grant_used"))


async def test_a_race_for_the_last_use(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Eight workflows pass the last gate with the same last use: one of them runs.
    """
    monkeypatch.setattr(grants, "MAX_USES", 1)
    async with asking(tmp_path, built_toolboxes, LIST) as app:
        await granted(app)
        begin, together = app._store.calls.begin, asyncio.Barrier(8)
        late = 0

        async def at_once(flow, call, now, use):  # type: ignore[no-untyped-def]
            nonlocal late
            late += 1
            if late <= 8:
                await together.wait()
            await begin(flow, call, now, use)

        monkeypatch.setattr(app._store.calls, "begin", at_once)
        await asyncio.gather(*(work(app) for _ in range(8)))

    assert (8, 1) == (late, len(events(tmp_path, "grant_used")))


async def test_revoked_before_the_run(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A grant that is revoked between the last gate and the ticket lets nothing run.
    """
    async with asking(tmp_path, built_toolboxes, WRITE) as app:
        grant = await granted(app)
        (tmp_path / "data/mnt/scratch/T1/a.md").unlink()
        begin = app._store.calls.begin

        async def revoked_first(*words):  # type: ignore[no-untyped-def]
            monkeypatch.undo()
            await app.revoke(approver(CY), grant.id)
            await begin(*words)

        monkeypatch.setattr(app._store.calls, "begin", revoked_first)
        view = await work(app)

    assert (WorkflowState.DONE, []) == (view.state, written(tmp_path))
    assert "grant does not count" in view.outcome


async def test_who_revokes(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    An approver of the tenant, once; nobody else, and nobody of another tenant.
    """
    async with asking(tmp_path, built_toolboxes, WRITE) as app:
        grant = await granted(app)
        for who, error in (
            (approver(EVE), Refused),
            (approver(ADA), Refused),
            (approver(CY, "T2"), NotFound),
        ):
            with pytest.raises(error):
                await app.revoke(who, grant.id)
        revoked = await app.revoke(approver(CY), grant.id)
        with pytest.raises(Conflict):
            await app.revoke(approver(CY), grant.id)
        left, view = await app.grants("T1"), await work(app)

    assert (True, (), True) == (revoked.revoked_at > 0, left, waits(view))


async def test_who_gave_it_may_revoke_it(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Also when they are no approver any more.
    """
    async with asking(tmp_path, built_toolboxes, WRITE) as app:
        grant = await granted(app)
    tenants = {"T1": TenantSettings(slack=("T1",), approvers=(CY,))}
    async with asking(tmp_path, built_toolboxes, WRITE, tenants=tenants) as app:
        assert (await app.revoke(Principal("T1", BO), grant.id)).revoked_at > 0


async def test_who_gave_it_is_no_approver_any_more(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A grant is worth no more than its approver is now.
    """
    async with asking(tmp_path, built_toolboxes, WRITE) as app:
        await granted(app)
    tenants = {"T1": TenantSettings(slack=("T1",), approvers=(CY,))}
    async with asking(tmp_path, built_toolboxes, WRITE, tenants=tenants) as app:
        assert waits(await work(app))


async def test_an_upgrade_ends_it(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Another manifest, if only by a word, is another tool.
    """
    boxes = tmp_path / "boxes"
    shutil.copytree(built_toolboxes / "standard", boxes / "standard")
    async with asking(tmp_path, boxes, WRITE) as app:
        await granted(app)
    manifest = boxes / "standard/toolbox.toml"
    manifest.write_text(manifest.read_text() + "\n# upgraded\n")
    async with asking(tmp_path, boxes, WRITE) as app:
        assert waits(await work(app))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE grants SET args_sha256 = ''",
        "UPDATE grants SET max_uses = 1000",
        "UPDATE grants SET expires_at = expires_at + 1",
        "UPDATE grants SET granted_by = 'slack:T1:U_CY'",
        'UPDATE grants SET taint = \'["files","mail"]\'',
        "UPDATE grants SET id = 'another'",
        "UPDATE grants SET used = used - 1",
        "UPDATE grants SET mac = ''",
        "UPDATE decisions SET mac = ''",
        "UPDATE decisions SET principal = 'slack:T1:U_CY'",
        "UPDATE approvals SET state = 'expired' WHERE id IN (SELECT approval_id FROM grants)",
        "DELETE FROM decisions",
    ],
)
async def test_a_row_changed_by_a_thief(tmp_path: Path, built_toolboxes: Path, change: str) -> None:
    """
    A grant that was edited in the database, or whose approval was, covers nothing.
    """
    async with asking(tmp_path, built_toolboxes, WRITE) as app:
        await granted(app)
        await work(app)  # Used once.
        with thief(tmp_path) as c:
            c.execute(change)
        assert waits(await work(app))


async def test_a_grant_for_another_scope(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A thief widens a workflow's grant to the tool, or moves it to another workflow: it covers nothing.
    """
    async with asking(tmp_path, built_toolboxes, WRITE) as app:
        await granted(app, GrantScope.WORKFLOW)
        for change in (
            "scope = 'tool'",
            "workflow_id = (SELECT id FROM workflows ORDER BY created_at DESC LIMIT 1)",
        ):
            with thief(tmp_path) as c:
                c.execute(f"UPDATE grants SET {change}")
            assert waits(await work(app))


async def test_a_revoked_grant_stays_revoked(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A thief takes the time of its end away: it has no seal any more.
    """
    async with asking(tmp_path, built_toolboxes, WRITE) as app:
        grant = await granted(app)
        await app.revoke(approver(), grant.id)
        with thief(tmp_path) as c:
            c.execute("UPDATE grants SET revoked_at = 0")
        left, view = await app.grants("T1"), await work(app)

    assert ((), True) == (left, waits(view))


async def test_a_call_that_claims_a_grant(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A waiting call whose rows say that a grant allowed it runs nothing: the grant must be there.
    """
    async with asking(tmp_path, built_toolboxes, WRITE) as app:
        view = await work(app)
        with thief(tmp_path) as c:
            c.execute("DELETE FROM approvals")
            c.execute("UPDATE tool_calls SET state = 'approved', rule = 'grant:mine'")
            c.execute("UPDATE workflows SET state = 'running'")
        app._dispatcher.wake(view.id, "T1")
        await app.wait("T1", view.id, 30)

    assert [] == written(tmp_path)


async def test_one_grant_of_many_clicks(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Ten clicks at once with a grant are one yes and one grant.
    """
    async with asking(tmp_path, built_toolboxes, WRITE) as app:
        view = await work(app)
        clicks = [approve(app, view, GrantScope.TOOL, who) for who in (BO, CY) * 5]
        await asyncio.gather(*clicks, return_exceptions=True)

        assert 1 == len(await app.grants("T1"))


async def test_the_audit_tells_of_it(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Made, used and revoked: each with who and by which approval.
    """
    async with asking(tmp_path, built_toolboxes, WRITE) as app:
        grant = await granted(app)
        await work(app)
        await app.revoke(approver(CY), grant.id)
    found = events(tmp_path, "grant_made", "grant_used", "grant_revoked")

    assert [("grant_made", BO), ("grant_used", "host"), ("grant_revoked", CY)] == [
        (each["event"], each["actor"]) for each in found
    ]
    assert {grant.id} == {each["grant"] for each in found}
