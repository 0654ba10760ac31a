"""A tenant is forgotten: nothing of it is in any file, in any form; the others have all of theirs."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.canaries.filling import OP, TENANTS, fill, host, person
from tests.canaries.marks import Marks

from ironclaw.app import Ironclaw
from ironclaw.app.forgetting import remove_files
from ironclaw.audit import verify
from ironclaw.errors import Conflict, NotFound
from ironclaw.store import Store
from ironclaw.store.chain import note_as_before
from ironclaw.store.migrations import migrate_sqlite
from ironclaw.store.tenants import EMPTIED, KEPT, OLD_EVENTS
from ironclaw.task import Address, Task, TenantState


def data(folder: Path) -> Path:
    return folder / "data"


@pytest.mark.sandbox
@pytest.mark.timeout(120)
async def test_nothing_is_left(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Of a forgotten tenant no file under the data directory holds a mark, plain or encoded, while the bot runs
    and after it; before, every one of them did; and all of the other tenant's are still there.
    """
    marks = {name: Marks() for name in TENANTS}
    async with host(tmp_path, built_toolboxes) as app:
        for name in TENANTS:
            await fill(app, name, marks[name])
        before = {each.partition(": ")[2] for each in marks["T1"].under(data(tmp_path))}
        others = marks["T2"].under(data(tmp_path))
        receipt = await app.tenants.forget("T1", OP)
        running = marks["T1"].under(tmp_path)
        theirs = await app.memories.list(person("T2", "U_BO"))

    hidden = {"a secret"}  # Sealed from the start.
    assert set(marks["T1"].made.values()) - before == hidden
    assert [] == running == marks["T1"].under(tmp_path)
    assert {e.partition(": ")[2] for e in others} == {
        e.partition(": ")[2] for e in marks["T2"].under(data(tmp_path))
    }
    assert 1 == len(theirs)
    assert ["T2"] == [each.name for each in (data(tmp_path) / "memory").iterdir() if each.name[0] != "."]
    assert (4, 1) == tuple(receipt["removed"][f"rows of {each}"] for each in ("workflows", "questions"))
    assert min(receipt["removed"][each] for each in ("vectors of the memory index", "audit events")) >= 1


