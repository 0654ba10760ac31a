"""The audit log from outside: chains, checkpoints, and what nobody may do to the table."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ironclaw.audit import Checkpoint, Checkpoints, events, keep_checkpoints, read, verify
from ironclaw.canonical import digest
from ironclaw.errors import StoreError
from ironclaw.keys import load_key
from ironclaw.store import FIRST_LINK, Head, Store, link
from ironclaw.store.chain import FORGETS, note
from ironclaw.store.guarding import forgetting
from ironclaw.store.sql import Connection, sql
from ironclaw.store.sqlite import SqliteWriter

H1, H2 = Head("T1", 3, "a" * 64), Head("T2", 1, "b" * 64)


@pytest.fixture
def log(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints.jsonl", tmp_path / "key")


def public_key(folder: Path) -> str:
    return (folder / "checkpoints.pub").read_text().strip()


def kept(folder: Path, key: str = ""):  # type: ignore[no-untyped-def]
    return read(folder / "checkpoints.jsonl", key or public_key(folder))


async def filled(path: Path, count: int = 5, at: Callable[[int], float] = float) -> None:
    """A database with so many events of T1."""
    store = await Store.open(path)
    await store.map_tenants({}, frozenset({"T1"}), 0.0)
    for number in range(count):
        await store._writer.write(lambda c, number=number: note(c, "T1", at(number), f"e{number}", "me"))
    await store.close()


def tampered(path: Path, statement: str) -> None:
    """As somebody does it who has the file: the table's own guards go first."""
    with contextlib.closing(sqlite3.connect(path)) as c:
        c.executescript(f"DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; {statement};")


async def test_heads(tmp_path: Path) -> None:
    """
    The store names the last event of each chain, as the verifier does.
    """
    await filled(tmp_path / "a.db")
    store = await Store.open(tmp_path / "a.db")
    [head] = await store.audit_heads()
    await store.close()
    [chain] = verify(tmp_path / "a.db")

    assert ("T1", 5, chain.head) == (head.tenant, head.n, head.hash)


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE audit SET event = replace(event, 'e2', 'x2') WHERE n = 3", "event 3 was changed"),
        ("UPDATE audit SET event = CAST(x'ff' AS TEXT) WHERE n = 3", "event 3 was changed"),
        ("DELETE FROM audit WHERE n = 3", "event 3 is missing"),
        ("DELETE FROM audit WHERE n = 1", "event 1 is missing"),
        ("UPDATE audit SET n = 33 WHERE n = 3", "event 3 is missing"),
    ],
)
async def test_edits(tmp_path: Path, statement: str, fault: str) -> None:
    """
    Whatever was changed, the verifier names the first event that is not as it was.
    """
    await filled(tmp_path / "a.db")
    tampered(tmp_path / "a.db", statement)

    assert [fault] == [chain.fault for chain in verify(tmp_path / "a.db")]


async def test_expected_heads(tmp_path: Path) -> None:
    """
    A head that was kept shows a cut tail and a chain that was made anew; the right one shows nothing.
    """
    await filled(tmp_path / "a.db")
    [whole] = verify(tmp_path / "a.db")
    good = Checkpoint(Head("T1", 5, whole.head))
    other = Checkpoint(Head("T1", 4, "f" * 64))
    faults = [verify(tmp_path / "a.db", each)[0].fault for each in ([good], [other])]
    tampered(tmp_path / "a.db", "DELETE FROM audit WHERE n = 5")

    assert ["", "event 4 is not the one of the expected head: the log was rewritten or rolled back"] == faults
    assert ["event 5 of the expected head is gone: the log was cut or rolled back"] == [
        chain.fault for chain in verify(tmp_path / "a.db", [good])
    ]


async def test_a_tenant_that_is_gone(tmp_path: Path) -> None:
    """
    A whole chain that is missing is seen by its checkpoint.
    """
    await filled(tmp_path / "a.db")
    faults = {chain.tenant: chain.fault for chain in verify(tmp_path / "a.db", [Checkpoint(H2, 1.0)])}

    assert "event 1 of the checkpoint of 1970-01-01 00:00:01 UTC is gone" in faults["T2"]


