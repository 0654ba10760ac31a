"""Who is served: suspended at once, at every door; resumed where it was; settings taken up meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.integration.engine import ADA, BO, Moves, approver, ask, engine, moves, settings, wants
from tests.integration.office import an_office

from ironclaw.app import Ironclaw
from ironclaw.app.tenants import chosen
from ironclaw.audit import events
from ironclaw.errors import Conflict, NotFound, SettingsError, Suspended
from ironclaw.settings import Settings, TenantSettings
from ironclaw.task import CallState, Decision, Move, Principal, WorkflowState
from ironclaw_bot.playground import Playground

pytestmark = pytest.mark.sandbox
OP = "local:op"
WRITE = moves(wants("files.write", path="a.md", text="x"))


def said(folder: Path, tenant: str = "T1") -> list[object]:
    return [each["event"] for each in events(folder / "data" / "ironclaw.db", tenant)]


async def test_nothing_is_taken(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A suspended tenant's tasks and schedules are refused in one polite sentence; another's are taken.
    """
    async with engine(tmp_path, Moves(Move(answer="done")), built_toolboxes) as app:
        await app.tenants.suspend("T1", OP)
        with pytest.raises(Suspended, match="suspended here: nothing is done now, nothing is lost"):
            await app.submit(ask())
        with pytest.raises(Suspended):
            await app.schedules.add(ask(), "0 7 * * *")
        other = await app.wait("T2", await app.submit(ask(tenant="T2", requester="slack:T2:U_X")), 10)

    assert WorkflowState.DONE is other.state


async def test_a_card_waits(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    While it is suspended nobody decides a card, by whatever identity; after it is resumed they do.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval
        await app.tenants.suspend("T1", OP)
        with pytest.raises(Suspended):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)
        with pytest.raises(Suspended):
            await app.press(approver(), app.button(view.approval), Decision.DENY)
        await app.tenants.resume("T1", OP)
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        done = await app.wait("T1", view.id, 30)

    assert WorkflowState.DONE is done.state


class Between(Moves):
    """Suspends its tenant while it plans."""

    app: Ironclaw

    async def plan(self, conversation: Any) -> Move:
        if not self.seen:
            await self.app.tenants.suspend("T1", OP)
        return await super().plan(conversation)


