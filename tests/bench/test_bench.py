"""The benchmarks still run, with tiny numbers; how fast they are is no test's business."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.bench import (
    deciding,
    durable,
    loop,
    memory,
    replicas,
    report,
    sandbox,
    scale,
    slack_ack,
    verdict,
    workflows,
)
from tests.bench.measure import Result, Samples, keep, table
from tests.fakes.postgres import programs

pytestmark = pytest.mark.sandbox


def kept(result: Result, folder: Path) -> dict[str, Any]:
    """What the result's file says."""
    numbers: dict[str, Any] = json.loads(keep(result, folder).read_text())["numbers"]
    return numbers


async def test_sandbox_bench(built_toolboxes: Path, tmp_path: Path) -> None:
    """
    Every row has the samples that were asked for.
    """
    result = await sandbox.measure(sandbox.Size(rounds=3, burst=2, bursts=1, warmup=1, peers=0))
    calls = kept(result, tmp_path)["calls"]

    assert [3] * 6 == [row[which]["samples"] for row in calls.values() for which in ("echo", "script")]
    assert 6 == sum(": met" in note or ": MISSED" in note for note in result.notes)
    assert "| IronClaw, a request" in table(result)


async def test_workflows_bench(built_toolboxes: Path, tmp_path: Path) -> None:
    """
    Each approved workflow ran its tool once, each denied one never.
    """
    size = workflows.Size(rounds=2, warmup=1, lanes=3, waves=1, depth=1)
    numbers = kept(await workflows.measure(size), tmp_path)

    assert 2 + 1 + 3 == numbers["tool"]["samples"]
    assert [4, 2, 2, 2, 2] == [row["samples"] for row in numbers["alone"].values()]


async def test_loop_bench(tmp_path: Path) -> None:
    """
    Both floors send what the brain sent, byte by byte, and each is timed as often.
    """
    result = await loop.measure(loop.Size(rounds=2, warmup=0, steps=2))
    numbers = kept(result, tmp_path)

    assert [2, 2, 2] == [numbers[name]["samples"] for name in ("loop", "library", "plain")]


async def test_slack_bench(built_toolboxes: Path, tmp_path: Path) -> None:
    """
    Every event is acknowledged, and answered in its thread.
    """
    size = slack_ack.Size(events=4, warmup=1)
    numbers = kept(await slack_ack.measure(size), tmp_path)

    assert [4, 4] == [numbers[name]["samples"] for name in ("bot", "floor")]


async def test_verdict_bench(tmp_path: Path) -> None:
    """
    Each policy was asked as often as was wanted.
    """
    numbers = kept(await verdict.measure(verdict.Size(rounds=3, warmup=1, rules=4)), tmp_path)

    assert [3] * 4 == [row["samples"] for row in numbers.values()]


async def test_deciding_bench(built_toolboxes: Path, tmp_path: Path) -> None:
    """
    A decision visits the database three times: to read what it is about, to write it, to go on; many at once
    share these visits, and one commit.
    """
    size = deciding.Size(rounds=2, warmup=1, lanes=3, waves=1)
    numbers = kept(await deciding.measure(size), tmp_path)
    alone, together = numbers["floor"]["alone"], numbers["floor"]["together"]

    assert [2, 2, 1, 1] == [row["samples"] for row in numbers["taken"].values()]
    assert [(3, 1), (3, 1)] == [(each["hops"], each["commits"]) for each in (alone, together)]


SMALL = durable.Size(rounds=1, counts=((1, 2), (3, 3)), warmup=1, fill=2, flushes=0, peers=False)


def resumed(contenders: dict[str, Any]) -> dict[str, list[int]]:
    """How many workflows each has brought to their end, at each concurrency."""
    return {
        name: [at["resume"]["samples"] for at in each["at"].values()] for name, each in contenders.items()
    }


async def test_durable_bench(built_toolboxes: Path, tmp_path: Path) -> None:
    """
    The engine and the floor have done the same work, in processes of their own.
    """
    contenders = kept(await durable.measure_sqlite(SMALL), tmp_path)["contenders"]
    done = {
        name: [at["resume"]["samples"] for at in each["at"].values()] for name, each in contenders.items()
    }

    assert {"floor": [4, 6], "IronClaw": [2, 3]} == done


@pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed")
async def test_durable_bench_on_postgres(built_toolboxes: Path, tmp_path: Path) -> None:
    """
    The engine and the floor have done the same work on PostgreSQL.
    """
    contenders = kept(await durable.measure_postgres(SMALL), tmp_path)["contenders"]
    done = {
        name: [at["resume"]["samples"] for at in each["at"].values()] for name, each in contenders.items()
    }

    assert {"floor": [4, 6], "IronClaw": [2, 3]} == done


@pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed")
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="This machine has one core")
async def test_replicas_bench(built_toolboxes: Path, tmp_path: Path) -> None:
    """
    One replica and two have done the same tasks.
    """
    size = replicas.Size(rounds=1, tasks=4, lanes=2, bare=2, warmup=1)
    result = await replicas.measure(size)
    crews = kept(result, tmp_path)["crews"]

    assert [2, 2, 4, 4] == sorted(each["task"]["samples"] for each in crews.values())
    assert any("of one (at least 1.7x)" in note for note in result.notes)


def test_percentiles() -> None:
    """
    The median and the 99th percentile are in milliseconds.
    """
    samples = Samples(tuple(number / 1000 for number in range(1, 102)))

    assert (51.0, 100.0) == (samples.p50, samples.p99)


def test_report(tmp_path: Path) -> None:
    """
    A kept result stands between its marks, with the machine's words; what people wrote stays.
    """
    page = tmp_path / "performance.md"
    page.write_text("before\n<!-- begin x -->\nold\n<!-- end x -->\nafter\n")
    keep(Result("x", "Title", ("", "ms"), (("row", "1.00"),), {}), tmp_path)

    report.write(tmp_path, tmp_path, draw=False)

    said = page.read_text()
    assert said.startswith("before\n<!-- begin x -->\n### Title\n")
    assert "| row | 1.00 |" in said
    assert "old" not in said
    assert said.endswith("<!-- end x -->\nafter\n")


async def test_scale_bench(built_toolboxes: Path, tmp_path: Path) -> None:
    """
    What was written as the engine would have is taken up by the engine: every one chosen is resumed.
    """
    restarts = kept(await scale.measure(scale.Size(paused=(3, 6), resumes=3)), tmp_path)["restarts"]

    assert [1, 3, 6] == [each["paused"] for each in restarts]
    assert [1, 2, 2] == [each["resume"]["samples"] for each in restarts]


async def test_memory_bench(tmp_path: Path) -> None:
    """
    Both ways are asked as often; what shares words is found, and meaning is not worse for being fused.
    """
    numbers = kept(await memory.measure(memory.Size((50,), questions=5, warmup=1)), tmp_path)
    recall = numbers["recall"]

    assert [5, 5] == [each["samples"] for each in numbers["search"]["50"].values()]
    assert 1.0 == recall["BM25"]["easy@5"]
    assert recall["BM25"]["hard@5"] < recall["both, fused"]["hard@5"] >= 0.95 * recall["dense stub"]["hard@5"]
