"""The record of memories on both databases, and the index that follows it over whatever it loses."""

from __future__ import annotations

import asyncio
import inspect
import json
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import embeddings, memory
from tests.fakes.clock import Clock
from tests.fakes.postgres import NOT_INSTALLED, programs
from tests.integration.engine import ADA, ask, settings

from ironclaw.app.memories import Memories
from ironclaw.app.memory_index import FIRST_PAUSE, LOOK, MemoryIndexing
from ironclaw.errors import IndexUnavailable, NotFound, Refused
from ironclaw.memory import Memory, MemorySeals, Source, Visibility
from ironclaw.orchestrator.recalling import Recalling
from ironclaw.recall import Indexed, MemoryIndex, MemoryIndexes
from ironclaw.recollecting import ALL_BYTES, LINE_BYTES, recollections
from ironclaw.settings import TenantSettings
from ironclaw.store import SealedGrant, Spent, Store, grants
from ironclaw.store.memories import Memories as Record
from ironclaw.store.memories import Receipt
from ironclaw.store.memory_jobs import MemoryJobs
from ironclaw.store.recalls import Recalls
from ironclaw.store.retention import Page, Retention
from ironclaw.store.sql import sql
from ironclaw.task import GrantView, Principal, WorkflowState
from ironclaw.tenancy import Tenancy
from ironclaw.terms import GrantScope

FACT = "Billing is deployed on Tuesdays"
WORDS = "when is billing deployed"
SEALS = MemorySeals(b"k" * 32)
BOTH = (
    "sqlite",
    pytest.param("postgres", marks=pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED)),
)


@dataclass
class Desk:
    """The memory of one process.

    :ivar indexes: may be exchanged by a test
    """

    store: Store
    indexes: MemoryIndexes
    clock: Clock
    folder: Path

    def __post_init__(self) -> None:
        tenants = {"T1": TenantSettings(slack=("T1",)), "T2": TenantSettings(slack=("T2",))}
        self.tenancy = Tenancy(settings(self.folder, tenants=tenants), self.clock)
        self.over(self.indexes)

    def over(self, indexes: MemoryIndexes) -> None:
        """The same record with another index."""
        self.indexing = MemoryIndexing(self.store, indexes, self.clock)
        self.memories = Memories(
            self.store, self.tenancy, SEALS, self.indexing, lambda _, text: text, _kept_none, self.clock
        )
        self.recalling = Recalling(self.store, indexes, self.tenancy, SEALS, self.clock)

    async def said(self, text: str = FACT, tenant: str = "T1") -> str:
        who = Principal(tenant, f"slack:{tenant}:U_ADA")
        kept = await self.memories.remember(who, text, Visibility.EVERYBODY)
        return kept.memory.id

    async def found(self, words: str = WORDS, tenant: str = "T1") -> list[str]:
        return [each.id for each in await self.recalling.search(tenant, ADA, "", words)]


async def _kept_none(tenant: str, workflow_id: str) -> None:
    """No result was too long."""


@pytest.fixture(params=BOTH)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    url = request.getfixturevalue("url") if request.param == "postgres" else ""
    store = await Store.open(tmp_path / "ironclaw.db", url)
    await store.map_tenants({}, frozenset({"T1", "T2"}), 1.0)
    async with memory.files(tmp_path / "data") as indexes:
        yield Desk(store, indexes, Clock(), tmp_path)
    await store.close()


class Broken:
    """An index that fails as often as it is told to, and then is the real one.

    :ivar left: failures
    :ivar lacking: what it says that it found by words only
    """

    def __init__(self, real: MemoryIndexes, left: int = 0, version: str = "") -> None:
        self._real = real
        self.left = left
        self.kind = real.kind
        self.version = version or real.version

    def of(self, tenant: str) -> MemoryIndex:
        return _Failing(self, self._real.of(tenant))

    async def close(self) -> None:
        """The real one is the fixture's."""


