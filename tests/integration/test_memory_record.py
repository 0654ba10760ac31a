"""The record of memories on both databases: what is kept, found, given and no more than may be."""

from __future__ import annotations

import pytest
from tests.integration.desk import FACT, SEALS, WORDS, Desk, sample
from tests.integration.engine import ADA

from ironclaw.errors import NotFound, Refused, Suspended
from ironclaw.memory import Memory, Visibility
from ironclaw.recollecting import ALL_BYTES, LINE_BYTES, recollections
from ironclaw.store import memory_jobs
from ironclaw.store.memory_rows import columns
from ironclaw.store.sql import Connection, sql
from ironclaw.task import Principal, TenantState

ME = Principal("T1", "slack:T1:U_ADA")


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


async def put_back(desk: Desk, memory: Memory) -> None:
    """Somebody who writes the database has the row as it once was there again."""

    def unit(c: Connection) -> None:
        sql.drop_memory(c, tenant=memory.tenant, id=memory.id)
        sql.add_memory(c, **columns(memory))
        memory_jobs.put(c, memory.tenant, memory.id, 9.0)

    await desk.store._writer.write(unit)
    await desk.indexing.apply(memory.tenant)


async def test_a_forgotten_row_that_is_put_back(desk: Desk) -> None:
    """
    The seal is as good as ever, and the audit log has it that it was forgotten: nobody is reminded of it, it
    is shown as what it is, and the same can be remembered anew.
    """
    mine = await desk.said()
    kept = await desk.store.memories.get("T1", mine)
    await desk.memories.forget(ME, [mine])
    await put_back(desk, kept)
    found = await desk.found()
    [shown] = await desk.memories.list(ME)
    again = await desk.said()

    assert ([], False) == (found, shown.is_genuine)
    assert [again] == await desk.found()


async def test_a_row_that_gave_way_and_is_put_back(desk: Desk) -> None:
    """
    As it was before another took its place it is believed no more either.
    """
    old = await desk.said()
    kept = await desk.store.memories.get("T1", old)
    text = "Billing is deployed on Mondays"
    new = await desk.memories.remember(ME, text, Visibility.EVERYBODY, replaces=old)
    gave_way = await desk.memories.show(ME, old)
    await put_back(desk, kept)
    shown = await desk.memories.show(ME, old)

    assert (True, False) == (gave_way.is_genuine, shown.is_genuine)
    assert [new.memory.id] == await desk.found()


async def test_a_suspended_tenant(desk: Desk) -> None:
    """
    Nothing is remembered for a tenant that its operator has suspended.
    """
    await desk.store.tenants.change("T1", TenantState.ACTIVE, TenantState.SUSPENDED, "local:op", 2.0)
    with pytest.raises(Suspended):
        await desk.said()

    assert () == await desk.store.memories.all("T1")
