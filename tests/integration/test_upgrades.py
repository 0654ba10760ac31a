"""Toolboxes that are added, upgraded and removed beside a bot that runs."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.cases._supply_world import DAY, GOOD, World
from tests.fakes.locker import spoil
from tests.fakes.sandbox import TRAP, toolbox
from tests.integration.engine import Moves, approver, ask, engine, moves, wants

from ironclaw import audit
from ironclaw.app import Ironclaw
from ironclaw.errors import Conflict, ToolboxError
from ironclaw.orchestrator import Body
from ironclaw.registry.signing import public_key
from ironclaw.task import ApprovalState, Decision
from ironclaw_bot import local
from ironclaw_bot.doctor import examine

pytestmark = pytest.mark.sandbox
CALL = moves(wants("notes.add"))
LATER = 600.0  #: Seconds: less than an approval waits.


class Clock:
    """The machine's, some time later."""

    later = 0.0

    def __call__(self) -> float:
        return time.time() + self.later


LOW = 'risk = "low"\neffect = "pure"'


@asynccontextmanager
async def opened(world: World, toolboxes: Path, **more: Any) -> AsyncIterator[Ironclaw]:
    """An engine that trusts the world's publisher, also where that changes, with its local door."""
    trusted = (public_key(world.publisher),)
    more = {"trusted_signers": trusted, "reread": lambda: world.settings, **more}
    async with engine(world.folder, Moves(CALL), toolboxes, **more) as app:
        door = await local.listen(app, world.folder / "data")
        yield app
        await door.cleanup()


def offered(app: Ironclaw) -> list[str]:
    return [tool.description for tool in app.tools("T1") if tool.name == "notes.add"]