async def test_hostile_rows(tmp_path: Path) -> None:
    """
    A chain that fits in itself but holds no events is a fault, not a traceback.
    """
    await filled(tmp_path / "a.db", 0)
    row = (1, "[1]", FIRST_LINK, link(FIRST_LINK, 1, "[1]"))
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as c, c:
        c.execute("INSERT INTO audit VALUES ('T1', ?, ?, ?, ?, '')", row)

    assert ["event 1 is no event of ours"] == [chain.fault for chain in verify(tmp_path / "a.db")]


def test_no_database(tmp_path: Path) -> None:
    """
    A file that is no database is said to be none.
    """
    (tmp_path / "a.db").write_bytes(b"x" * 5000)

    with pytest.raises(StoreError, match="cannot be read"):
        verify(tmp_path / "a.db")


async def test_clock_set_back(tmp_path: Path) -> None:
    """
    The order of events does not depend on the clock; that it went back is counted.
    """
    await filled(tmp_path / "a.db", 4, at=[100.0, 98.0, 1.0, 2.0].__getitem__)

    assert [("", 4, 1)] == [(c.fault, c.events, c.set_back) for c in verify(tmp_path / "a.db")]


@given(st.text(st.characters(exclude_categories=("Cs",))), st.integers(1, 2**53 - 1))
def test_link_is_canonical(event: str, n: int) -> None:
    """
    The fast way to hash a row gives the RFC 8785 digest, whatever the event holds.
    """
    assert digest([FIRST_LINK, n, event]) == link(FIRST_LINK, n, event)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET event = '{}'",
        "UPDATE audit SET event = ''",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT tenant, n, '{}', prev, hash, commitment FROM audit WHERE n = 1",
        "DROP TABLE audit",
        "DROP TRIGGER audit_no_update",
        "ALTER TABLE audit RENAME TO other",
        "PRAGMA writable_schema = ON",
        "PRAGMA recursive_triggers = OFF",
        "PRAGMA Writable_Schema(1)",
        "PRAGMA trusted_schema = ON",
        "ATTACH ':memory:' AS other",
        "CREATE TEMP TABLE audit AS SELECT * FROM main.audit",
        "CREATE TEMP VIEW audit AS SELECT * FROM main.audit",
        "CREATE TEMP TRIGGER t BEFORE INSERT ON main.audit BEGIN SELECT RAISE (IGNORE); END",
        "CREATE TRIGGER t BEFORE INSERT ON audit BEGIN SELECT RAISE (IGNORE); END",
    ],
)
async def test_nothing_in_the_process_changes_the_log(tmp_path: Path, statement: str) -> None:
    """
    Whatever SQL the engine's own connection is led to run, events stay as they were.
    """
    await filled(tmp_path / "a.db")
    writer = await SqliteWriter.open(tmp_path / "a.db")
    with pytest.raises((StoreError, sqlite3.DatabaseError)):
        await writer.write(lambda c: c.execute(statement))
    await writer.close()

    assert [("", 5)] == [(chain.fault, chain.events) for chain in verify(tmp_path / "a.db")]


def test_checkpoints_are_read_with_the_public_key(tmp_path: Path, log: Checkpoints) -> None:
    """
    Heads that moved are appended, once; anybody with the public key can read them.
    """
    written = [log.write([H1, H2], 1.0), log.write([H1, H2], 2.0), log.write([Head("T1", 4, "c" * 64)], 3.0)]
    found = kept(tmp_path)

    assert [2, 0, 1] == written
    assert ("", [("T1", 3), ("T2", 1), ("T1", 4)]) == (
        found.fault,
        [(each.head.tenant, each.head.n) for each in found.checkpoints],
    )


def test_files_are_private(tmp_path: Path, log: Checkpoints) -> None:
    """
    The key that signs is the owner's alone.
    """
    log.write([H1], 1.0)
    modes = [
        stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("checkpoints.key", "checkpoints.jsonl")
    ]

    assert [0o600, 0o600] == modes


