"""While nobody decides: one reminder, and other groups after a while; by the clock, and never by chance."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.clock import Clock
from tests.integration.engine import ADA, BO, Moves, approver, ask, engine, moves, wants
from tests.integration.test_grants import Asks, events
from tests.integration.test_veto import thief, written

from ironclaw.app import Ironclaw
from ironclaw.errors import Refused
from ironclaw.settings import TenantSettings
from ironclaw.task import ApprovalView, Decision, Opinion, Principal, Verdict
from ironclaw.terms import Group, Terms

pytestmark = pytest.mark.sandbox
CFO, CEO = "slack:T1:U_CFO", "slack:T1:U_CEO"
GROUPS = {"cfo": (CFO, ADA), "ceo": (CEO, "jwt:i|ceo"), "finance": (BO,)}
TENANT = TenantSettings(slack=("T1",), approvers=(BO,), groups=GROUPS, approval_minutes=240)
AFTER = Terms(groups=frozenset({Group("finance", "cfo", 30)}))
WRITE = wants("files.write", path="a.md", text="x")
OTHER = wants("files.write", "c2", path="b.md", text="x")


@asynccontextmanager
async def waiting(
    folder: Path,
    toolboxes: Path,
    clock: Clock,
    terms: Terms = Terms(),
    *calls: Any,
    tenant: TenantSettings = TENANT,
) -> AsyncIterator[tuple[Ironclaw, ApprovalView]]:
    """An engine with calls that wait; sweeping it by hand changes only when it is swept."""
    brain = Moves(moves(*(calls or (WRITE,))))
    plugins = {"asks": lambda _: Asks(terms)}
    async with engine(folder, brain, toolboxes, plugins, clock, tenants={"T1": tenant}) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        yield app, view.approval


def told(folder: Path, kind: str) -> list[tuple[Mapping[str, str], Mapping[str, str]]]:
    """Every notice of a kind in the outbox: place and body."""
    with thief(folder) as c:
        rows = c.execute("SELECT place, body FROM outbox WHERE kind = ? ORDER BY id", (kind,))
        return [(json.loads(place), json.loads(body)) for place, body in rows]


def who(principal: str) -> Principal:
    """As a door verifies them, with whatever roles."""
    return Principal("T1", principal, frozenset({"approver", "group:cfo", "group:ceo", "group:finance"}))


@pytest.mark.parametrize(("minutes", "left"), [(240, 24 * 60), (60, 600)])
async def test_one_reminder(tmp_path: Path, built_toolboxes: Path, minutes: float, left: float) -> None:
    """
    With a tenth of the wait left, or ten minutes, everywhere the card is; then never again.
    """
    clock = Clock()
    tenant = TENANT.model_copy(update={"approval_minutes": minutes, "approvals_channel": "C9"})
    async with waiting(tmp_path, built_toolboxes, clock, tenant=tenant) as (app, asked):
        clock.at = asked.expires_at - left
        await app._remind()
        before = told(tmp_path, "reminder")
        for clock.at in (asked.expires_at - left + 1, asked.expires_at - 1, asked.expires_at + 1):
            await app._remind()

    body = {"card": asked.card}
    assert ([], [({"channel": "C1"}, body), ({"channel": "C9"}, body)]) == (
        before,
        told(tmp_path, "reminder"),
    )
    assert [asked.id] == [each["approval"] for each in events(tmp_path, "approval_reminded")]


async def test_no_reminder_of_a_short_wait(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Who waits for twenty minutes or less is not reminded of.
    """
    clock = Clock()
    async with waiting(tmp_path, built_toolboxes, clock, Terms(minutes=20)) as (app, asked):
        clock.at = asked.expires_at - 1
        await app._remind()

    assert [] == told(tmp_path, "reminder")


