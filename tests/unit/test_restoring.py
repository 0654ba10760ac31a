"""Backups and restores, without an engine: files, checks, and a kill at every step."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ironclaw import audit
from ironclaw.app.backups import back_up, back_up_here, restore
from ironclaw.audit import Checkpoints, keep_checkpoints
from ironclaw.errors import StoreError
from ironclaw.orchestrator import crashed
from ironclaw.settings import Settings
from ironclaw.store import Restored, Store, restoring
from ironclaw.store.chain import note
from ironclaw.store.instances import Instance
from ironclaw.store.migrations import migrate_sqlite
from ironclaw.task import Address
from ironclaw_bot import cli
from ironclaw_bot.backup_commands import _say

NOW = 1_800_000_000.0


def of(folder: Path) -> Settings:
    return Settings.model_validate({"data_dir": folder / "data", "key_file": folder / "host/key"})


def database(folder: Path) -> Path:
    return folder / "data/ironclaw.db"


async def lived(folder: Path, *events: str) -> None:
    """A bot ran here, and noted these events."""
    store = await Store.open(database(folder))
    checkpoints = Checkpoints(of(folder).checkpoint_file, of(folder).key_file)
    try:
        await store.map_tenants({}, frozenset({"T1"}), 0.0)
        async with keep_checkpoints(store, checkpoints, lambda: 7.0):
            for event in events:
                await store._writer.write(lambda c, event=event: note(c, "T1", NOW, event, "me"))
    finally:
        await store.close()


def events(path: Path) -> list[object]:
    return [each["event"] for each in audit.events(path, "T1")]


def kept(folder: Path) -> audit.Kept:
    file = of(folder).checkpoint_file
    return audit.read(file, file.with_suffix(".pub").read_text().strip())


def is_whole(folder: Path) -> bool:
    checkpoints = kept(folder)
    chains = audit.verify(database(folder), checkpoints.checkpoints)
    return not checkpoints.fault and not any(chain.fault for chain in chains)


async def backed_up(folder: Path) -> Path:
    """Two events, a backup, and a third event."""
    await lived(folder, "one", "two")
    back_up_here(of(folder), folder / "backup", "me", NOW)
    await lived(folder, "three")
    return folder / "backup"


async def test_a_backup_holds_nobody_up(tmp_path: Path) -> None:
    """
    Others write and read while it is made, and what they wrote until its end is in it.
    """
    store = await Store.open(database(tmp_path))
    await store.map_tenants({}, frozenset({"T1"}), 0.0)
    big = {"text": "x" * 4_000_000}
    await store._writer.write(lambda c: note(c, "T1", NOW, "big", "me", **big))
    copying = asyncio.create_task(back_up(store, tmp_path / "backup", "me", NOW))
    written = 0
    while not copying.done():
        await store._writer.write(lambda c: note(c, "T1", NOW, "beside", "me"))
        written += 1
    await copying
    await store.close()
    inside = events(tmp_path / "backup").count("beside")

    assert [""] == [chain.fault for chain in audit.verify(tmp_path / "backup")]
    assert 2 < inside <= written
    assert events(database(tmp_path)).count("beside") == written


async def test_one_backup_at_a_time(tmp_path: Path) -> None:
    """
    A second one is told to wait, and leaves nothing.
    """
    store = await Store.open(database(tmp_path))
    both = (back_up(store, tmp_path / name, "me", NOW) for name in ("a", "b"))
    ends = await asyncio.gather(*both, return_exceptions=True)
    await store.close()

    assert [None, StoreError] == [each and type(each) for each in ends]
    assert ["a", "data"] == sorted(os.listdir(tmp_path))


async def test_a_backup_into_no_folder(tmp_path: Path) -> None:
    """
    The folder is named that is not there, and no file of ours.
    """
    await lived(tmp_path, "one")
    with pytest.raises(StoreError) as caught:
        back_up_here(of(tmp_path), tmp_path / "none" / "b1.db", "me", NOW)

    assert f"{tmp_path / 'none'}: there is no such folder. Make it, or name another one." == str(caught.value)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (
            1,
            "1 request that waited was ended, 1 call may have run since and is asked about, 1 grant is void.",
        ),
        (
            2,
            "2 requests that waited were ended, 2 calls may have run since and are asked about, 2 grants are",
        ),
    ],
)
def test_what_a_restore_reports(count: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """
    One is one, and two are two.
    """
    _say(Restored(Instance("a", 2, 0.0), 0.0, (), count, count, count))

    assert said in capsys.readouterr().out


async def test_there_and_back(tmp_path: Path) -> None:
    """
    The database of before is kept beside the restored one, and a second restore may go back to it.
    """
    backup = await backed_up(tmp_path)
    done = restore(of(tmp_path), backup, "me", NOW)
    first = events(database(tmp_path))
    await lived(tmp_path, "four")
    again = restore(of(tmp_path), done.replaced or backup, "me", NOW)

    assert ["one", "two", "backed_up", "restored"] == first
    assert ["one", "two", "backed_up", "three", "restored"] == events(database(tmp_path))
    assert is_whole(tmp_path)
    assert done.restored.instance.id != again.restored.instance.id


async def test_the_same_backup_twice(tmp_path: Path) -> None:
    """
    Two restores of one backup are two lives, with other seals each.
    """
    backup = await backed_up(tmp_path)
    lives = [restore(of(tmp_path), backup, "me", NOW).restored.instance for _ in range(2)]

    assert [1, 1] == [each.epoch for each in lives]
    assert 3 == len({b"k" * 32, *(each.key(b"k" * 32) for each in lives)})


async def spoilt(folder: Path, statement: str) -> Path:
    backup = await backed_up(folder)
    with closing(sqlite3.connect(backup)) as c:
        c.executescript(statement)
    return backup


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DROP TRIGGER audit_no_delete; DELETE FROM audit WHERE n = 2", "not those of any version"),
        ("CREATE TRIGGER t AFTER INSERT ON audit BEGIN DELETE FROM grants; END", "not those of any version"),
        ("CREATE VIEW v AS SELECT 1", "not those of any version"),
        ("ALTER TABLE grants ADD COLUMN more TEXT", "not those of any version"),
        ("UPDATE schema_version SET version = 999", "a newer ironclaw made it"),
        ("UPDATE schema_version SET version = 3", "not those of any version"),
        ("DELETE FROM schema_version", "no schema version"),
        ("INSERT INTO audit SELECT 'T1', 9, event, 'p', 'h', '' FROM audit LIMIT 1", "event 4 is missing"),
        ("PRAGMA foreign_keys = 0; INSERT INTO secrets SELECT 'T9','','','','','','','','',0", "damaged"),
    ],
)
async def test_refused(tmp_path: Path, statement: str, why: str) -> None:
    """
    Nothing takes the database's place that is not a sound one of ours, and nothing of it is left behind.
    """
    backup = await spoilt(tmp_path, statement)
    before = database(tmp_path).read_bytes()
    with pytest.raises(StoreError, match=why):
        restore(of(tmp_path), backup, "me", NOW)

    assert before == database(tmp_path).read_bytes()
    assert ["ironclaw.db", "ironclaw.lock"] == sorted(os.listdir(tmp_path / "data"))


@pytest.mark.parametrize("content", [b"", b"no database" * 500, b"SQLite format 3\0" + b"\xff" * 9000])
async def test_no_database(tmp_path: Path, content: bytes) -> None:
    """
    A file that is no database is said to be none.
    """
    await backed_up(tmp_path)
    (tmp_path / "backup").write_bytes(content)

    with pytest.raises(StoreError, match="no database of ironclaw's"):
        restore(of(tmp_path), tmp_path / "backup", "me", NOW)


async def test_another_bots(tmp_path: Path) -> None:
    """
    A backup of another bot, or one whose log was made anew, does not fit what was signed.
    """
    await backed_up(tmp_path / "ours")
    await lived(tmp_path / "theirs", "another")
    theirs = await backed_up(tmp_path / "theirs")

    with pytest.raises(StoreError, match="none that the checkpoints know"):
        restore(of(tmp_path / "ours"), theirs, "me", NOW)


async def test_not_onto_itself(tmp_path: Path) -> None:
    """
    The database is no backup of itself, and a file that is not there is said to be missing.
    """
    await backed_up(tmp_path)
    for file, why in ((database(tmp_path), "the database itself"), (tmp_path / "none", "no such file")):
        with pytest.raises(StoreError, match=why):
            restore(of(tmp_path), file, "me", NOW)


async def killed(folder: Path) -> None:
    """A bot ran here and was killed: its last event is in the log beside the database alone."""
    store = await Store.open(database(folder))
    await store._writer.write(lambda c: note(c, "T1", NOW, "late", "me"))
    for tail in ("", "-wal"):
        shutil.copy(f"{database(folder)}{tail}", folder / f"killed{tail}")
    await store.close()
    for tail in ("", "-wal"):
        shutil.copy(folder / f"killed{tail}", f"{database(folder)}{tail}")


async def test_a_damaged_database_is_replaced(tmp_path: Path) -> None:
    """
    What is beyond help is kept as it is; nothing of its log gets into the restored one.
    """
    backup = await backed_up(tmp_path)
    await killed(tmp_path)
    wreck = b"SQLite format 3\0" + b"\xff" * 4080
    database(tmp_path).write_bytes(wreck)
    done = restore(of(tmp_path), backup, "me", NOW)

    assert done.replaced is not None
    assert (wreck, False) == (
        done.replaced.read_bytes(),
        database(tmp_path).with_name("ironclaw.db-wal").exists(),
    )
    assert is_whole(tmp_path)


async def test_after_a_crash(tmp_path: Path) -> None:
    """
    What a killed bot has committed into its log alone is in the database that is kept, and not in the other.
    """
    backup = await backed_up(tmp_path)
    await killed(tmp_path)
    done = restore(of(tmp_path), backup, "me", NOW)

    assert done.replaced is not None
    assert ("late", "restored") == (events(done.replaced)[-1], events(database(tmp_path))[-1])
    assert is_whole(tmp_path)


async def test_onto_nothing(tmp_path: Path) -> None:
    """
    On a new machine, with the key but no database and no checkpoints, a backup is taken as it is.
    """
    backup = await backed_up(tmp_path)
    shutil.rmtree(tmp_path / "data")
    of(tmp_path).checkpoint_file.unlink()
    done = restore(of(tmp_path), backup, "me", NOW)

    assert (None, True) == (done.replaced, is_whole(tmp_path))


@pytest.mark.parametrize("version", range(1, 7))
async def test_of_an_older_version(tmp_path: Path, version: int) -> None:
    """
    A backup that an older version made is brought up to date on the way.
    """
    with closing(sqlite3.connect(tmp_path / "backup", isolation_level=None)) as c:
        migrate_sqlite(c, version)
    done = restore(of(tmp_path), tmp_path / "backup", "me", NOW)
    store = await Store.open(database(tmp_path))
    await store.close()

    assert done.restored.instance == store.instance


async def test_notices_may_have_been_told(tmp_path: Path) -> None:
    """
    Whatever waited to be told is looked for first: it may have been told since the backup.
    """
    store = await Store.open(database(tmp_path))
    await store.map_tenants({}, frozenset({"T1"}), 0.0)
    await store.outbox.refuse("T1", Address("test", {}), "No.", "a", None, 1.0)
    await back_up(store, tmp_path / "backup", "me", NOW)
    await store.close()
    restore(of(tmp_path), tmp_path / "backup", "me", NOW + 60)
    with closing(sqlite3.connect(database(tmp_path))) as c:
        found = c.execute("SELECT state, begun FROM outbox").fetchall()

    assert [("waiting", int(NOW))] == found


async def test_schedules_skip_what_was_due(tmp_path: Path) -> None:
    """
    A slot between backup and restore has begun, for all that anybody knows: the next one is to come.
    """
    await lived(tmp_path, "one")
    row = {"id": "s", "tenant": "T1", "cron": "0 7 * * *", "zone": "UTC", "state": "active"}
    row |= {"created_at": 0.0, "next_at": NOW - 3600, "wait_until": 0.0, "last_at": 0.0, "missed": 0}
    words = ("requester", "text", "door", "reply_door", "place", "brain", "why", "last_workflow")
    row |= dict.fromkeys(words, "x")
    with closing(sqlite3.connect(database(tmp_path))) as c, c:
        slots = ", ".join(f":{name}" for name in row)
        c.execute(f"INSERT INTO schedules ({', '.join(row)}) VALUES ({slots})", row)
    back_up_here(of(tmp_path), tmp_path / "backup", "me", NOW - 7200)
    restore(of(tmp_path), tmp_path / "backup", "me", NOW)
    with closing(sqlite3.connect(database(tmp_path))) as c:
        [(next_at,)] = c.execute("SELECT next_at FROM schedules").fetchall()

    assert (True, 7 * 3600) == (next_at > NOW, next_at % 86400)


def test_as_often_as_crashes() -> None:
    """
    A call that may have run since counts as tried as often as a crash may try one.
    """
    assert restoring.ATTEMPTS >= crashed.MAX_ATTEMPTS


async def test_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Backup, restore and verify say what they did, and what is lost; PostgreSQL is sent to its own tools.
    """
    await lived(tmp_path, "one")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IRONCLAW_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("IRONCLAW_KEY_FILE", str(tmp_path / "host/key"))
    codes = [await asyncio.to_thread(cli.main, ["backup", "b"])]
    await lived(tmp_path, "two")
    codes += [await asyncio.to_thread(cli.main, words) for words in (["restore", "b"], ["audit", "verify"])]
    monkeypatch.setenv("IRONCLAW_DATABASE_URL", "postgresql://nowhere.invalid/x")
    codes += [await asyncio.to_thread(cli.main, ["backup", "c"])]
    said = capsys.readouterr()

    assert [0, 0, 0, 1] == codes
    assert "Buttons and links of before count no more." in said.out
    assert "UTC; not in it: events T1 3 to 3" in said.out
    assert "pg_dump" in said.err