class _Failing:
    def __init__(self, broken: Broken, real: MemoryIndex) -> None:
        self._broken = broken
        self._real = real

    def _fail(self) -> None:
        if self._broken.left:
            self._broken.left -= 1
            raise IndexUnavailable

    async def put(self, memories: Sequence[Indexed]) -> tuple[str, ...]:
        self._fail()
        return await self._real.put(memories)

    async def remove(self, ids: Sequence[str]) -> None:
        self._fail()
        await self._real.remove(ids)

    async def search(self, words: str, limit: int) -> tuple[str, ...]:
        self._fail()
        return await self._real.search(words, limit)

    async def count(self) -> int:
        return await self._real.count()

    async def clear(self) -> None:
        await self._real.clear()


async def test_remembered_found_and_forgotten(desk: Desk) -> None:
    """
    What is kept is found, and of what is forgotten nothing is left: in the rows, the jobs and the index.
    """
    mine = await desk.said()
    found = await desk.found()
    receipt = await desk.memories.forget(Principal("T1", "slack:T1:U_ADA"), [mine])
    kept = await desk.store.memories.receipts("T1")

    assert ([mine], []) == (found, await desk.found())
    assert (receipt,) == kept
    assert (0, 0) == (await desk.store.memory_jobs.left("T1"), await desk.indexes.of("T1").count())
    with pytest.raises(NotFound):
        await desk.store.memories.get("T1", mine)


async def test_no_more_than_there_may_be(desk: Desk) -> None:
    """
    Of a tenant that has as many memories as it may, a new one is refused, and the others are as they were.
    """
    mine = await desk.said()
    with pytest.raises(Refused, match="which is the most"):
        await desk.store.memories.add(sample("T1"), "x", 5.0, SEALS.is_ours, most=1)

    assert [mine] == [each.id for each in await desk.store.memories.all("T1")]


async def test_taken_out_of_what_was_said(desk: Desk) -> None:
    """
    Forgotten, it is gone from the message that a run was given; the audit log keeps that there was one.
    """
    mine = await desk.said()
    await desk.store.workflows.add(ask(), "w" * 32, 1.0)
    flow = await desk.store.workflows.load("w" * 32)
    [found] = await desk.store.memories.all("T1")
    await desk.store.recalls.begin(flow, [found], recollections, 2.0)
    given = (await desk.store.workflows.load(flow.id)).messages[0].text
    await desk.memories.forget(Principal("T1", "slack:T1:U_ADA"), [mine])
    after = (await desk.store.workflows.load(flow.id)).messages[0].text

    assert (True, False) == (FACT in given, FACT in after)
    assert f"- {mine}: [forgotten]" in after
    assert [mine] == [each.memory_id for each in await desk.store.recalls.of("T1", flow.id)]


async def test_forgotten_while_it_was_looked_for(desk: Desk) -> None:
    """
    What is forgotten between the search and the note of it is not given.
    """
    mine = await desk.said()
    await desk.store.workflows.add(ask(), "w" * 32, 1.0)
    flow = await desk.store.workflows.load("w" * 32)
    [found] = await desk.store.memories.all("T1")
    await desk.memories.forget(Principal("T1", "slack:T1:U_ADA"), [mine])
    await desk.store.recalls.begin(flow, [found], recollections, 2.0)

    assert 1 == len((await desk.store.workflows.load(flow.id)).messages)


async def test_texts_are_erased(desk: Desk) -> None:
    """
    The statements that keep a task no longer leave its id and state, on either database.
    """
    await desk.store.workflows.add(ask("a canary"), "w" * 32, 1.0)
    flow = await desk.store.workflows.load("w" * 32)
    await desk.store.workflows.finish(flow, WorkflowState.DONE, "the canary", 2.0, Spent())
    first = await desk.store.retention.erase_texts("T1", 3.0, 4.0)
    forgotten = await desk.store.retention.forget_events("T1", 3.0, 4.0, Page())
    again = await desk.store.retention.erase_texts("T1", 3.0, 4.0)
    view = await desk.store.workflows.view("T1", flow.id)

    assert (("w" * 32,), ("w" * 32,), ()) == (first.erased, forgotten.erased, again.erased)
    assert (WorkflowState.DONE, "", "") == (view.state, view.text, view.outcome)


