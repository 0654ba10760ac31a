"""One tenant's memories are as if there were no other tenant, by every method of the store."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from tests.integration.desk import CANARIES, FACT, SEALS, Desk, sample
from tests.integration.engine import ask

from ironclaw.errors import NotFound
from ironclaw.memory import Memory
from ironclaw.recollecting import recollections
from ironclaw.store import Flow
from ironclaw.store.memories import Memories, Receipt
from ironclaw.store.memory_jobs import MemoryJobs
from ironclaw.store.memory_remains import MemoryRemains
from ironclaw.store.recalls import Recalls
from ironclaw.store.retention import Page, Retention

Asked = dict[str, Callable[[], Awaitable[Any]]]


def of_the_record(desk: Desk, theirs: Memory, flow: Flow) -> Asked:
    """Every method of the record in the name of the first tenant, with the ids of the other."""
    record, new = desk.store.memories, replace(sample("T1", 1), text="x")
    receipt = Receipt("r", 9.0, "x", "asked", 0, 0, "d")
    return {
        "add": lambda: record.add(new, "x", 5.0, SEALS.is_ours),
        "get": lambda: record.get("T1", theirs.id),
        "first": lambda: record.first("T1", [theirs.id], 9, lambda _: True),
        "all": lambda: record.all("T1"),
        "has_any": lambda: record.has_any("T1"),
        "tenants": _names,
        "expired": lambda: record.expired("T1", 1e12, 1e12, 99),
        "forget": lambda: record.forget("T1", [theirs], receipt, 9.0),
        "searched_by": lambda: record.searched_by("T1", [theirs]),
        "receipts": lambda: record.receipts("T1"),
        "approvers": lambda: record.approvers("T1", flow.id, 1),
    }


def of_what_follows(desk: Desk, theirs: Memory) -> Asked:
    """The same of the jobs, and of what a workflow still held."""
    jobs, remains = desk.store.memory_jobs, desk.store.memory_remains
    return {
        "due": lambda: jobs.due("T1", 1e12),
        "left": lambda: jobs.left("T1"),
        "was_put": lambda: jobs.was_put("T1", "v", [theirs.id], [theirs.id], 1.0, 1.0),
        "were_removed": lambda: jobs.were_removed("T1", [theirs.id]),
        "put_off": lambda: jobs.put_off("T1", [], 1.0),
        "queue_missing": lambda: jobs.queue_missing("T1", "v", 1.0, anew=True),
        "expected": lambda: jobs.expected("T1"),
        "to_settle": _names,
        "take_out": lambda: remains.take_out("T1", 9.0),
        "drop": lambda: remains.drop("T1", ["T2" * 16]),
    }


def of_workflows(desk: Desk, theirs: Memory, own: Flow, other: Flow) -> Asked:
    """The same of what workflows were given, and of what is kept no longer."""
    recalls, retention = desk.store.recalls, desk.store.retention
    return {
        "of": lambda: recalls.of("T1", other.id),
        "add_recall": lambda: recalls.add("T1", other.id, "x", [sample("T1")], 3.0),
        "begin": lambda: recalls.begin(own, [theirs], recollections, 3.0),
        "erase_texts": lambda: retention.erase_texts("T1", 1e12, 9.0),
        "forget_events": lambda: retention.forget_events("T1", 1e12, 9.0, Page()),
    }


async def _names() -> None:
    """Of a method that names tenants, for a chore: nothing of theirs."""


async def given(desk: Desk, tenant: str) -> Flow:
    """A task of the tenant's that was given its memory."""
    await desk.store.memories.add(sample(tenant), "x", 5.0, SEALS.is_ours)
    await desk.store.workflows.add(ask(CANARIES[tenant], tenant=tenant), tenant * 16, 1.0)
    flow = await desk.store.workflows.load(tenant * 16)
    await desk.store.recalls.begin(flow, [sample(tenant)], recollections, 2.0)
    return flow


async def said_of(method: Callable[[], Awaitable[Any]]) -> str:
    """All that it gives or says."""
    try:
        return repr(await method())
    except NotFound as missing:
        return repr(missing)


async def test_no_method_shows_another_tenants(desk: Desk) -> None:
    """
    Asked in the name of one tenant, with the ids of the other, no method of the record, the jobs, the recalls
    or retention gives or changes anything of the other's.
    """
    own, other, theirs = await given(desk, "T1"), await given(desk, "T2"), sample("T2")
    asked = of_the_record(desk, theirs, other) | of_what_follows(desk, theirs)
    asked |= of_workflows(desk, theirs, own, other)
    seen = "".join([await said_of(method) for method in asked.values()])
    left = await desk.store.memories.all("T2")
    message = (await desk.store.workflows.load(other.id)).messages[0].text

    parts = (Memories, MemoryJobs, MemoryRemains, Recalls, Retention)
    assert {name for part in parts for name in methods(part)} == set(asked) - {"add_recall"}
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
