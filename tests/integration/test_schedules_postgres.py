"""Schedules of several processes on one PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.clock import Clock
from tests.fakes.postgres import cluster, programs
from tests.integration.engine import approver, ask, settings

from ironclaw.app.schedules import Schedules
from ironclaw.schedule import ScheduleState
from ironclaw.store import Store
from ironclaw.tenancy import Tenancy

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed")
PROCESSES = 4


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[list[Store]]:
    """Several pools of connections to one database: a process has one."""
    async with AsyncExitStack() as stack:
        url = stack.enter_context(cluster()).new_database()
        found = []
        for _ in range(PROCESSES):
            found.append(await Store.open(Path("unused"), url))
            stack.push_async_callback(found[-1].close)
        await found[0].map_tenants({}, frozenset({"T1", "T2"}), 1.0)
        yield found


async def test_each_slot_once(tmp_path: Path, stores: list[Store]) -> None:
    """
    Processes that look at the same moment begin each of twenty slots once between them; and what people do
    to a schedule in one is so in all.  (A server of its own: two seconds.)
    """
    clock, began = Clock(), list[str]()
    tenancy = Tenancy(settings(tmp_path), clock)

    def note(workflow_id: str, tenant: str) -> None:
        began.append(workflow_id)

    processes = [Schedules(store, tenancy, lambda task: None, note, clock) for store in stores]
    made: list[Any] = [await processes[0].add(ask(), "*/10 * * * *") for _ in range(10)]
    for _ in range(2):
        clock.at += 600
        await asyncio.gather(*(each.sweep() for each in processes))
    await processes[1].pause(approver(), made[0].id)
    await processes[2].resume(approver(), made[0].id)
    await processes[3].remove(approver(), made[1].id)
    listed = await processes[0].list("T1")
    open_ids = [workflow_id for workflow_id, _ in await stores[0].workflows.open_ids()]

    assert 20 == len(open_ids)
    assert sorted(began) == sorted(open_ids)
    assert ({ScheduleState.ACTIVE}, 9) == ({each.state for each in listed}, len(listed))
