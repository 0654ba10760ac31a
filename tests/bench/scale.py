"""What paused workflows cost: rows on the disk, and nothing else, however many they are.

One workflow is paused by the engine.  Its rows, the audit's too, are then written again and again through
the same schema, each as the engine would have written it for another workflow: with ids of its own, with an
action that its approval is bound to, and with its links in the tenant's chain.  A new process takes it up
from there.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ironclaw.canonical import digest
from ironclaw.store.chain import commitment, link
from ironclaw.task import ApprovalView, ToolCall
from ironclaw.veto.binding import action_asked, asked_call
from tests.bench.contenders import own, running, used
from tests.bench.measure import Result, Samples, ms, say, times
from tests.bench.workflows import bench_engine, new_review
from tests.fakes.sandbox import resident

FLAT = 1.3  #: Times the resume of the fewest, from the issue.
READY, GROWTH, FIRST = 2.0, 10.0, 100.0  #: Seconds, MB and ms at a restart with RESTART, from the issue.
RESTART = 10_000
PEOPLE = 5_000  #: Who asked for them.
BATCH = 2_000  #: Workflows written in one transaction.
ROOM = 25_000  #: Bytes that must be free for each.
#: By table, which of its columns says of which workflow a row is.
TABLES = {
    "workflows": "id",
    "messages": "workflow_id",
    "tool_calls": "workflow_id",
    "approvals": "workflow_id",
    "outbox": "workflow_id",
}


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    paused: tuple[int, ...] = (1_000, RESTART, 100_000)
    resumes: int = 200


MILLION = Size(paused=(1_000, RESTART, 100_000, 1_000_000))


@dataclass(frozen=True, slots=True)
class Restarted:
    """A new process over so many paused workflows."""

    paused: int
    bytes: float  #: Of each.
    ready: float  #: Seconds from its start until it takes orders.
    resident: int  #: Bytes, then.
    after: int  #: Bytes, when the resumes are done.
    first: float  #: Milliseconds of the first resume.
    resumes: Samples


async def measure(size: Size = Size()) -> Result:
    """The table of cost against size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copies = await _template(folder)
        found = [await _restarted(folder, copies, 1, 1)]
        for count in size.paused:
            if shutil.disk_usage(folder).free < ROOM * count:
                say(f"scale: no room for {count} workflows")
                break
            say(f"scale: {count} paused")
            copies.fill(count)
            found.append(await _restarted(folder, copies, count, size.resumes))
    return _result(found)


async def measure_million() -> Result:
    """With a million: some 20 GB, and a quarter of an hour."""
    return await measure(MILLION)


class Copies:
    """The rows of one paused workflow, and what is to be another one's in each."""

    def __init__(self, database: Path, call: ToolCall, approval: ApprovalView) -> None:
        self._call, self._approval = call, approval
        self.database = database
        self.ids: list[str] = []
        with closing(self._open()) as c:
            self._rows = {
                table: _rows_of(c, table, column, call.workflow_id) for table, column in TABLES.items()
            }
            self._events = [
                str(row["event"])
                for row in c.execute("SELECT event FROM audit WHERE tenant = 'T1' ORDER BY n")
                if call.workflow_id in row["event"]
            ]

    def fill(self, count: int) -> None:
        """Until there are so many of them."""
        with closing(self._open()) as c:
            c.execute("PRAGMA synchronous = OFF")
            while len(self.ids) < count:
                c.execute("BEGIN IMMEDIATE")
                for _ in range(min(BATCH, count - len(self.ids))):
                    self._write(c, self._others())
                c.execute("COMMIT")
            c.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _open(self) -> sqlite3.Connection:
        c = sqlite3.connect(self.database, isolation_level=None)
        c.row_factory = sqlite3.Row
        return c

    def _others(self) -> dict[str, str]:
        """What stands in the place of the first one's words."""
        workflow, requester = secrets.token_hex(16), f"slack:T1:P{len(self.ids) % PEOPLE}"
        call = replace(self._call, workflow_id=workflow, requester=requester)
        self.ids.append(workflow)
        return {
            self._call.workflow_id: workflow,
            self._call.requester: requester,
            self._approval.id: secrets.token_hex(16),
            self._approval.action_sha256: action_asked(call, self._approval),
            digest([self._call.workflow_id, self._call.seq]): digest([workflow, self._call.seq]),
        }

    def _write(self, c: sqlite3.Connection, others: dict[str, str]) -> None:
        for table, found in self._rows.items():
            for row in found:
                values = {name: _said(value, others) for name, value in row.items()}
                marks = ", ".join("?" * len(values))
                c.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", (*values.values(),))
        for event in self._events:
            head = c.execute(
                "SELECT n, hash FROM audit WHERE tenant = 'T1' ORDER BY n DESC LIMIT 1"
            ).fetchone()
            n, prev, body = head["n"] + 1, head["hash"], _said(event, others)
            stays = commitment(body)
            row = (n, body, prev, link(prev, n, stays), stays)
            c.execute("INSERT INTO audit VALUES ('T1', ?, ?, ?, ?, ?)", row)