def _changed(line: str, **values: object) -> str:
    return json.dumps({**json.loads(line), **values}, sort_keys=True, separators=(",", ":"))


@pytest.mark.parametrize(
    ("tamper", "fault"),
    [
        (lambda lines: [_changed(lines[0], n=4), *lines[1:]], "line 1 is not signed by the key in force"),
        (lambda lines: lines[1:], "line 1 does not follow the line before it"),
        (lambda lines: [lines[0], lines[2]], "line 2 does not follow the line before it"),
        (lambda lines: [lines[0], "{}", *lines[1:]], "line 2 is not a checkpoint"),
        (lambda lines: [lines[0] + " ", *lines[1:]], "line 1 is not a checkpoint"),
        (lambda lines: [lines[0], "[" * 100_000], "line 2 is not a checkpoint"),
    ],
)
def test_changed_checkpoints(
    tmp_path: Path, log: Checkpoints, tamper: Callable[[list[str]], list[str]], fault: str
) -> None:
    """
    A line that was changed, left out or added is named, and the bot does not write on behind it.
    """
    for number in range(1, 4):
        log.write([Head("T1", number, "a" * 64)], float(number))
    file = tmp_path / "checkpoints.jsonl"
    file.write_text("".join(line + "\n" for line in tamper(file.read_text().splitlines())))

    assert fault == kept(tmp_path).fault
    with pytest.raises(StoreError, match=fault):
        Checkpoints(file, tmp_path / "key").write([H2], 9.0)


def test_a_torn_line(tmp_path: Path, log: Checkpoints) -> None:
    """
    A last line that a crash cut off proves nothing, and is in nobody's way.
    """
    log.write([H1], 1.0)
    with (tmp_path / "checkpoints.jsonl").open("ab") as out:
        out.write(b'{"at":')
    before = kept(tmp_path)
    Checkpoints(tmp_path / "checkpoints.jsonl", tmp_path / "key").write([H2], 2.0)

    assert ("", 1, 2) == (before.fault, len(before.checkpoints), len(kept(tmp_path).checkpoints))


def test_rotation(tmp_path: Path, log: Checkpoints) -> None:
    """
    After a change of keys the first public key still reads everything, and a bot that runs goes on.
    """
    log.write([H1], 1.0)
    new = Checkpoints(tmp_path / "checkpoints.jsonl", tmp_path / "key").rotate(2.0)
    log.write([H2], 3.0)
    found = kept(tmp_path)

    assert ("", new, 2) == (found.fault, found.key, len(found.checkpoints))
    assert "line 1 is not signed by the key in force" == kept(tmp_path, new).fault


def test_rotation_cut_short(tmp_path: Path, log: Checkpoints) -> None:
    """
    Killed between the line that names the new key and the key's own file, the next start ends the change.
    """
    log.write([H1], 1.0)
    old = (tmp_path / "checkpoints.key").read_bytes()
    log.rotate(2.0)
    (tmp_path / "checkpoints.key").rename(tmp_path / "checkpoints.next")
    (tmp_path / "checkpoints.key").write_bytes(old)
    (tmp_path / "checkpoints.key").chmod(0o600)
    Checkpoints(tmp_path / "checkpoints.jsonl", tmp_path / "key").write([H2], 3.0)

    assert "" == kept(tmp_path).fault
    assert old != load_key(tmp_path / "checkpoints.key")


def test_a_rollback_is_said_at_once(tmp_path: Path, log: Checkpoints) -> None:
    """
    A head behind the one that was signed before is an error in the log, not only at the next verification.
    """
    log.write([H1], 1.0)
    with capture_logs() as said:
        log.write([Head("T1", 2, "d" * 64)], 2.0)

    assert ["audit_rolled_back"] == [each["event"] for each in said]


