"""Rows of what models used and of summaries, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.postgres import NOT_INSTALLED, programs
from tests.integration.engine import ask

from ironclaw.errors import Conflict
from ironclaw.store import Flow, Spent, Store, Summary
from ironclaw.store.summaries import void
from ironclaw.task import ModelTotal, ModelUse, Move, WorkflowState

USE = ModelUse("m-1", "system.md@1", 3_000, 1_000, 412, 4_000)
SUMMARY = Summary(frozenset({2, 3}), "## Goal", frozenset({"files"}), "m-1", 0, False, False)
POSTGRES = pytest.param("postgres", marks=pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED))


@pytest.fixture(params=["sqlite", POSTGRES])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    url = request.getfixturevalue("url") if request.param == "postgres" else ""
    store = await Store.open(tmp_path / "ironclaw.db", url)
    await store.map_tenants({}, frozenset({"T1", "T2"}), 1.0)
    yield store
    await store.close()


async def flows(store: Store, number: int, tenant: str = "T1") -> list[Flow]:
    ids = [f"{tenant}-w{each}" for each in range(number)]
    for each in ids:
        await store.workflows.add(ask(tenant=tenant), each, 1.0)
    return [await store.workflows.load(each) for each in ids]


async def test_turns_that_begin_at_once(store: Store) -> None:
    """
    Each sees what the others hold, however many begin at once, and nobody what another tenant's hold.
    """
    mine, others = await flows(store, 20), await flows(store, 2, "T2")
    held = [store.workflows.reserve(flow, 30, 100, 0.0, 2.0) for flow in (*mine, *others)]
    found = await asyncio.gather(*held)

    assert [0, 30, 60, 90] + [120] * 16 == sorted(held for _, held in found[:20])
    assert [0, 30] == sorted(held for _, held in found[20:])


async def test_what_was_held_is_let_go(store: Store) -> None:
    """
    Once it is written what a turn used, that counts; where nothing is, what was held has been spent.
    """
    told, untold, again, late = await flows(store, 4)
    for flow in (told, untold, again):
        await store.workflows.reserve(flow, 5_000, 10**6, 0.0, 2.0)
    await store.workflows.finish(told, WorkflowState.DONE, "done", 3.0, Spent(1, 1, 1.0, (USE,)))
    await store.workflows.finish(untold, WorkflowState.FAILED, "late", 3.0, Spent())
    await store.workflows.reserve(again, 7_000, 10**6, 0.0, 4.0)

    assert (4_000 + 5_000 + 5_000, 7_000) == await store.workflows.reserve(late, 1, 10**6, 0.0, 5.0)
    assert ["(not told)"] == [use.model for use in await store.model_calls.of(untold.id)]
    assert (1, 0) == await store.workflows.reserve(late, 0, 10**6, 5.5, 6.0)


async def test_what_a_turn_used(store: Store) -> None:
    """
    A turn's uses are written with its move, and those of its end with that: the view has the sum.
    """
    await store.workflows.add(ask(), "w1", 1.0)
    flow = await store.workflows.load("w1")
    await store.workflows.record_move(flow, Move(answer="x"), (), (), Spent(1, 10, 0.1, (USE, USE)), 12.0)
    flow = await store.workflows.load("w1")
    unpriced = replace(USE, micros=None)
    await store.workflows.finish(flow, WorkflowState.DONE, "done", 13.0, Spent(1, 10, 0.1, (unpriced,)))
    view = await store.workflows.view("T1", "w1")

    assert ModelTotal(3, 9_000, 3_000, 1_236, None) == view.models
    assert (USE, USE, unpriced) == await store.model_calls.of("w1")


async def test_what_a_day_cost(store: Store) -> None:
    """
    Of a tenant's day counts what it used since then, and nobody else's.
    """
    one, two, asks = await flows(store, 3)
    for flow, at in ((one, 100.0), (two, 200.0), (*await flows(store, 1, "T2"), 200.0)):
        await store.workflows.finish(flow, WorkflowState.DONE, "", at, Spent(1, 1, 0.0, (USE,)))
    found = [await store.workflows.reserve(asks, 0, 10**6, since, 300.0) for since in (1.0, 150.0, 300.0)]

    assert [(8_000, 0), (4_000, 0), (0, 0)] == found


async def test_nothing_of_a_move_that_was_too_late(store: Store) -> None:
    """
    Who has read an older state writes neither a move nor what it used.
    """
    await store.workflows.add(ask(), "w1", 1.0)
    stale = await store.workflows.load("w1")
    await store.workflows.record_move(stale, Move(answer="x"), (), (), Spent(), 12.0)
    with pytest.raises(Conflict):
        await store.summaries.add(stale, SUMMARY, Spent(0, 5, 0.1, (USE,)), 13.0)

    assert ((), ()) == (await store.model_calls.of("w1"), await store.summaries.of("w1"))


async def test_a_summary(store: Store) -> None:
    """
    A summary is read as it was written, taints its workflow, and says nothing once it is void.
    """
    await store.workflows.add(ask(), "w1", 1.0)
    await store.summaries.add(await store.workflows.load("w1"), SUMMARY, Spent(), 13.0)
    before = await store.summaries.of("w1")
    others = await store._writer.write(lambda c: void(c, "w1", [1, 4]))
    voided = await store._writer.write(lambda c: void(c, "w1", [3]))
    flow = await store.workflows.load("w1")

    assert ((SUMMARY,), 0, 1) == (before, others, voided)
    assert (replace(SUMMARY, text=""),) == await store.summaries.of("w1")
    assert frozenset({"files"}) == flow.read_also


async def test_a_thread_passes_its_taint_on(store: Store) -> None:
    """
    What a task was given beside results taints the later tasks of its thread.
    """
    await store.workflows.add(ask(thread="t"), "w1", 1.0)
    await store.summaries.add(await store.workflows.load("w1"), SUMMARY, Spent(), 2.0)
    await store.workflows.finish(await store.workflows.load("w1"), WorkflowState.DONE, "x", 3.0, Spent())
    await store.workflows.add(ask(thread="t"), "w2", 4.0)

    assert frozenset({"files"}) == (await store.workflows.load("w2")).past_taint