async def test_an_index_that_was_away(desk: Desk) -> None:
    """
    What could not be indexed, or removed, is tried again later: nothing is lost, and nothing stays.
    """
    broken = Broken(desk.indexes, left=1)
    desk.over(broken)
    mine = await desk.said()
    at_once = await desk.indexes.of("T1").count()
    desk.clock.at += FIRST_PAUSE
    await desk.indexing.keep_up()
    later = await desk.indexes.of("T1").count()
    broken.left = 1
    with pytest.raises(IndexUnavailable, match="as soon as it can"):
        await desk.memories.forget(Principal("T1", "slack:T1:U_ADA"), [mine])
    still = await desk.indexes.of("T1").count()
    desk.clock.at += FIRST_PAUSE
    await desk.indexing.keep_up()

    assert (0, 1, 1, 0) == (at_once, later, still, await desk.indexes.of("T1").count())


async def test_another_version(desk: Desk) -> None:
    """
    What another version of the index has is put into this one by itself.
    """
    mine = await desk.said()
    await desk.indexes.of("T1").clear()
    desk.over(Broken(desk.indexes, version="another"))
    await desk.indexing.keep_up()
    [row] = await desk.store.memories.all("T1")

    assert ([mine], "another") == (await desk.found(), row.index_version)


@pytest.mark.parametrize("ghosts", [False, True])
async def test_an_index_that_differs(desk: Desk, ghosts: bool) -> None:
    """
    An index that has lost memories, or has some that nobody knows, is made anew by itself.
    """
    mine = await desk.said()
    await desk.indexing.keep_up()
    if ghosts:
        await desk.indexes.of("T1").put([Indexed("m-ghost", FACT)])
    else:
        await desk.indexes.of("T1").clear()
    desk.clock.at += LOOK
    await desk.indexing.keep_up()

    assert ([mine], 1) == (await desk.found(), await desk.indexes.of("T1").count())


async def test_reindexed(desk: Desk) -> None:
    """
    The index is made anew from the record, which alone knows the texts.
    """
    for number in range(3):
        await desk.said(f"{FACT} {number}")
    await desk.indexes.of("T1").clear()

    assert (3, 3) == (await desk.indexing.reindex("T1"), len(await desk.found()))


async def test_meanings_come_later(tmp_path: Path) -> None:
    """
    A memory whose meaning cannot be had is found by its words at once, and by its meaning once the server of
    embeddings is there again.
    """
    async with embeddings.FakeEmbeddings() as server:
        store = await Store.open(tmp_path / "ironclaw.db")
        server.status = 503
        async with memory.files(tmp_path / "data", **memory.meaning(server)) as indexes:
            desk = Desk(store, indexes, Clock(), tmp_path)
            mine = await desk.said()
            by_words, waits = await desk.found(), await store.memory_jobs.left("T1")
        server.status = 200
        async with memory.files(tmp_path / "data", **memory.meaning(server)) as indexes:
            desk.over(indexes)
            desk.clock.at += 3600
            await desk.indexing.keep_up()
            left, [row] = await store.memory_jobs.left("T1"), await store.memories.all("T1")
        await store.close()

    assert ([mine], 1, 0, indexes.version) == (by_words, waits, left, row.index_version)


async def test_a_recall_is_bounded(desk: Desk) -> None:
    """
    However much fits: so many memories, so many bytes of each, so many of all.
    """
    for number in range(20):
        await desk.said(f"{FACT} {number} " + "ü" * 200)
    found = await desk.recalling.search("T1", ADA, "", WORDS)
    text = recollections(found)

    assert 0 < len(found) <= 8
    assert len(text.encode()) <= ALL_BYTES
    assert all(len(each.encode()) <= LINE_BYTES for each in text.split("\n"))


PROGRAM = """
import asyncio, os, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.integration.test_memory_record import Desk, memory, Store, Clock

async def main():
    folder = Path(sys.argv[1])
    store = await Store.open(folder / "ironclaw.db")
    async with memory.files(folder / "data") as indexes:
        desk = Desk(store, indexes, Clock(), folder)
        for number in range(1000):
            mine = await desk.said(f"Billing is deployed on Tuesdays {{number}}")
            if number % 3 == 2:
                from ironclaw.task import Principal
                await desk.memories.forget(Principal("T1", "slack:T1:U_ADA"), [mine])
                print("-", mine, flush=True)
            else:
                print("+", mine, flush=True)

asyncio.run(main())
"""