async def test_taken_up(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A bot that runs takes up what is added, upgraded and removed, without a restart.
    """
    world = World(tmp_path)
    async with opened(world, built_toolboxes) as app:
        seen = [offered(app)]
        said = await world.add(world.box())
        seen.append(offered(app))
        await world.add(world.box(version="1.0.1", description="Better."))
        seen.append(offered(app))
        await world.tool("rm", "notes")
        seen.append(offered(app))

    assert "The bot that runs has taken it up." in said.out
    assert [[], ["Adds a note."], ["Better."], []] == seen


def said(world: World, tenant: str = "T1") -> list[dict[str, Any]]:
    """What the tenant's audit log says of the toolbox."""
    found = audit.events(world.folder / "data/ironclaw.db", tenant)
    return [event for event in found if event.get("toolbox") == "notes"]


async def test_audited(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Adding, upgrading and removing is in every tenant's audit log: by whom, signed by whom, which bytes.
    """
    world = World(tmp_path)
    async with opened(world, built_toolboxes):
        await world.add(world.box())
        await world.add(world.box(version="1.0.1", more=LOW))
        await world.tool("rm", "notes")
    added, changed, removed = said(world)
    actor = f"local:{local.login_name(os.getuid())}"
    component = hashlib.sha256(GOOD).hexdigest()

    names = ("toolbox_added", "toolbox_changed", "toolbox_removed")
    assert [(name, actor) for name in names] == [(each["event"], each["actor"]) for each in said(world, "T2")]
    assert (component, public_key(world.publisher)) == (added["component"], added["signer"])
    assert ("1.0.0", {"notes.add": "high"}) == (changed["was"]["version"], changed["was"]["tools"])
    assert ("1.0.1", {"notes.add": "low"}) == (changed["version"], changed["tools"])
    assert changed["manifest"] == removed["was"]["manifest"] != added["manifest"]


async def test_audited_at_start(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What changed while no bot ran is said by the next one that starts, and only once.
    """
    world = World(tmp_path)
    async with opened(world, built_toolboxes):
        pass
    await world.add(world.box())
    for _ in range(2):
        async with opened(world, built_toolboxes):
            pass

    assert [("toolbox_added", "host")] == [(each["event"], each["actor"]) for each in said(world)]


async def test_no_change_without_record(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What the audit log cannot say does not become so.
    """
    world = World(tmp_path)
    async with opened(world, built_toolboxes) as app:
        await app._store._writer.read(lambda c: spoil(c, "PRAGMA query_only = ON"))
        told = await world.add(world.box())
        seen = offered(app)
        await app._store._writer.read(lambda c: spoil(c, "PRAGMA query_only = OFF"))

    assert 0 == told.code
    assert "taken it up" not in told.out
    assert [] == seen


def distrust(world: World, how: str) -> float:
    """Have the signature of what is installed count no more.

    :return: how many seconds later that is so
    """
    if how == "expired":
        world.vouch(world.installed, days=LATER / DAY / 2)
        return LATER
    world.trusted = ()
    if how == "revoked":
        world.revoked = (public_key(world.publisher),)
    return 0


@pytest.mark.parametrize("how", ["expired", "revoked", "not in trusted_signers"])
async def test_left_out(tmp_path: Path, built_toolboxes: Path, how: str) -> None:
    """
    A toolbox whose signature does not count any more stops no start: its tools are gone, what waited for
    approval is superseded, and log and audit say why.
    """
    world = World(tmp_path)
    await world.add(world.box())
    async with opened(world, built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
    later = distrust(world, how)
    with capture_logs() as logs:
        async with opened(world, built_toolboxes, clock=lambda: time.time() + later) as app:
            seen = offered(app)
            with pytest.raises(Conflict):
                await app.decide(approver(), view.approval.id, Decision.APPROVE)
            approval = await app.approval("T1", view.approval.id)
    [warning] = [line for line in logs if line["event"] == "toolbox_left_out"]

    assert ([], ApprovalState.SUPERSEDED) == (seen, approval.state)
    assert ("warning", "notes") == (warning["log_level"], warning["toolbox"])
    assert how in warning["why"] == said(world)[-1]["why"]


@pytest.mark.parametrize("how", ["expired", "revoked"])
async def test_left_out_meanwhile(tmp_path: Path, built_toolboxes: Path, how: str) -> None:
    """
    In a bot that runs a signature ends when its time is over, and a signer at the next reload.
    """
    world, clock = World(tmp_path), Clock()
    await world.add(world.box())
    async with opened(world, built_toolboxes, clock=clock) as app:
        if how == "expired":
            world.vouch(world.installed, days=LATER / DAY / 2)
            await app.reload()
        before = offered(app)
        clock.later = distrust(world, how)
        await (app._reconcile() if how == "expired" else app.reload())
        after = offered(app)

    assert (["Adds a note."], []) == (before, after)
    assert how in said(world)[-1]["why"]


async def test_left_out_is_said(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    `tool list` and the doctor say which toolbox is left out, and why.
    """
    world = World(tmp_path)
    await world.add(world.box())
    distrust(world, "revoked")
    listed = await world.tool("list")
    found = [each for each in await examine(world.settings) if "notes" in each.what]

    assert f"left out: notes: the signer {public_key(world.publisher)} is revoked" in listed.out
    assert ["note"] == [each.mark for each in found]


@pytest.mark.parametrize("how", ["upgraded", "removed", "re-signed", "expired"])
async def test_change_supersedes(tmp_path: Path, built_toolboxes: Path, how: str) -> None:
    """
    An approval is bound to the digests of what was asked for: when those change it ends, and starts nothing.
    A new signature alone changes nothing.
    """
    world, clock = World(tmp_path), Clock()
    await world.add(world.box())
    async with opened(world, built_toolboxes, clock=clock) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        if how == "removed":
            await world.tool("rm", "notes")
        elif how == "upgraded":
            await world.add(world.box(version="1.0.1"))
        else:
            world.vouch(world.installed, days=LATER / DAY / 2)
            await app.reload()
        if how == "expired":
            clock.later = LATER
            await app._reconcile()
        after = await app.wait("T1", view.id, 30 if how != "re-signed" else 0)
        approval = await app.approval("T1", view.approval.id)

    assert (ApprovalState.PENDING if how == "re-signed" else ApprovalState.SUPERSEDED) == approval.state
    assert ("superseded" in after.outcome) is (how != "re-signed")


async def test_click_after_the_change(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A click on a card of the old version is told that nothing was run.
    """
    world = World(tmp_path)
    await world.add(world.box())
    async with opened(world, built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        await world.add(world.box(version="1.0.1"))
        with pytest.raises(Conflict):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)
        approval = await app.approval("T1", view.approval.id)

    assert ApprovalState.SUPERSEDED == approval.state


async def test_running_call_keeps_its_code(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A call that has its ticket ends on the code that it began with; the next one has the new code.
    """
    world, run = World(tmp_path), Body.run
    await world.add(world.box(more=LOW))

    async def upgraded_first(*arguments: Any) -> Any:
        monkeypatch.setattr(Body, "run", run)
        await world.add(world.box(toolbox(TRAP), version="1.0.1", more=LOW))
        return await run(*arguments)

    monkeypatch.setattr(Body, "run", upgraded_first)
    async with opened(world, built_toolboxes) as app:
        ends = [(await app.wait("T1", await app.submit(ask()), 30)).outcome for _ in range(2)]

    assert '{"output":{}}' == ends[0]
    assert "trapped" in ends[1]


async def test_bad_reload(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Where something is wrong with a toolbox, a bot that runs goes on with the tools it had.
    """
    world = World(tmp_path)
    await world.add(world.box())
    async with opened(world, built_toolboxes) as app:
        (world.installed / "toolbox.sig").unlink()
        with pytest.raises(ToolboxError, match="not signed"):
            await app.reload()
        seen = offered(app)

    assert ["Adds a note."] == seen
