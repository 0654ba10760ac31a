"""Tasks that begin by themselves: each slot once, whatever clocks, stops and other processes do."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.fakes.clock import Clock
from tests.integration.engine import ADA, BO, approver, ask, settings

from ironclaw.app.schedules import BATCH, GONE, PATIENCE, Schedules
from ironclaw.errors import BadRequest, Conflict, NotFound, Refused
from ironclaw.failpoints import Point
from ironclaw.schedule import Schedule, ScheduleState
from ironclaw.settings import TenantSettings
from ironclaw.store import Spent, Store
from ironclaw.task import Address, NoticeKind, Principal, Task, WorkflowState
from ironclaw.tenancy import Tenancy

BERLIN = ZoneInfo("Europe/Berlin")
SEVEN = datetime(2026, 11, 23, 7, tzinfo=BERLIN).timestamp()  #: A Monday.
HOUR, DAY = 3600.0, 86400.0
PLACE = Address("test", {"channel": "C1"})
EVE = Principal("T1", "slack:T1:U_EVE")


@dataclass
class Desk:
    """The schedules of one process, with a clock to move and no tools behind.

    :ivar began: what it was told has begun
    :ivar unfit: why no task could begin now
    """

    folder: Path
    store: Store
    clock: Clock
    began: list[str] = field(default_factory=list)
    unfit: BadRequest | None = None

    def __post_init__(self) -> None:
        self.app = self.process()

    def process(self, clock: Clock | None = None, **changes: Any) -> Schedules:
        """The schedules as one more process on the same database has them."""
        tenancy = Tenancy(settings(self.folder, **changes), clock or self.clock)
        return Schedules(
            self.store, tenancy, self._check, lambda id_, _: self.began.append(id_), clock or self.clock
        )

    def _check(self, task: Task) -> None:
        if self.unfit:
            raise self.unfit

    async def weekdays(self, **more: Any) -> Schedule:
        """Made on a Sunday noon: at seven in the morning, from Monday to Friday."""
        self.clock.at = SEVEN - 19 * HOUR
        return await self.app.add(
            replace(ask("report"), reply_to=PLACE, **more), "0 7 * * 1-5", "Europe/Berlin"
        )

    async def at(self, moment: float) -> int:
        """Sweep at a moment.

        :return: how many workflows there are then
        """
        self.clock.at = moment
        await self.app.sweep()
        return len(self.rows("SELECT id FROM workflows"))

    async def one(self) -> Schedule:
        return await self.one_of("T1")

    async def one_of(self, tenant: str) -> Schedule:
        [found] = await self.app.list(tenant)
        return found

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.folder}/ironclaw.db?mode=ro", uri=True)) as c:
            return c.execute(query).fetchall()

    def events(self) -> list[tuple[str, str]]:
        """What the audit log of T1 says of schedules, and who did it."""
        found = [
            json.loads(row[0]) for row in self.rows("SELECT event FROM audit WHERE tenant = 'T1' ORDER BY n")
        ]
        return [(each["event"], each["actor"]) for each in found if each["event"].startswith("schedule_")]

    def told(self, kind: NoticeKind) -> list[dict[str, Any]]:
        found = self.rows(f"SELECT body FROM outbox WHERE kind = '{kind.value}' ORDER BY id")
        return [json.loads(row[0]) for row in found]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await Store.open(tmp_path / "ironclaw.db")
    await store.map_tenants({"T1": "T1", "T2": "T2"}, frozenset({"T1", "T2"}), 1.0)
    desk = Desk(tmp_path, store, Clock())
    yield desk
    await desk.store.close()


async def test_begins_at_its_slot(desk: Desk) -> None:
    """
    Not before its slot, once at it, and then at the next one.
    """
    await desk.weekdays()
    counts = [await desk.at(SEVEN + seconds) for seconds in (-1, 0, 1, DAY - 1, DAY, 5 * DAY, 7 * DAY)]

    assert [0, 1, 1, 1, 2, 3, 4] == counts
    assert 4 == len(desk.began)


async def test_whose_it_is(desk: Desk) -> None:
    """
    What begins is its maker's, comes in by the door by which the schedule was made, and names the schedule.
    """
    made = await desk.weekdays(door="http", tools=("files.list",))
    await desk.at(SEVEN)
    [flow] = desk.rows("SELECT tenant, requester, text, door, tools, schedule_id, thread FROM workflows")

    assert ("T1", ADA, "report", "http", '["files.list"]', made.id, "") == flow
    assert [("schedule_added", ADA), ("schedule_fired", "host")] == desk.events()


async def test_missed(desk: Desk) -> None:
    """
    What came while no bot was there comes once, and people are told how much was missed.
    """
    await desk.weekdays()
    first = await desk.at(SEVEN + 3 * DAY + 2 * HOUR)
    found = await desk.one()

    assert (1, 1) == (first, await desk.at(SEVEN + 3 * DAY + 3 * HOUR))
    assert [{"by": ADA, "missed": 3, "text": "report"}] == desk.told(NoticeKind.OPENING)
    assert (3, SEVEN + 4 * DAY) == (found.missed, found.next_at)


async def test_clock_forward_and_back(desk: Desk) -> None:
    """
    A clock that jumps an hour ahead and back again begins nothing twice; then all goes on.
    """
    await desk.app.add(ask("look"), "*/20 * * * *")
    desk.clock.at = start = (await desk.one()).next_at
    jumps = [0, HOUR, 60, HOUR - 1, HOUR, 2 * HOUR]

    assert [1, 2, 2, 2, 2, 3] == [await desk.at(start + seconds) for seconds in jumps]


async def test_resumed_under_a_clock_that_went_back(desk: Desk) -> None:
    """
    A slot that has had its run has no other, even when somebody resumes the schedule before it comes again.
    """
    made = await desk.weekdays()
    await desk.at(SEVEN)
    desk.clock.at = SEVEN - HOUR
    await desk.app.pause(approver(), made.id)
    resumed = await desk.app.resume(approver(), made.id)

    assert (SEVEN, 1) == (resumed.next_at, await desk.at(SEVEN))
    assert 1 == len(desk.told(NoticeKind.OPENING)) == desk.events().count(("schedule_fired", "host"))
    assert (SEVEN + DAY, 2) == ((await desk.one()).next_at, await desk.at(SEVEN + DAY))


async def test_killed(desk: Desk) -> None:
    """
    A process that is killed as soon as it has begun a slot leaves one workflow for the next start.
    """
    await desk.weekdays()
    await desk.store.close()
    command = [sys.executable, "-m", "tests.fakes.sweeping", str(desk.folder), str(SEVEN)]
    environ = {**os.environ, "IRONCLAW_FAILPOINT": Point.INBOX_COMMITTED.value}
    killed = await asyncio.create_subprocess_exec(*command, env=environ)
    code = await killed.wait()
    desk.store = await Store.open(desk.folder / "ironclaw.db")
    desk.app = desk.process()

    assert (-signal.SIGKILL, 1, []) == (code, await desk.at(SEVEN + 1), desk.began)
    assert desk.rows("SELECT id, tenant FROM workflows") == list(await desk.store.workflows.open_ids())


async def test_many_processes(desk: Desk) -> None:
    """
    Of several processes that find a slot due at once, one begins it, whatever their clocks say.
    """
    await desk.weekdays()
    desk.clock.at = SEVEN
    others = [desk.process(Clock(SEVEN + seconds)) for seconds in (0, 1, 30, 59)]
    await asyncio.gather(*(each.sweep() for each in (desk.app, *others)))

    assert 1 == len(desk.rows("SELECT id FROM workflows")) == len(desk.began)
    assert 1 == len(desk.told(NoticeKind.OPENING))


async def test_spring(desk: Desk) -> None:
    """
    On the night without a half past two, what is due then begins at three; the day after, at half past two.
    """
    desk.clock.at = datetime(2027, 3, 27, 12, tzinfo=BERLIN).timestamp()
    await desk.app.add(ask("x"), "30 2 * * *", "Europe/Berlin")
    night = datetime(2027, 3, 28, 3, tzinfo=BERLIN).timestamp()
    morning = datetime(2027, 3, 29, 2, 30, tzinfo=BERLIN).timestamp()

    assert [0, 1, 1, 2] == [await desk.at(each) for each in (night - 1, night, morning - 1, morning)]


async def test_autumn(desk: Desk) -> None:
    """
    On the night with two half past twos, what is due then begins in the first of them alone.
    """
    desk.clock.at = datetime(2026, 10, 24, 12, tzinfo=BERLIN).timestamp()
    await desk.app.add(ask("x"), "30 2 * * *", "Europe/Berlin")
    first = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN).timestamp()

    assert [0, 1, 1, 1, 2] == [
        await desk.at(each)
        for each in (first - 1, first, first + HOUR, first + 25 * HOUR - 1, first + 25 * HOUR)
    ]


async def test_no_room(desk: Desk) -> None:
    """
    With a full queue its slot waits, and comes when there is room; other tenants' come meanwhile.
    """
    await desk.weekdays()
    await desk.app.add(replace(ask("other"), tenant="T2"), "0 7 * * *", "Europe/Berlin")
    full = TenantSettings(slack=("T1",), approvers=(BO,), max_open=1)
    desk.app = desk.process(tenants={"T1": full, "T2": TenantSettings()})
    busy, _ = await desk.store.workflows.add(ask("busy"), "busy", desk.clock.at)
    during = await desk.at(SEVEN)
    flow = await desk.store.workflows.load(busy)
    await desk.store.workflows.finish(flow, WorkflowState.DONE, "", SEVEN, Spent())

    assert (2, 2, 3) == (during, await desk.at(SEVEN + PATIENCE - 1), await desk.at(SEVEN + PATIENCE))
    assert 0 == (await desk.one()).missed


async def test_tenant_gone(desk: Desk) -> None:
    """
    Where its tenant is not served any more, it is paused and says why; nothing begins.
    """
    await desk.weekdays()
    desk.app = desk.process(tenants={"T2": TenantSettings()})
    count = await desk.at(SEVEN)
    found = await desk.one()

    assert (0, ScheduleState.PAUSED, GONE) == (count, found.state, found.why)
    assert [("schedule_added", ADA), ("schedule_paused", "host")] == desk.events()


async def test_tenant_not_known_yet(desk: Desk) -> None:
    """
    Until the bot knows its own workspace that one's schedules wait; they come when it does.
    """
    await desk.weekdays()
    own = {"tenants": {}, "slack_bot_token": "-".join(("xoxb", "none"))}
    desk.app = desk.process(**own)
    before = await desk.at(SEVEN)
    found = await desk.one()
    desk.app = desk.process()

    assert (0, ScheduleState.ACTIVE, SEVEN) == (before, found.state, found.next_at)
    assert (0, 1) == (await desk.at(SEVEN + 1), await desk.at(SEVEN + PATIENCE))


async def test_many_that_wait(desk: Desk) -> None:
    """
    However many of one tenant cannot begin, another tenant's begins at its time.
    """
    full = TenantSettings(max_open=1, max_schedules=BATCH)
    desk.app = desk.process(tenants={"T1": full, "T2": TenantSettings()})
    await desk.store.workflows.add(ask("busy"), "busy", desk.clock.at)
    for _ in range(BATCH):
        await desk.app.add(ask(), "0 9 * * *")
    await desk.app.add(ask(tenant="T2"), "1 9 * * *")
    start = (await desk.one_of("T2")).next_at
    first = await desk.at(start)

    assert (1, 2) == (first, await desk.at(start + 1))


async def test_task_unfit(desk: Desk) -> None:
    """
    What could not begin, such as with a tool that is gone, is paused, and its people are told why.
    """
    await desk.weekdays()
    desk.unfit = BadRequest("There is no tool called 'files.list'.", "/tools")
    await desk.at(SEVEN)
    [told] = desk.told(NoticeKind.REFUSAL)

    assert ("There is no tool called 'files.list'.", 1) == ((await desk.one()).why, len([told]))
    assert "A schedule is paused: There is no tool called 'files.list'. Its task: report" == told["text"]
    with pytest.raises(BadRequest):
        await desk.app.resume(approver(), (await desk.one()).id)


@pytest.mark.parametrize("change", ["cron = 'x'", "zone = 'No/Where'", "zone = '../../etc/passwd'"])
async def test_row_that_somebody_edited(desk: Desk, change: str) -> None:
    """
    A row that says no time is paused and listed as it is; the others come at theirs.
    """
    made = await desk.weekdays()
    await desk.app.add(ask(tenant="T2"), "0 6 * * *")
    with closing(sqlite3.connect(desk.folder / "ironclaw.db")) as c, c:
        c.execute(f"UPDATE schedules SET {change} WHERE id = ?", (made.id,))
    listed = (await desk.one()).next_words
    count = await desk.at(SEVEN)
    found = await desk.one()

    assert (1, ScheduleState.PAUSED) == (count, found.state)
    assert (True, True) == (bool(found.why and listed), change.split("'")[1] in found.timing.words())


@pytest.mark.parametrize("change", ["place = 'x'", "tools = '{'"])
async def test_row_that_cannot_be_read(desk: Desk, change: str) -> None:
    """
    A row that is not as we write it begins nothing and is listed nowhere; the others come at theirs.
    """
    made = await desk.weekdays()
    await desk.app.add(ask(tenant="T2"), "0 6 * * *")
    with closing(sqlite3.connect(desk.folder / "ironclaw.db")) as c, c:
        c.execute(f"UPDATE schedules SET {change} WHERE id = ?", (made.id,))
    count = await desk.at(SEVEN)

    assert (1, ()) == (count, tuple(await desk.app.list("T1")))


async def test_paused(desk: Desk) -> None:
    """
    A paused one begins nothing; resumed, it goes on with the next slot, and missed nothing.
    """
    made = await desk.weekdays()
    await desk.app.pause(Principal("T1", ADA), made.id)
    during = await desk.at(SEVEN + DAY)
    resumed = await desk.app.resume(Principal("T1", ADA), made.id)

    assert (0, SEVEN + 2 * DAY) == (during, resumed.next_at)
    assert (1, 0) == (await desk.at(SEVEN + 2 * DAY), (await desk.one()).missed)
    assert ["schedule_added", "schedule_paused", "schedule_resumed", "schedule_fired"] == [
        event for event, _ in desk.events()
    ]


async def test_removed(desk: Desk) -> None:
    """
    What is removed begins nothing, is listed nowhere, and cannot be removed again.
    """
    made = await desk.weekdays()
    gone = await desk.app.remove(approver(), made.id)
    with pytest.raises(NotFound):
        await desk.app.remove(approver(), made.id)

    assert (ScheduleState.REMOVED, ()) == (gone.state, await desk.app.list("T1"))
    assert 0 == await desk.at(SEVEN)


async def test_paused_while_it_was_about_to_begin(desk: Desk) -> None:
    """
    Who pauses one between the look for what is due and its beginning has paused it.
    """
    made = await desk.weekdays()
    [due] = await desk.store.schedules.due(SEVEN, 10)
    await desk.app.pause(approver(), made.id)
    desk.clock.at = SEVEN
    await desk.app._begin(due)

    assert ([], SEVEN) == (desk.rows("SELECT id FROM workflows"), (await desk.one()).next_at)


@pytest.mark.parametrize(
    ("verb", "after"),
    [("pause", ScheduleState.PAUSED), ("resume", ScheduleState.ACTIVE), ("remove", ScheduleState.REMOVED)],
)
async def test_not_by_anybody(desk: Desk, verb: str, after: ScheduleState) -> None:
    """
    Nobody but its maker and the approvers changes one; for another tenant it is not there.
    """
    made = await desk.weekdays()
    if verb == "resume":
        await desk.app.pause(approver(), made.id)
    before, change = (await desk.one()).state, getattr(desk.app, verb)
    for who, error in ((EVE, Refused), (Principal("T2", ADA, frozenset({"approver"})), NotFound)):
        with pytest.raises(error):
            await change(who, made.id)

    assert ((), before) == (await desk.app.list("T2"), (await desk.one()).state)
    assert after is (await change(Principal("T1", ADA), made.id)).state


@pytest.mark.parametrize("verb", ["pause", "resume"])
async def test_changed_twice(desk: Desk, verb: str) -> None:
    """
    Who comes second is told so.
    """
    made = await desk.weekdays()
    await desk.app.pause(approver(), made.id)
    if verb == "resume":
        await desk.app.resume(approver(), made.id)
    with pytest.raises(Conflict):
        await getattr(desk.app, verb)(approver(), made.id)


async def test_most(desk: Desk) -> None:
    """
    A tenant has so many schedules and no more, paused ones too; what is removed makes room.
    """
    desk.app = desk.process(tenants={"T1": TenantSettings(max_schedules=2), "T2": TenantSettings()})
    first, _ = [await desk.app.add(ask(), "0 7 * * *") for _ in range(2)]
    await desk.app.pause(approver(), first.id)
    with pytest.raises(Refused, match="2 schedules"):
        await desk.app.add(ask(), "0 7 * * *")
    await desk.app.add(ask(tenant="T2"), "0 7 * * *")
    await desk.app.remove(approver(), first.id)

    assert (await desk.app.add(ask(), "0 7 * * *")).tenant == "T1"


async def test_same_delivery(desk: Desk) -> None:
    """
    What is delivered twice is one schedule.
    """
    twice = [await desk.weekdays(delivery=("slack", "T1:1")) for _ in range(2)]

    assert [(await desk.one()).id] * 2 == [each.id for each in twice]


async def test_own_zone(desk: Desk) -> None:
    """
    Whose maker names no zone goes by the tenant's.
    """
    tenant = TenantSettings(zone="Asia/Tokyo")
    made = await desk.process(tenants={"T1": tenant}).add(ask(), "0 7 * * *")

    assert ("Asia/Tokyo", "07:00 (Asia/Tokyo)") == (made.timing.zone, made.next_words.split(", ")[1])


async def test_a_run_in_its_own_thread(desk: Desk) -> None:
    """
    Every run stands under an opening of its own, in no thread that another could hold up.
    """
    await desk.weekdays()
    await desk.at(SEVEN)
    await desk.at(SEVEN + DAY)
    openings = {row[0] for row in desk.rows("SELECT subject FROM outbox WHERE kind = 'opening'")}
    places = desk.rows("SELECT place FROM workflows")

    assert openings == {json.loads(row[0])["under"] for row in places}
    assert 2 == len(openings)