def _rows_of(c: sqlite3.Connection, table: str, column: str, workflow: str) -> list[dict[str, Any]]:
    found = [dict(row) for row in c.execute(f"SELECT * FROM {table} WHERE {column} = ?", (workflow,))]
    if table == "outbox":
        for row in found:
            del row["id"]  # The database's own.
    return found


def _said(value: Any, others: dict[str, str]) -> Any:
    if isinstance(value, str):
        for mine, other in others.items():
            if mine in value:
                value = value.replace(mine, other)
    return value


async def _template(folder: Path) -> Copies:
    """One workflow that waits, its card told."""
    async with bench_engine(folder) as app:
        view = await new_review(app)
        while await app._store.outbox.next_at(["test"]) is not None:  # noqa: ASYNC110 - nothing says so
            await asyncio.sleep(0.01)
        assert view.approval
        tool = app._registry.get(view.approval.tool)
        assert tool
        call = asked_call(view.approval, tool)
    return Copies(folder / "data" / "ironclaw.db", call, view.approval)


async def _restarted(folder: Path, copies: Copies, paused: int, resumes: int) -> Restarted:
    """Some random ones of them are resumed by a new process."""
    chosen = random.sample(copies.ids, min(resumes, len(copies.ids)))
    copies.ids = list(set(copies.ids).difference(chosen))
    size = used([copies.database])
    began = time.perf_counter()
    async with running("IronClaw", own("ours", folder)) as engine:
        ready = time.perf_counter() - began
        before = resident(engine.process.pid)
        taken = await engine.approve(chosen) if chosen else await engine.round(1, 1)
        seconds = taken.resume
        after = resident(engine.process.pid)
    return Restarted(
        paused, size / paused, ready, before, after, 1000 * seconds[0], Samples(seconds[1:] or seconds)
    )


def _result(found: Sequence[Restarted]) -> Result:
    empty, *filled = found
    return Result(
        name="scale",
        title="What paused workflows cost (SQLite; a new process over them, random ones resumed)",
        head=(
            "paused",
            "bytes each",
            "ready s",
            "RSS MB",
            "after",
            "first ms",
            "resume p50 ms",
            "p99",
            "of fewest",
        ),
        rows=tuple(_row(each, filled[0]) for each in filled),
        numbers={"restarts": [_numbers(each) for each in found]},
        notes=tuple(_bars(empty, filled)),
    )


def _row(each: Restarted, fewest: Restarted) -> tuple[str, ...]:
    return (
        f"{each.paused}",
        f"{each.bytes:.0f}",
        f"{each.ready:.2f}",
        f"{each.resident / 1e6:.1f}",
        f"{each.after / 1e6:.1f}",
        ms(each.first),
        ms(each.resumes.p50),
        ms(each.resumes.p99),
        times(each.resumes.p50 / fewest.resumes.p50),
    )


def _numbers(each: Restarted) -> dict[str, object]:
    return {
        "paused": each.paused,
        "bytes": round(each.bytes),
        "ready_s": round(each.ready, 3),
        "resident": each.resident,
        "resident_after": each.after,
        "first_ms": round(each.first, 2),
        "resume": each.resumes.summary(),
    }


def _bars(empty: Restarted, filled: Sequence[Restarted]) -> Iterator[str]:
    worst = max(each.resumes.p50 / filled[0].resumes.p50 for each in filled)
    yield _bar("resume p50 of the most against the fewest", worst, FLAT, "x")
    for each in filled:
        if each.paused == RESTART:
            yield _bar(f"ready with {RESTART} paused (without: {empty.ready:.2f} s)", each.ready, READY, " s")
            more = (each.resident - empty.resident) / 1e6
            yield _bar(f"memory with {RESTART} paused, more than without", more, GROWTH, " MB")
            yield _bar("the first resumed then", each.first, FIRST, " ms")


def _bar(what: str, value: float, most: float, unit: str) -> str:
    return f"{what}: {value:.3g}{unit} (at most {most:g}{unit}): " + ("met" if value <= most else "MISSED")
