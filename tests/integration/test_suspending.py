"""A tenant is suspended while a real guest of it waits: for an answer, or for a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from tests.faults.ledger import Ledger, ledger, write_toolbox
from tests.integration.engine import BrainPlugin, Moves, approver, ask, moves, settings, wants

from ironclaw import audit
from ironclaw.app import Ironclaw, open_app
from ironclaw.capabilities import HttpRequest
from ironclaw.egress import Egress
from ironclaw.egress.urls import Target
from ironclaw.errors import EgressDenied
from ironclaw.orchestrator.body import _Reach
from ironclaw.task import CallState, Decision, WorkflowState

pytestmark = pytest.mark.sandbox
OP = "local:op"


@dataclass
class Shop:
    """An engine whose only tools write one line each into a ledger."""

    app: Ironclaw
    brain: Moves
    ledger: Ledger
    folder: Path
    workflow: str = ""

    async def begun(self, tool: str, url: str) -> None:
        """A call is approved, and its guest waits."""
        self.brain.moves = (moves(wants(tool, url=url)),)
        view = await self.app.wait("T1", await self.app.submit(ask()), 30)
        assert view.approval is not None
        self.workflow = view.id
        await self.app.decide(approver(), view.approval.id, Decision.APPROVE)

    async def until(self, event: str) -> None:
        async with asyncio.timeout(30):
            while event not in self.events():  # noqa: ASYNC110 - what a log says has no event
                await asyncio.sleep(0.02)

    def events(self) -> list[str]:
        """What the audit log has of calls."""
        found = audit.events(self.folder / "data" / "ironclaw.db", "T1")
        return [str(each["event"]) for each in found if "seq" in each]

    async def rested(self) -> tuple[WorkflowState, CallState]:
        """How workflow and call stand once nobody works on them."""
        async with asyncio.timeout(10):
            await self.app._dispatcher.rest(self.workflow)
        flow = await self.app._store.workflows.load(self.workflow)
        return flow.state, flow.calls[0].state

    async def resumed(self) -> WorkflowState:
        await self.app.tenants.resume("T1", OP)
        return (await self.app.wait("T1", self.workflow, 30)).state


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    brain, toolbox = Moves(), write_toolbox(tmp_path / "ledger")
    async with ledger() as counted:
        chosen = settings(tmp_path, http_allow=[counted.url])
        plugins = {"test_brain": lambda services: BrainPlugin(brain)}
        async with open_app(chosen, toolboxes=[toolbox], plugins=plugins, spares=False) as app:
            yield Shop(app, brain, counted, tmp_path)


@pytest.mark.parametrize("effect", ["pure", "keyed"])
async def test_cut_off(shop: Shop, effect: str) -> None:
    """
    What may run again is cut off at once, its request too; resumed, it runs again with the same key.
    """
    shop.ledger.answers.clear()
    await shop.begun(f"ledger.{effect}", f"{shop.ledger.url}/line")
    await shop.until("call_effect_begun")
    await shop.app.tenants.suspend("T1", OP)
    parked = await shop.rested()
    shop.ledger.answers.set()
    after = await shop.resumed()

    assert ((WorkflowState.RUNNING, CallState.APPROVED), WorkflowState.DONE) == (parked, after)
    assert (2, 1) == (len(shop.ledger.lines["line"]), len(set(shop.ledger.lines["line"])))


@pytest.mark.parametrize("effect", ["once", "checkable"])
async def test_begun_once(shop: Shop, effect: str) -> None:
    """
    What may have happened is not cut off: its end is noted and nothing follows; resumed, its task goes on.
    """
    shop.ledger.answers.clear()
    await shop.begun(f"ledger.{effect}", f"{shop.ledger.url}/line")
    await shop.until("call_effect_begun")
    await shop.app.tenants.suspend("T1", OP)
    shop.ledger.answers.set()
    parked, turns = await shop.rested(), len(shop.brain.seen)
    after = await shop.resumed()

    assert ((WorkflowState.RUNNING, CallState.SUCCEEDED), 1) == (parked, turns)
    assert (WorkflowState.DONE, 1) == (after, len(shop.ledger.lines["line"]))


async def test_not_begun_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A call that may run but once, whose request is not out yet, is cut off: nothing leaves, nobody is asked.
    """
    asked = asyncio.Event()

    async def silent(egress: Egress, target: Target) -> Sequence[str]:
        """A name server that does not answer."""
        asked.set()
        return await asyncio.Future()

    monkeypatch.setattr(Egress, "resolved", silent)
    await shop.begun("ledger.once", f"{shop.ledger.url}/line")
    await asked.wait()
    await shop.app.tenants.suspend("T1", OP)
    parked = await shop.rested()

    assert (WorkflowState.RUNNING, CallState.APPROVED) == parked
    assert ["call_executing", "call_retried"] == shop.events()[-2:]


async def test_no_request_after_it() -> None:
    """
    Of a call that is not cut off the next request is refused in the same sentence, reading too.
    """
    call, rules, egress, ready = (cast("Any", None),) * 4
    reach = _Reach(call, rules, egress, "key", ready, None, lambda: False)
    with pytest.raises(EgressDenied, match="suspended here"):
        await reach.http(HttpRequest("GET", "https://example.com/"))


async def test_nothing_leaves(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A process that has not heard of it yet sends nothing that changes something: the row refuses.
    """
    begin = shop.app._store.calls.begin

    async def unheard(*args: Any) -> None:
        await begin(*args)
        await shop.app.tenants.suspend("T1", OP)

    monkeypatch.setattr(shop.app._tenancy, "learn_states", lambda states: None)
    monkeypatch.setattr(shop.app._store.calls, "begin", unheard)
    await shop.begun("ledger.once", f"{shop.ledger.url}/line")
    await shop.rested()

    assert ({}, False) == (shop.ledger.lines, "call_effect_begun" in shop.events())
    assert {"call_failed", "call_succeeded"} & set(shop.events())
