"""``ironclaw migrate``: what waits on SQLite waits on PostgreSQL, and nobody goes on with it twice."""

from __future__ import annotations

import argparse
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.fakes.postgres import NOT_INSTALLED, Cluster, programs
from tests.integration.engine import Moves, approver, ask, engine, moves, settings, wants

from ironclaw import audit
from ironclaw.app.backups import restore
from ironclaw.app.moving import BEFORE, move
from ironclaw.app.scratch import MARKER
from ironclaw.errors import NotFound, SettingsError, StoreError
from ironclaw.store import Store
from ironclaw.task import Decision, WorkflowState
from ironclaw_bot.backup_commands import migrate

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED),
]
WRITE = Moves(moves(wants("files.write", path="a.txt", text="hello")))


@pytest.fixture
def more(server: Cluster, tmp_path: Path) -> dict[str, object]:
    """The settings that lead to PostgreSQL, where the old scratch folder becomes the shared one."""
    return {"database_url": server.new_database(), "scratch_dir": tmp_path / "data/mnt/scratch"}


async def paused(folder: Path, toolboxes: Path) -> tuple[str, str]:
    """A task that waits on SQLite: its id, and the value of the button on its card."""
    async with engine(folder, WRITE, toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        return view.id, app.button(view.approval)


def heads(folder: Path, url: str = "") -> list[tuple[str, int, str, str]]:
    chains = audit.verify(folder, (), url)
    return [(chain.tenant, chain.events, chain.head, chain.fault) for chain in chains]


async def test_an_old_button_decides(tmp_path: Path, built_toolboxes: Path, more: dict[str, object]) -> None:
    """
    Asked on SQLite, moved, approved on PostgreSQL by the button of before; the audit chains are the same.
    """
    workflow, button = await paused(tmp_path, built_toolboxes)
    before = heads(tmp_path / "data/ironclaw.db")
    moved = await move(settings(tmp_path, **more), tmp_path / "data/ironclaw.db")
    after = heads(tmp_path, str(more["database_url"]))
    async with engine(tmp_path, WRITE, built_toolboxes, **more) as app:
        await app.press(approver(), button, Decision.APPROVE)
        view = await app.wait("T1", workflow, 30)

    assert (before, None) == (after, moved.files)
    assert WorkflowState.DONE is view.state
    assert "hello" == (tmp_path / "data/mnt/scratch/T1/a.txt").read_text()


async def test_every_row_is_there(
    server: Cluster, tmp_path: Path, built_toolboxes: Path, more: dict[str, object]
) -> None:
    """
    Each table has as many rows as before, it is the same database, and the next notice gets a new number.
    """
    await paused(tmp_path, built_toolboxes)
    url = str(more["database_url"])
    await move(settings(tmp_path, **more), tmp_path / "data/ironclaw.db")
    with closing(sqlite3.connect(tmp_path / "data" / BEFORE)) as c:
        names = [row[0] for row in c.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        ours = {name: c.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
        instance, newest = c.execute("SELECT id, (SELECT max(id) FROM outbox) FROM instance").fetchone()
    database = url.rpartition("/")[2]
    theirs = {name: int(server.run(database, f"SELECT count(*) FROM {name}")) for name in names}

    assert {**ours, "belongings": 2} == theirs  # The folder is another one from now on.
    assert instance == server.run(database, "SELECT id FROM instance")
    marker = (tmp_path / "data/mnt/scratch" / MARKER).read_text().split()
    assert [server.run(database, "SELECT id FROM belongings WHERE what = 'folder'"), instance] == marker
    assert str(newest + 1) == server.run(database, "SELECT nextval(pg_get_serial_sequence('outbox', 'id'))")


async def test_no_bot_goes_on_here(tmp_path: Path, built_toolboxes: Path, more: dict[str, object]) -> None:
    """
    Once it is moved, no bot starts on the SQLite file, and it is not moved a second time.
    """
    await paused(tmp_path, built_toolboxes)
    path = tmp_path / "data/ironclaw.db"
    await move(settings(tmp_path, **more), path)

    with pytest.raises(StoreError, match="moved to PostgreSQL: set database_url"):
        await Store.open(path)
    with pytest.raises(StoreError, match="is not empty: audit has rows"):
        await move(settings(tmp_path, **more), path)


async def test_not_while_a_bot_runs(tmp_path: Path, built_toolboxes: Path, more: dict[str, object]) -> None:
    """
    A bot that has the database keeps it: nothing is moved.
    """
    async with engine(tmp_path, WRITE, built_toolboxes) as app:
        with pytest.raises(StoreError, match="Another ironclaw process"):
            await move(settings(tmp_path, **more), tmp_path / "data/ironclaw.db")
        view = await app.wait("T1", await app.submit(ask()), 30)

    assert WorkflowState.PAUSED is view.state


async def test_cut_off_it_goes_on(
    tmp_path: Path, built_toolboxes: Path, more: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Cut off before anything stood in PostgreSQL, the next attempt moves what was put aside.
    """
    workflow, _ = await paused(tmp_path, built_toolboxes)
    path = tmp_path / "data/ironclaw.db"
    with monkeypatch.context() as patch:
        patch.setattr("ironclaw.app.moving.claim", _cut_off)
        with pytest.raises(KeyboardInterrupt):
            await move(settings(tmp_path, **more), path)
    with pytest.raises(StoreError, match="moved to PostgreSQL"):
        await Store.open(path)
    await move(settings(tmp_path, **more), path)
    async with engine(tmp_path, WRITE, built_toolboxes, **more) as app:
        view = await app.workflow("T1", workflow)

    assert WorkflowState.PAUSED is view.state


def _cut_off(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("gone", "sentence"), [("database_url", "it says where to"), ("scratch_dir", "names the folder of the")]
)
async def test_where_to_must_be_said(
    tmp_path: Path, more: dict[str, object], gone: str, sentence: str
) -> None:
    """
    Without a PostgreSQL, or a folder that all processes share, nothing is moved.
    """
    with pytest.raises(SettingsError, match=sentence):
        await move(settings(tmp_path, **{**more, gone: None}), tmp_path / "data/ironclaw.db")


async def test_the_command(
    tmp_path: Path, built_toolboxes: Path, more: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    It says what was moved, where the old database is, and which folders are still to be moved.
    """
    await paused(tmp_path, built_toolboxes)
    (tmp_path / "data/mnt/scratch/T1").mkdir(exist_ok=True)
    chosen = settings(tmp_path, **{**more, "scratch_dir": tmp_path / "shared"})
    code = await migrate(chosen, argparse.Namespace(source=None))
    said = capsys.readouterr().out

    assert (0, True) == (code, "rows are in PostgreSQL: what waits there waits on" in said)
    assert f"{BEFORE} is the database as it was. No bot starts on it any more." in said
    assert f"from {tmp_path / 'data/mnt/scratch'} to {tmp_path / 'shared'}." in said


async def test_the_way_back(tmp_path: Path, built_toolboxes: Path, more: dict[str, object]) -> None:
    """
    A restore of what was moved brings SQLite back in another life: what was asked before is asked anew.
    """
    workflow, button = await paused(tmp_path, built_toolboxes)
    await move(settings(tmp_path, **more), tmp_path / "data/ironclaw.db")
    back = restore(settings(tmp_path), tmp_path / "data" / BEFORE, "local:bo", 1.0)
    async with engine(tmp_path, WRITE, built_toolboxes) as app:
        with pytest.raises(NotFound):
            await app.press(approver(), button, Decision.APPROVE)
        view = await app.wait("T1", workflow, 30)

    assert (1, 1) == (back.restored.instance.epoch, back.restored.superseded)
    assert view.state.is_final