async def test_killed_at_any_moment(tmp_path: Path) -> None:
    """
    Whatever was said to be remembered is there and is found after kill -9, and what was forgotten is not.
    (Two seconds: three lives of a process.)
    """
    told: dict[str, str] = {}
    for count in (7, 11, 4):
        program = PROGRAM.format(root=str(Path(__file__).parents[2]))
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(tmp_path), stdout=asyncio.subprocess.PIPE
        )
        assert child.stdout
        for _ in range(count):
            sign, memory_id = (await child.stdout.readline()).decode().split()
            told[memory_id] = sign
        child.send_signal(signal.SIGKILL)
        await child.wait()
    store = await Store.open(tmp_path / "ironclaw.db")
    async with memory.files(tmp_path / "data") as indexes:
        desk = Desk(store, indexes, Clock(), tmp_path)
        desk.clock.at += LOOK
        await desk.indexing.keep_up()
        await desk.indexing.keep_up()
        there = {each.id for each in await store.memories.all("T1")}
        found = set(await indexes.of("T1").search(WORDS, 100))
    await store.close()

    assert {key for key, sign in told.items() if sign == "+"} <= there
    assert not {key for key, sign in told.items() if sign == "-"} & there
    assert there == found


CANARIES = {"T1": "alpha-zq1", "T2": "beta-zq2"}


def sample(tenant: str, number: int = 0) -> Memory:
    """A memory that says whose it is."""
    text = f"The word of {tenant} is {CANARIES[tenant]}"
    made = Memory(
        f"m-{tenant}{number:014d}", tenant, f"slack:{tenant}:U_ADA", Visibility.EVERYBODY, text,
        Source.USER, 5.0,
    )  # fmt: skip
    return replace(made, mac=SEALS.seal(made))


async def test_no_method_shows_another_tenants(desk: Desk) -> None:
    """
    Asked in the name of one tenant, with the ids of the other, no method of the record, the jobs, the recalls
    or retention gives or changes anything of the other's.
    """
    flows = {}
    for tenant in ("T1", "T2"):
        await desk.store.memories.add(sample(tenant), "x", 5.0, SEALS.is_ours)
        await desk.store.workflows.add(ask(CANARIES[tenant], tenant=tenant), tenant * 16, 1.0)
        flows[tenant] = await desk.store.workflows.load(tenant * 16)
        await desk.store.recalls.begin(flows[tenant], [sample(tenant)], recollections, 2.0)
    theirs = sample("T2")
    receipt = Receipt("r", 9.0, "x", "asked", 0, 0, "d")
    asked: dict[str, Any] = {
        "add": lambda: desk.store.memories.add(replace(sample("T1", 1), text="x"), "x", 5.0, SEALS.is_ours),
        "get": lambda: desk.store.memories.get("T1", theirs.id),
        "first": lambda: desk.store.memories.first("T1", [theirs.id], 9, lambda _: True),
        "all": lambda: desk.store.memories.all("T1"),
        "has_any": lambda: desk.store.memories.has_any("T1"),
        "tenants": None,  # Names, for the chore: nothing of theirs.
        "expired": lambda: desk.store.memories.expired("T1", 1e12, 1e12, 99),
        "forget": lambda: desk.store.memories.forget("T1", [theirs], receipt, 9.0),
        "searched_by": lambda: desk.store.memories.searched_by("T1", [theirs]),
        "receipts": lambda: desk.store.memories.receipts("T1"),
        "approvers": lambda: desk.store.memories.approvers("T1", flows["T2"].id, 1),
        "due": lambda: desk.store.memory_jobs.due("T1", 1e12),
        "left": lambda: desk.store.memory_jobs.left("T1"),
        "was_put": lambda: desk.store.memory_jobs.was_put("T1", "v", [theirs.id], [theirs.id], 1.0, 1.0),
        "were_removed": lambda: desk.store.memory_jobs.were_removed("T1", [theirs.id]),
        "put_off": lambda: desk.store.memory_jobs.put_off("T1", [], 1.0),
        "queue_missing": lambda: desk.store.memory_jobs.queue_missing("T1", "v", 1.0, anew=True),
        "expected": lambda: desk.store.memory_jobs.expected("T1"),
        "of": lambda: desk.store.recalls.of("T1", flows["T2"].id),
        "add_recall": lambda: desk.store.recalls.add("T1", flows["T2"].id, "x", [sample("T1")], 3.0),
        "begin": lambda: desk.store.recalls.begin(flows["T1"], [theirs], recollections, 3.0),
        "erase_texts": lambda: desk.store.retention.erase_texts("T1", 1e12, 9.0),
        "forget_events": lambda: desk.store.retention.forget_events("T1", 1e12, 9.0, Page()),
    }
    seen = ""
    for method in asked.values():
        try:
            seen += repr(await method()) if method else ""
        except NotFound as missing:
            seen += repr(missing)
    left = await desk.store.memories.all("T2")
    message = (await desk.store.workflows.load(flows["T2"].id)).messages[0].text

    names = {name for part in (Record, MemoryJobs, Recalls, Retention) for name in methods(part)}
    assert names == set(asked) - {"add_recall"}
    assert CANARIES["T2"] not in seen
    assert [theirs.id] == [each.id for each in left]
    assert CANARIES["T2"] in message