async def test_the_bot_keeps_checkpoints(tmp_path: Path, log: Checkpoints) -> None:
    """
    There is one at the start, and one at the end with what came meanwhile.
    """
    await filled(tmp_path / "a.db", 2)
    store = await Store.open(tmp_path / "a.db")
    async with keep_checkpoints(store, log, lambda: 7.0):
        await store._writer.write(lambda c: note(c, "T1", 5.0, "more", "me"))
    await store.close()

    assert [2, 3] == [each.head.n for each in kept(tmp_path).checkpoints]
    assert [""] == [chain.fault for chain in verify(tmp_path / "a.db", kept(tmp_path).checkpoints)]


async def test_without_a_place_for_checkpoints_the_bot_runs_on(tmp_path: Path) -> None:
    """
    A checkpoint that cannot be written is an error in the log, and stops nobody.
    """
    (tmp_path / "file").write_text("")
    await filled(tmp_path / "a.db", 1)
    store = await Store.open(tmp_path / "a.db")
    blocked = Checkpoints(tmp_path / "file" / "checkpoints.jsonl", tmp_path / "key")
    with capture_logs() as said:
        async with keep_checkpoints(store, blocked, lambda: 7.0):
            pass
    await store.close()

    assert ["checkpoint_failed"] * 2 == [each["event"] for each in said]


async def test_an_older_database_is_not_opened(tmp_path: Path, log: Checkpoints) -> None:
    """
    What was signed must be in the log: put back, cut or another one, the bot does not start on it.
    """
    store = await Store.open(tmp_path / "data/ironclaw.db")
    log.write([Head("T1", 3, "c" * 64)], 1.0)
    try:
        with pytest.raises(StoreError, match="older than its newest checkpoint"):
            async with keep_checkpoints(store, log, lambda: 7.0):
                pass
    finally:
        await store.close()


def test_several_processes_sign(tmp_path: Path) -> None:
    """
    Of several processes with one file, who read a head before another signed a newer one adds nothing.
    """
    one, other = (Checkpoints(tmp_path / "c.jsonl", tmp_path / "key") for _ in range(2))
    older, newer = Head("T1", 5, "a" * 64), Head("T1", 7, "b" * 64)
    one.write([newer], 1.0, has_others=True)

    assert 0 == other.write([older], 2.0, has_others=True)
    assert (newer,) == one.newest() == other.newest()


async def test_forgotten_events(tmp_path: Path) -> None:
    """
    A forgotten event leaves its commitment: the chain holds, and says how many there are.
    """
    await filled(tmp_path / "a.db", 3)
    writer = await SqliteWriter.open(tmp_path / "a.db")

    def forget(c: Connection) -> None:
        with forgetting(c):
            sql.forget_events(c, tenant="T1")
        note(c, "T1", 9.0, FORGETS, "host", until=3)

    await writer.write(forget)
    await writer.close()
    (chain,) = verify(tmp_path / "a.db")

    assert (4, "", 3) == (chain.events, chain.fault, chain.forgotten)
    assert [4] == [each["n"] for each in events(tmp_path / "a.db", "T1")]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET commitment = hash WHERE n = 2",
        "UPDATE audit SET event = '', commitment = '' WHERE n = 2",
        "UPDATE audit SET event = (SELECT event FROM audit WHERE n = 1) WHERE n = 2",
    ],
)
async def test_a_commitment_binds(tmp_path: Path, statement: str) -> None:
    """
    What is forgotten, or put in the place of what was, is still held to what the chain was made of.
    """
    await filled(tmp_path / "a.db", 3)
    tampered(tmp_path / "a.db", statement)

    assert "event 2 was changed" == verify(tmp_path / "a.db")[0].fault


async def test_an_emptied_event_is_seen(tmp_path: Path) -> None:
    """
    An event that somebody empties, of which no later one says that it was to be forgotten, is a fault.
    """
    await filled(tmp_path / "a.db", 5)
    tampered(tmp_path / "a.db", "UPDATE audit SET event = '' WHERE n = 3")

    assert "event 3 was emptied, and nobody was to forget it" == verify(tmp_path / "a.db")[0].fault