async def test_what_runs_parks(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What was planned when it was suspended does not begin; resumed, it goes on from there.
    """
    brain = Between(moves(wants("files.list")))
    async with engine(tmp_path, brain, built_toolboxes) as app:
        brain.app = app
        async with asyncio.timeout(10):  # It rests, and does not try again and again.
            view = await app.wait("T1", await app.submit(ask()), 30)
        calls = [call.state for call in (await app._store.workflows.load(view.id)).calls]
        await app.tenants.resume("T1", OP)
        done = await app.wait("T1", view.id, 30)

    assert (WorkflowState.RUNNING, [CallState.APPROVED]) == (view.state, calls)
    assert WorkflowState.DONE is done.state


async def test_the_database_refuses_the_ticket(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A process that has not heard of it yet spends no ticket and keeps no task: the rows say so.
    """
    brain = Between(moves(wants("files.list")))
    async with engine(tmp_path, brain, built_toolboxes) as app:
        brain.app = app
        view = await app.wait("T1", await app.submit(ask()), 30)
        app._tenancy.learn_states({})
        flow = await app._store.workflows.load(view.id)
        with pytest.raises(Conflict):
            await app._store.calls.begin(flow, flow.calls[0], app._clock())
        with pytest.raises(Suspended):
            await app.submit(ask())


async def test_it_lasts(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    It stays suspended over a restart, says who did it, and the audit log has both changes.
    """
    async with engine(tmp_path, Moves(), built_toolboxes) as app:
        await app.tenants.suspend("T1", OP)
    async with engine(tmp_path, Moves(), built_toolboxes) as app:
        with pytest.raises(Suspended):
            await app.submit(ask())
        shown = await app.tenants.shown("T1")
        await app.tenants.resume("T1", "local:other")

    assert ("suspended", OP) == (shown["state"], shown["changed_by"])
    assert ["tenant_suspended", "tenant_resumed"] == said(tmp_path)[-2:]


async def test_from_where_to_where(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What is suspended is not suspended again, what is served is not resumed, and nobody else is either.
    """
    async with engine(tmp_path, Moves(), built_toolboxes) as app:
        with pytest.raises(Conflict, match="active already"):
            await app.tenants.resume("T1", OP)
        await app.tenants.suspend("T1", OP)
        with pytest.raises(Conflict, match="suspended already"):
            await app.tenants.suspend("T1", OP)
        with pytest.raises(NotFound):
            await app.tenants.suspend("t1", OP)


async def test_toolboxes_of_a_tenant(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A toolbox that a tenant's settings leave out has no tools for it: none to offer, none to call.
    """
    tenants = {"T1": TenantSettings(slack=("T1",), toolboxes=()), "T2": TenantSettings(slack=("T2",))}
    brain = Moves(moves(wants("files.list")))
    async with engine(tmp_path, brain, built_toolboxes, tenants=tenants) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        offered = {name: len(app.tools(name)) for name in ("T1", "T2")}

    assert 0 == offered["T1"] < offered["T2"]
    assert "unknown_tool" in view.outcome


async def test_a_toolbox_that_is_taken_away(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A yes to a tool of a toolbox that the tenant has no more lets nothing run.
    """
    now = settings(tmp_path)
    async with engine(tmp_path, Moves(WRITE), built_toolboxes, reread=lambda: now) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval
        now = with_tenant("T1", now.tenants["T1"].model_copy(update={"toolboxes": ()}), now)
        await app.tenants.reload(OP)
        with pytest.raises(Conflict):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)


def with_tenant(name: str, tenant: TenantSettings, now: Settings) -> Settings:
    return now.model_copy(update={"tenants": {**now.tenants, name: tenant}})


async def test_a_new_tenant_at_once(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A table that is added is a tenant without a restart, and its audit log begins with its settings.
    """
    now = settings(tmp_path)
    eve = "slack:T3:U_EVE"
    async with engine(tmp_path, Moves(Move(answer="hello")), built_toolboxes, reread=lambda: now) as app:
        now = with_tenant("acme", TenantSettings(slack=("T3",), approvers=(eve,)), now)
        found = await app.tenants.reload(OP)
        done = await app.wait("acme", await app.submit(ask(tenant="acme", requester=eve)), 10)

    assert {"added": ["acme"], "changed": [], "left": []} == found
    assert WorkflowState.DONE is done.state
    assert "tenant_added" in said(tmp_path, "acme")


async def test_approvers_taken_up(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Another list of approvers is in force at once, and the audit log says what it was and is.
    """
    now = settings(tmp_path)
    async with engine(tmp_path, Moves(), built_toolboxes, reread=lambda: now) as app:
        now = with_tenant("T1", now.tenants["T1"].model_copy(update={"approvers": (ADA,)}), now)
        await app.tenants.reload(OP)
        roles = [app.roles("T1", each) for each in (ADA, BO)]

    last = list(events(tmp_path / "data" / "ironclaw.db", "T1"))[-1]
    assert [{"approver"}, set()] == roles
    assert ("tenant_changed", OP) == (last["event"], last["actor"])
    assert {"approvers": {"was": [BO, "slack:T1:U_CY"], "now": [ADA]}} == last["settings"]


async def test_a_bad_file_changes_nothing(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Where the settings cannot be read anew, those of before are in force.
    """

    is_broken = False

    def read() -> Settings:
        if is_broken:
            raise SettingsError("ironclaw.toml: line 3.")
        return settings(tmp_path)

    async with engine(tmp_path, Moves(), built_toolboxes, reread=read) as app:
        before, is_broken = app.tenant("T1"), True
        with pytest.raises(SettingsError):
            await app.tenants.reload(OP)

        assert (before, {"T1", "T2"}) == (app.tenant("T1"), set(app.tenant_ids))


async def test_a_policy_waits_for_a_start(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A tenant whose policy was not read is not served without it: nothing is taken up.
    """
    now = settings(tmp_path)
    async with engine(tmp_path, Moves(), built_toolboxes, reread=lambda: now) as app:
        now = with_tenant("acme", TenantSettings(policy_file=tmp_path / "acme.cedar"), now)
        with pytest.raises(SettingsError, match="policy_file of acme"):
            await app.tenants.reload(OP)

        assert {"T1", "T2"} == set(app.tenant_ids)


async def test_who_left_the_file_stays(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A tenant whose table is gone is served until a restart: a slip of the editor ends nobody's work.
    """
    now = settings(tmp_path)
    async with engine(tmp_path, Moves(Move(answer="x")), built_toolboxes, reread=lambda: now) as app:
        now = now.model_copy(update={"tenants": {"T1": now.tenants["T1"]}})
        found = await app.tenants.reload(OP)

        assert ["T2"] == found["left"]
        assert await app.submit(ask(tenant="T2"))


async def test_what_is_shown(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Of a tenant its settings in force, what is open and waits, its files and its use are shown.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        await app.wait("T1", await app.submit(ask()), 30)
        (tmp_path / "data" / "mnt" / "scratch" / "T1" / "f").write_bytes(b"x" * 10_000)
        shown = await app.tenants.shown("T1")
        listed = await app.tenants.listed()

    assert chosen(settings(tmp_path).tenants["T1"]) == shown["settings"]
    assert (1, 1) == (shown["counts"]["open"], shown["counts"]["waiting"])
    assert shown["counts"]["scratch_bytes"] >= 10_000
    assert [("T1", "active", True), ("T2", "active", True)] == [tuple(each.values()) for each in listed]


async def test_a_schedule_waits(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What is due while it is suspended does not begin; resumed, it begins once.
    """
    now = 1_800_000_000.0
    async with engine(tmp_path, Moves(Move(answer="x")), built_toolboxes, clock=lambda: now) as app:
        await app.schedules.add(ask(), "* * * * *")
        await app.tenants.suspend("T1", OP)
        now += 120
        await app.schedules.sweep()
        none = await app.workflows("T1")
        await app.tenants.resume("T1", OP)
        now += 60
        await app.schedules.sweep()
        some = await app.workflows("T1")

    assert (0, 1) == (len(none), len(some))


async def test_a_link_of_before(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The page of a second factor shows nothing of a suspended tenant.
    """
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval
        link = await app.step_ups.link(Principal("T1", BO), view.approval.id)
        await app.tenants.suspend("T1", OP)
        with pytest.raises(Suspended):
            await app.step_ups.page(link.rpartition("/")[2])


async def test_in_slack(tmp_path: Path, built_toolboxes: Path, playground: Playground) -> None:
    """
    A suspended tenant's people are told so where they ask, at the card, by the command and in the Home.
    """
    async with an_office(tmp_path, built_toolboxes, playground, Moves(WRITE)) as office:
        ts = await office.asked()
        await office.app.tenants.suspend("acme", OP)
        said = office.people.say("ada", "ops", "@ironclaw again")
        room = playground.world.team("T0001").channel("ops")
        told = await playground.wait_for(lambda: room.replies(said["ts"])[1:], 20)
        await office.people.click("bo", "ops", ts, "ironclaw_approve")
        whispered = await playground.wait_for(lambda: room.ephemerals, 20)
        await office.people.open_home("bo")
        home = await office.home("U1BO", "suspended here")

        assert "suspended here" in told[0]["text"]
        assert "suspended here" in whispered[0]["text"]
        assert "actions" not in {block["type"] for block in home["blocks"]}
        assert 1 == len(await office.app.approvals("acme"))