@pytest.mark.sandbox
async def test_the_log_still_holds(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The chain of a forgotten tenant is intact and says how many events are forgotten; the last two are
    not: that they were to be, and the receipt.  The database was written anew: no page of it is free.
    """
    async with host(tmp_path, built_toolboxes) as app:
        await fill(app, "T1", Marks())
        receipt = await app.tenants.forget("T1", OP)
    [chain] = [each for each in verify(data(tmp_path) / "ironclaw.db") if each.tenant == "T1"]
    with closing(sqlite3.connect(data(tmp_path) / "ironclaw.db")) as c:
        free = c.execute("PRAGMA freelist_count").fetchone()[0]
        _, last = c.execute(
            "SELECT event FROM audit WHERE tenant = 'T1' AND event <> '' ORDER BY n"
        ).fetchall()

    assert ("", chain.events - 2, 0) == (chain.fault, chain.forgotten, free)
    assert chain.forgotten == receipt["removed"]["audit events"]
    assert ("tenant_forgotten", receipt["removed"]) == (
        json.loads(last[0])["event"],
        json.loads(last[0])["removed"],
    )


@pytest.mark.sandbox
async def test_it_is_not_there_any_more(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Forgotten, it is no tenant at any door, also after a restart, which writes nothing of it; its operator can
    have it begin anew, with nothing.
    """
    async with host(tmp_path, built_toolboxes) as app:
        await app.tenants.forget("T1", OP)
    async with host(tmp_path, built_toolboxes) as app:
        with pytest.raises(NotFound):
            await app.submit(Task("T1", "slack:T1:U1", "hello", Address("test")))
        with closing(sqlite3.connect(data(tmp_path) / "ironclaw.db")) as c:
            rows = [
                c.execute(f"SELECT count(*) FROM {t} WHERE tenant = 'T1'").fetchone()[0]
                for t in ("toolboxes", "installations", "outbox", "workflows")
            ]
        again = await app.tenants.forget("T1", "local:another")
        await app.tenants.resume("T1", OP)
        await app.submit(Task("T1", "slack:T1:U1", "a b c", Address("test")))
        shown = await app.tenants.shown("T1")

    assert [0, 0, 0, 0] == rows
    assert OP == again["by"]
    assert ("active", None, 1) == (shown["state"], shown["receipt"], len(await _rows(tmp_path)))


async def _rows(folder: Path) -> list[Any]:
    with closing(sqlite3.connect(data(folder) / "ironclaw.db")) as c:
        return c.execute("SELECT id FROM workflows WHERE tenant = 'T1'").fetchall()


@pytest.mark.sandbox
@pytest.mark.timeout(120)
@pytest.mark.parametrize("after", ["files", "messages", "workflows", "index", "events", "rewrite"])
async def test_cut_short(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    """
    Killed anywhere in between, it is not served, and to run it again finishes: the receipt counts everything.
    """
    marks = Marks()
    async with host(tmp_path, built_toolboxes) as app:
        await fill(app, "T1", marks)
        _die_after(monkeypatch, app, after)
        with pytest.raises(SystemError):
            await app.tenants.forget("T1", OP)
        monkeypatch.undo()
    async with host(tmp_path, built_toolboxes) as app:
        with pytest.raises(NotFound):
            await app.submit(Task("T1", "slack:T1:U1", "hello", Address("test")))
        receipt = await app.tenants.forget("T1", OP)

    assert [] == marks.under(tmp_path)
    assert (4, "forgotten") == (receipt["removed"]["rows of workflows"], receipt["state"])


def _die_after(monkeypatch: pytest.MonkeyPatch, app: Ironclaw, step: str) -> None:
    """Have the process end there, as far as what comes next is concerned."""
    forgetting, store = app.tenants._forgetting, app._store

    async def dies(*_: Any) -> None:
        raise SystemError("killed")

    async def empties(tenant: str, table: str) -> None:
        await type(store.tenants).empty(store.tenants, tenant, table)
        if table == step:
            raise SystemError("killed")

    ends = {
        "files": (store.tenants, "note_removed", dies),
        "index": (store.tenants, "empty_events", dies),
        "events": (store, "rewrite", dies),
        "rewrite": (store.tenants, "end", dies),
    }
    place, name, what = ends.get(step, (store.tenants, "empty", empties))
    assert forgetting
    monkeypatch.setattr(place, name, what)


def test_every_table_is_classified() -> None:
    """
    Each table of the schema is emptied of a forgotten tenant's rows, or is said to stay and why.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as c:
        migrate_sqlite(c)
        tables = {row[0] for row in c.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    assert tables - {"sqlite_sequence"} == set(EMPTIED) | set(KEPT)
    assert not set(EMPTIED) & set(KEPT)


async def test_who_is_served_loses_nothing(tmp_path: Path) -> None:
    """
    The store itself removes nothing of a tenant that is not being forgotten.
    """
    store = await Store.open(tmp_path / "s.db")
    try:
        await store.map_tenants({}, frozenset({"T1"}), 1.0)
        for table in EMPTIED:
            with pytest.raises(Conflict):
                await store.tenants.empty("T1", table)
        with pytest.raises(Conflict):
            await store.tenants.empty_events("T1", 3.0)
        with pytest.raises(Conflict):
            await store.tenants.end("T1", OP, 1.0)
    finally:
        await store.close()


def test_links_are_not_followed(tmp_path: Path) -> None:
    """
    Out of a tenant's folder nothing is removed, whatever links lie in it or stand beside it; and nothing of a
    tenant whose name begins alike.
    """
    root, outside = tmp_path / "scratch", tmp_path / "outside"
    for each in (root / "T1" / "deep", root / "T12", outside):
        each.mkdir(parents=True)
        (each / "kept.txt").write_text("x")
    (root / "T1" / "deep" / "link").symlink_to(outside)
    os.mkfifo(root / "T1" / "pipe")
    (root / ".held-T1.abc").symlink_to(outside)
    (root / ".held-T12.abc").mkdir()
    (root / ".turn-T1").touch()
    found = remove_files(root, "T1")

    assert (4, 2) == found
    assert [".held-T12.abc", "T12"] == sorted(each.name for each in root.iterdir())
    assert (outside / "kept.txt").exists()


def test_a_link_in_the_folders_place(tmp_path: Path) -> None:
    """
    Where the folder itself is a link, the link goes and what it names stays.
    """
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.txt").touch()
    (tmp_path / "T1").symlink_to(outside)
    remove_files(tmp_path, "T1")

    assert (True, False) == ((outside / "kept.txt").exists(), os.path.lexists(tmp_path / "T1"))


async def test_events_of_before(tmp_path: Path) -> None:
    """
    Events from before there were commitments stay, for the chain is over them; the receipt says how many.
    """
    store = await Store.open(tmp_path / "ironclaw.db")
    active, suspended, forgetting = list(TenantState)[:3]
    try:
        await store.map_tenants({}, frozenset({"T1"}), 1.0)
        await store._writer.write(lambda c: note_as_before(c, "T1", 1.0, "old", "host"))
        await store.tenants.change("T1", active, suspended, OP, 2.0)
        await store.tenants.change("T1", suspended, forgetting, OP, 3.0)
        await store.tenants.empty_events("T1", 3.0)
        await store.tenants.end("T1", OP, 4.0)
        receipt = await store.tenants.receipt("T1")
    finally:
        await store.close()
    [chain] = verify(tmp_path / "ironclaw.db")

    assert (1, 2) == (receipt[OLD_EVENTS], receipt["audit events"])
    assert ("", 5, 2) == (chain.fault, chain.events, chain.forgotten)