KILLER = """
import json, os, shutil, signal, sys, time
from pathlib import Path
from ironclaw.app.backups import restore
from ironclaw.settings import Settings

EVENTS = {"open", "os.rename", "os.link", "os.remove", "os.truncate", "sqlite3.connect"}
left = [0]

def hook(event, _):
    if event in EVENTS and left[0]:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
folder = Path(sys.argv[1])
for number in range(1, 500):
    copy = folder.with_name(f"{number}")
    shutil.copytree(folder, copy)
    child = os.fork()
    if child == 0:
        settings = Settings.model_validate({"data_dir": copy / "data", "key_file": copy / "host/key"})
        left[0] = number
        restore(settings, copy / "backup", "me", 1_800_000_000.0)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
print(number)
"""


async def test_killed_at_every_step(tmp_path: Path) -> None:
    """
    Killed at any file that a restore opens, names or removes: the database is the one of before or the
    restored one, a bot starts with it, its log verifies, and the restore can be made again.
    """
    await backed_up(tmp_path / "0")
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLER, str(tmp_path / "0"), stdout=subprocess.PIPE
    )
    steps = int((await child.communicate())[0])
    ends = {"old": ["one", "two", "backed_up", "three"], "new": ["one", "two", "backed_up", "restored"]}
    found = []
    for number in range(1, steps + 1):
        folder = tmp_path / str(number)
        await lived(folder)
        found += [end for end, expected in ends.items() if expected == events(database(folder))]
        assert is_whole(folder)
        if number % 8 == 0:
            restore(of(folder), folder / "backup", "me", NOW)
            await lived(folder, "four")
            assert (True, 1) == (is_whole(folder), database(folder).stat().st_nlink)

    assert steps > 30
    assert ["old", "new"] == list(dict.fromkeys(found))
    assert steps == len(found)
