"""A start where 10,000 workflows wait for people is as quick as where one does, and any of them goes on."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.postgres import NOT_INSTALLED, Cluster, programs
from tests.integration.engine import Moves, approver, ask, engine, moves, wants

from ironclaw.task import Decision, WorkflowState

pytestmark = pytest.mark.sandbox
MANY = 10_000
READY = 2.0  #: Seconds that they may add to a start, of the issue's two for all of it.
#: Columns that are not the same in two workflows' rows.
OWN = {
    "workflows": ("id",),
    "messages": ("workflow_id",),
    "tool_calls": ("workflow_id", "idem_key"),
    "approvals": ("workflow_id", "id", "card"),
}
NUMBERS = f"WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})"


def copied(columns: dict[str, list[str]]) -> str:
    """Statements that copy the rows of the one workflow there is, so often."""
    return "".join(
        f"INSERT INTO {table} ({', '.join(names)}) {NUMBERS} SELECT "
        + ", ".join(f"t.{each} || '-' || n" if each in OWN[table] else f"t.{each}" for each in names)
        + f" FROM numbers CROSS JOIN {table} t;"
        for table, names in columns.items()
    )


def fill_file(path: Path) -> None:
    with closing(sqlite3.connect(path)) as c, c:
        columns = {each: [row[1] for row in c.execute(f"PRAGMA table_info({each})")] for each in OWN}
        c.executescript(copied(columns))


def fill_server(server: Cluster, name: str) -> None:
    said = "SELECT column_name FROM information_schema.columns WHERE table_name = '{}'"
    columns = {each: server.run(name, said.format(each)).split() for each in OWN}
    server.run(name, copied(columns) + "ANALYZE")


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED)),
    ]
)
def where(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[dict[str, Any], Any]:
    """Settings of a database, and what fills it."""
    if request.param == "sqlite":
        return {}, lambda: fill_file(tmp_path / "data/ironclaw.db")
    server: Cluster = request.getfixturevalue("server")
    url = server.new_database()
    more = {"database_url": url, "scratch_dir": tmp_path / "data/mnt/scratch"}
    return more, lambda: fill_server(server, url.rpartition("/")[2])


async def test_ten_thousand(tmp_path: Path, built_toolboxes: Path, where: tuple[dict[str, Any], Any]) -> None:
    """
    They add less than two seconds to a start, and one of them is approved and runs.
    """
    more, fill = where
    brain = Moves(moves(wants("files.write", path="a.md", text="x")))
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
    seconds = []
    for _ in range(2):
        began = time.monotonic()
        async with engine(tmp_path, brain, built_toolboxes, **more) as app:
            assert all((await app.ready()).values())
            seconds.append(time.monotonic() - began)
        if len(seconds) == 1:
            fill()
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        assert view.approval is not None
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 30)
        others = await app.workflows("T1", limit=5)

    assert (WorkflowState.DONE, 5) == (after.state, len(others))
    assert seconds[1] - seconds[0] < READY
