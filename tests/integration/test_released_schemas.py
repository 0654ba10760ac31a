"""From every schema that was ever released to the one of now: whole or not at all, with what waits."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.integration.engine import Moves, approver, ask, engine, moves, wants

from ironclaw.app import Ironclaw
from ironclaw.errors import Conflict
from ironclaw.store import Store
from ironclaw.store.migrations import head_version, migrate_sqlite
from ironclaw.task import Decision, WorkflowState

WRITE = moves(wants("files.write", path="a.md", text="x"))
RELEASED = range(1, 8)
BOUND_AS_NOW = 4  #: The first schema with all that an approval is bound to.
#: Tables that an approval waits in.
TABLES = ("tenants", "workflows", "messages", "tool_calls", "approvals", "outbox", "audit")


def made(path: Path, version: int) -> None:
    """A database as that version left it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as c:
        migrate_sqlite(c, version)


def moved(source: Path, path: Path) -> None:
    """The rows of a database into an older one, as far as that has columns for them."""
    with closing(sqlite3.connect(path)) as c, c:
        c.execute("ATTACH ? AS new", (f"{source.resolve()}",))
        for table in TABLES:
            both = [row[1] for row in c.execute(f"PRAGMA main.table_info({table})")]
            names = ", ".join(both)
            c.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM new.{table}")


@pytest.fixture(scope="module")
def waiting() -> dict[str, str]:
    """The workflow and its approval, once there are any."""
    return {}


@pytest.fixture
async def paused(
    tmp_path_factory: pytest.TempPathFactory, built_toolboxes: Path, waiting: dict[str, str]
) -> Path:
    """A folder in which somebody is asked; made once."""
    folder = tmp_path_factory.getbasetemp() / "released"
    if not waiting:
        async with engine(folder, Moves(WRITE), built_toolboxes) as app:
            view = await app.wait("T1", await app.submit(ask()), 30)
            assert view.approval is not None
            waiting |= {"workflow": view.id, "approval": view.approval.id}
            waiting["button"] = app.button(view.approval)
    return folder


@pytest.mark.sandbox
@pytest.mark.parametrize("is_same", [True, False])
@pytest.mark.parametrize("version", RELEASED)
async def test_what_waits(
    tmp_path: Path,
    built_toolboxes: Path,
    paused: Path,
    waiting: dict[str, str],
    version: int,
    is_same: bool,
) -> None:
    """
    What waits for a person is decided by its old button after the upgrade; where that version bound approvals
    otherwise than we do now, it ends with a notice.  Nothing is stuck.
    """
    works = is_same and version >= BOUND_AS_NOW
    made(tmp_path / "data/ironclaw.db", version)
    moved(paused / "data/ironclaw.db", tmp_path / "data/ironclaw.db")
    with closing(sqlite3.connect(tmp_path / "data/ironclaw.db")) as c, c:
        for table in ("approvals", "tool_calls") if not is_same else ():
            c.execute(f"UPDATE {table} SET action_sha256 = ?", ("0" * 64,))
    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        with contextlib.nullcontext() if works else pytest.raises(Conflict, match="nothing was run"):
            await decided(app, waiting, by_button=works)
        after = await app.wait("T1", waiting["workflow"], 30)
        tells = await app._store.outbox.is_waiting("T1", f"answer:{waiting['workflow']}")
    is_written = (tmp_path / "data/mnt/scratch/T1/a.md").exists()

    assert (WorkflowState.DONE, True, works) == (after.state, tells, is_written)


async def decided(app: Ironclaw, waiting: dict[str, str], *, by_button: bool) -> None:
    """Bo says yes: by the old card's button, or by the approval's id."""
    if by_button:
        await app.press(approver(), waiting["button"], Decision.APPROVE)
    else:
        await app.decide(approver(), waiting["approval"], Decision.APPROVE)


KILLER = """
import os, signal, shutil, sqlite3, sys
from pathlib import Path
from ironclaw.store.connecting import PRAGMAS
from ironclaw.store.sqlite import _migrate

def upgrade(path, last):
    c = sqlite3.connect(path, isolation_level=None)
    c.row_factory = sqlite3.Row
    for pragma in PRAGMAS:
        c.execute(pragma)
    left = [last]
    def trace(_):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    c.set_trace_callback(trace)
    _migrate(c)

source = Path(sys.argv[1])
for number in range(1, 2000):
    copy = source.with_name(f"{number}.db")
    shutil.copy(source, copy)
    child = os.fork()
    if child == 0:
        upgrade(copy, number)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
print(number)
"""


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as c:
        return int(c.execute("SELECT version FROM schema_version").fetchone()[0])


def shape_of(path: Path) -> list[object]:
    with closing(sqlite3.connect(path)) as c:
        return c.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()


@pytest.mark.parametrize("version", [1, 6, 7])
async def test_killed_while_upgrading(tmp_path: Path, version: int) -> None:
    """
    Killed at any statement of an upgrade: the schema is the old or the new one, whole, and it opens again.
    """
    made(tmp_path / "0.db", version)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLER, str(tmp_path / "0.db"), stdout=subprocess.PIPE
    )
    steps = int((await child.communicate())[0])
    shapes = {version: shape_of(tmp_path / "0.db"), head_version(): shape_of(tmp_path / f"{steps}.db")}
    ends = [version_of(tmp_path / f"{number}.db") for number in range(1, steps + 1)]
    whole = [shapes[end] == shape_of(tmp_path / f"{number}.db") for number, end in enumerate(ends, start=1)]
    for number in range(1, steps + 1, 10):
        store = await Store.open(tmp_path / f"{number}.db")
        await store.close()

    assert steps > 20
    assert {version, head_version()} == set(ends)
    assert all(whole)