async def test_one_reminder_a_card(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Two calls on one card are one reminder; what was decided is not reminded of.
    """
    clock = Clock()
    async with waiting(tmp_path, built_toolboxes, clock, Terms(), WRITE, OTHER) as (app, asked):
        clock.at = asked.expires_at - 60
        await app._remind()
        await app._remind()
    decided = tmp_path / "decided"
    async with waiting(decided, built_toolboxes, clock) as (app, asked):
        await app.decide(approver(), asked.id, Decision.DENY)
        clock.at = asked.expires_at - 60
        await app._remind()

    assert (1, 0) == (len(told(tmp_path, "reminder")), len(told(decided, "reminder")))


async def test_the_reminder_is_sent(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The sweep of the running engine rings the delivery: nobody else has to.
    """
    clock = Clock()
    async with waiting(tmp_path, built_toolboxes, clock) as (app, asked):
        sent: asyncio.Queue[str] = asyncio.Queue()

        class Sender:
            async def send(self, notice: Any) -> None:
                sent.put_nowait(notice.kind.value)

        app.speak("test", Sender())
        clock.at = asked.expires_at - 60
        async with asyncio.timeout(15):  # Half of the time after which the delivery looks by itself.
            while await sent.get() != "reminder":
                pass


async def test_escalation(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The other group does not count before its time; then it does, the card says so, and its people get copies.
    """
    clock = Clock()
    async with waiting(tmp_path, built_toolboxes, clock, AFTER) as (app, asked):
        clock.at += 30 * 60 - 1
        await app._remind()
        with pytest.raises(Refused):
            await app.decide(who(CFO), asked.id, Decision.APPROVE)
        clock.at += 1
        await app._remind()
        await app._remind()
        [shown] = await app.card("T1", asked.card)
        await app.decide(who(CFO), asked.id, Decision.APPROVE)
        await app.wait("T1", asked.workflow_id, 30)

    assert (clock.at, ["x"]) == (shown.escalated_at, written(tmp_path))
    copies = [place["channel"] for place, _ in told(tmp_path, "card")]
    assert ["C1", "C1", "U_CFO"] == copies[:3]
    [event] = events(tmp_path, "approval_escalated")
    assert (asked.id, ["cfo"]) == (event["approval"], event["groups"])


async def test_copies_are_drawn_anew(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A copy that escalation made is updated like any other when somebody decides.
    """
    clock = Clock()
    async with waiting(tmp_path, built_toolboxes, clock, AFTER) as (app, asked):
        clock.at += 30 * 60
        await app._remind()
        await app.decide(who(BO), asked.id, Decision.DENY)

    assert {"C1", "U_CFO"} == {place["channel"] for place, _ in told(tmp_path, "card")[-2:]}


async def test_the_first_group_still_counts(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Escalation adds people and takes none away; who is of neither group stays out.
    """
    clock = Clock()
    async with waiting(tmp_path, built_toolboxes, clock, AFTER) as (app, asked):
        clock.at += 30 * 60
        await app._remind()
        with pytest.raises(Refused):
            await app.decide(who(CEO), asked.id, Decision.APPROVE)
        await app.decide(who(BO), asked.id, Decision.APPROVE)
        await app.wait("T1", asked.workflow_id, 30)

    assert ["x"] == written(tmp_path)


async def test_two_groups_with_two_times(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Nobody stands in before every group's time is over.
    """
    clock = Clock()
    terms = Terms(groups=frozenset({Group("finance", "cfo", 30), Group("finance", "ceo", 60)}))
    async with waiting(tmp_path, built_toolboxes, clock, terms) as (app, asked):
        clock.at += 59 * 60
        await app._remind()
        [before] = await app.card("T1", asked.card)
        clock.at += 60
        await app._remind()
        [after] = await app.card("T1", asked.card)

    assert (0.0, clock.at) == (before.escalated_at, after.escalated_at)


async def test_a_rule_that_escalates_later_now(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A rule that gives the other group less than it did holds for what waits: escalated or not.
    """
    clock = Clock()
    async with waiting(tmp_path, built_toolboxes, clock, AFTER) as (app, asked):
        clock.at += 30 * 60
        await app._remind()
        later = Terms(groups=frozenset({Group("finance", "cfo", 45)}))
        verdict = Opinion(Verdict.REVIEW, "asks", terms=later)
        app._veto._hooks._manager.get_plugin("asks").opinion = verdict
        with pytest.raises(Refused):
            await app.decide(who(CFO), asked.id, Decision.APPROVE)


async def test_an_edit_begins_anew(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A version that was edited waits for its own people first, and is reminded of by itself.
    """
    clock = Clock()
    async with waiting(tmp_path, built_toolboxes, clock, AFTER) as (app, asked):
        clock.at += 30 * 60
        await app._remind()
        new = await app.edit(who(BO), asked.id, '{"path":"b.md","text":"y"}')
        with pytest.raises(Refused):
            await app.decide(who(CFO), new.id, Decision.APPROVE)
        clock.at += 30 * 60
        await app._remind()
        [shown] = await app.card("T1", asked.card)

    assert (0.0, clock.at) == (new.escalated_at, shown.escalated_at)


async def test_nothing_escalates_after_its_end(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What was decided or has expired is nobody's to decide.
    """
    clock = Clock()
    async with waiting(tmp_path, built_toolboxes, clock, AFTER) as (app, asked):
        await app.decide(who(BO), asked.id, Decision.DENY)
        clock.at += 30 * 60
        await app._remind()

    assert [] == events(tmp_path, "approval_escalated")