def methods(part: type) -> set[str]:
    """Its public ones."""
    return {name for name, each in inspect.getmembers(part, inspect.isfunction) if name[0] != "_"}


async def test_the_same_with_and_without_the_other(desk: Desk) -> None:
    """
    What a tenant finds, and in which order, is the same to the byte whatever another one has.
    """
    for number in range(5):
        await desk.said(f"{FACT} in stage {number}")
    alone = await desk.found()
    for number in range(20):
        await desk.said(f"billing billing Tuesdays {number}", "T2")

    assert alone == await desk.found()
    assert json.dumps(alone)


def granted(c: Any, view: GrantView) -> None:
    """A call, its review, and the yes that is remembered."""
    call = dict.fromkeys(
        ("call_id", "args", "component_sha256", "manifest_sha256", "rule", "action_sha256"), ""
    )
    more = {"risk": "high", "effect": "once", "policy_version": "", "circumstances": "{}", "idem_key": "k"}
    sql.add_call(c, workflow_id=view.workflow_id, seq=1, tool=view.tool, state="succeeded", **call, **more)
    asked = {"version": 1, "action_sha256": "", "escalates_at": 0.0, "terms": "{}", "card": view.approval_id}
    of = {"tenant": view.tenant, "workflow_id": view.workflow_id, "seq": 1}
    sql.add_approval(c, id=view.approval_id, now=1.0, expires_at=50.0, **asked, **of)
    grants.add(c, SealedGrant(view, "seal"), 2.0)


async def test_events_that_a_grant_counts_by(desk: Desk) -> None:
    """
    What the audit log says of a remembered yes is forgotten once that has ended, and not before.
    """
    await desk.store.workflows.add(ask("a canary"), "w" * 32, 1.0)
    flow = await desk.store.workflows.load("w" * 32)
    await desk.store.workflows.finish(flow, WorkflowState.DONE, "done", 2.0, Spent())
    view = GrantView(
        "g" * 32, "T1", GrantScope.TOOL, flow.id, "http.post", ADA, "test:C1", frozenset(), frozenset(), "",
        "c", "m", "a" * 32, ADA, 1.0, 50.0, 9,
    )  # fmt: skip
    await desk.store._writer.write(lambda c: granted(c, view))
    await desk.store.retention.forget_events("T1", 3.0, 40.0, Page())
    counts = await desk.store.grants.is_as_told(view)
    again = await desk.store.retention.forget_events("T1", 3.0, 40.0, Page())
    after = await desk.store.retention.forget_events("T1", 3.0, 60.0, Page())
    told = await desk.store._writer.read(lambda c: list(sql.events_of_grant(c, tenant="T1", grant=view.id)))

    assert (True, (), (flow.id,), []) == (counts, again.erased, after.erased, told)
