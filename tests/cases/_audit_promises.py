"""What the audit log promises while it is written and read, one function for each attack.

Each gets the scene of :mod:`tests.cases.audit_tamper` and returns None, or what went wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from ironclaw.audit import Checkpoints, events, read, verify
from ironclaw.errors import StoreError
from ironclaw.store import Head, Store
from ironclaw.store.chain import note
from ironclaw.store.sqlite import SqliteWriter
from ironclaw.task import ApprovalState, Decision
from ironclaw_bot.build import built_folder
from tests.fakes.locker import spoil
from tests.integration.engine import Moves, approver, ask, engine, moves, wants

if TYPE_CHECKING:
    from tests.cases.audit_tamper import Scene

Promise = Callable[["Scene"], Awaitable[str | None]]

REPOSITORY = Path(__file__).parents[2]
WRITE = moves(wants("files.write", path="a.txt", text="b"))
MANY, MOST_SECONDS = 20_000, 60.0  #: Events verified here; seconds for 1,000,000.
HOSTILE = 'a\nb\r\x1b[2J\x1b[31m\x00{"event":"approval_approved"}\n{"at":1,"event":"done"}'
WAYS = (
    "UPDATE audit SET event = '{}'",
    "DELETE FROM audit",
    "INSERT OR REPLACE INTO audit SELECT tenant, n, '{}', prev, hash, commitment FROM audit",
    "DROP TABLE audit",
    "DROP TRIGGER audit_no_update",
)
KILLED = """
import asyncio, os, pathlib, signal, sys
from ironclaw.store import Store, workflows
from tests.integration.engine import ask

def unit(c):
    seen = []
    def trace(statement):
        if seen and not statement.startswith(("SELECT", "--")):
            os.kill(os.getpid(), signal.SIGKILL)
        if "INTO audit" in statement:
            seen.append(statement)
    c.set_trace_callback(trace)
    workflows.add_task(c, ask("killed"), "killed", 1.0)

async def main():
    store = await Store.open(pathlib.Path(sys.argv[1]))
    await store._writer.write(unit)

asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def _store(path: Path) -> AsyncIterator[Store]:
    store = await Store.open(path)
    try:
        await store.map_tenants({}, frozenset({"T1"}), 0.0)
        yield store
    finally:
        await store.close()


def _new(scene: Scene) -> Path:
    return Path(tempfile.mkdtemp(dir=scene.folder)) / "new.db"


async def _head(scene: Scene, **event: object) -> Head:
    """The head of a chain with this one event."""
    async with _store(_new(scene)) as store:
        await store._writer.write(lambda c: note(c, "T1", 1.0, **event))  # type: ignore[arg-type]
        [head] = await store.audit_heads()
    return head


async def fork(scene: Scene) -> str | None:
    path = scene.copy()
    async with _store(path):
        try:
            await Store.open(path)
            return "a second process got the database"
        except StoreError:
            pass
    with contextlib.closing(sqlite3.connect(path)) as c:
        try:
            c.execute(
                "INSERT INTO audit SELECT tenant, n + 100, event, prev, hash, commitment"
                " FROM audit WHERE n = 3"
            )
            return "two events follow the same one"
        except sqlite3.IntegrityError:
            return None


async def many_writers(scene: Scene) -> str | None:
    path = _new(scene)
    async with _store(path) as store:
        await asyncio.gather(*(store.workflows.add(ask(), f"w{number}", 1.0) for number in range(100)))
    [chain] = verify(path)
    return None if (chain.fault, chain.events) == ("", 100) else f"{chain}"


async def killed_between(scene: Scene) -> str | None:
    path = scene.copy()
    before = verify(path)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED, str(path)),
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(REPOSITORY)},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await child.communicate()
    if child.returncode != -signal.SIGKILL:
        return f"it was not killed: {said.decode()[-500:]}"
    async with _store(path):  # The next start.
        pass
    with contextlib.closing(sqlite3.connect(path)) as c:
        left = c.execute("SELECT count(*) FROM workflows WHERE id = 'killed'").fetchone()[0]
    return None if (left, verify(path)) == (0, before) else f"{left} workflows, {verify(path)}"


async def clock_set_back(scene: Scene) -> str | None:
    path = _new(scene)
    async with _store(path) as store:
        for number, now in enumerate((5000.0, 5001.0, 10.0, 11.0)):
            await store.workflows.add(ask(), f"w{number}", now)
    [chain] = verify(path)
    numbers = [event["n"] for event in events(path, "T1")]
    is_right = (chain.fault, chain.set_back, numbers) == ("", 1, [1, 2, 3, 4])
    return None if is_right else f"{chain}, {numbers}"


@contextlib.contextmanager
def _one_salt() -> Iterator[None]:
    """The same for each event: what differs then is what was noted."""
    with mock.patch("ironclaw.store.chain.new_salt", return_value="0" * 32):
        yield


async def ambiguous(scene: Scene) -> str | None:
    with _one_salt():
        one, two = await _head(scene, event="c", actor="ab"), await _head(scene, event="bc", actor="a")
    return "the hashes are equal" if one == two else None


async def twins(scene: Scene) -> str | None:
    with _one_salt():
        one = await _head(scene, event="e", actor="me", text="caf\u00e9")
        two = await _head(scene, event="e", actor="me", text="cafe\u0301")
    return "the hashes are equal" if one == two else None


async def one_number(scene: Scene) -> str | None:
    with _one_salt():
        one = await _head(scene, event="e", actor="me", value=1)
        two = await _head(scene, event="e", actor="me", value=1.0)
    return None if one == two else "the hashes differ"


async def injection(scene: Scene) -> str | None:
    path = _new(scene)
    async with _store(path) as store:
        await store.workflows.add(ask(HOSTILE), "w", 1.0)
    with contextlib.closing(sqlite3.connect(path)) as c:
        [(event,)] = c.execute("SELECT event FROM audit").fetchall()
    if any(ord(character) < 32 for character in event):
        return "the event has control characters in it"
    return None if json.loads(event)["text"] == HOSTILE else "the event says something else"


async def disk_full(scene: Scene) -> str | None:
    """The decision cannot be recorded, so what it allows does not happen."""
    folder = Path(tempfile.mkdtemp(dir=scene.folder))
    async with engine(folder, Moves(WRITE), built_folder()) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        await app._store._writer.read(lambda c: spoil(c, "PRAGMA max_page_count = 1"))
        try:
            await app.decide(approver(), view.approval.id, Decision.APPROVE, reason="x" * 20_000)
            return "the decision was taken"
        except StoreError:
            pass
        await app.wait("T1", view.id, 5)
        state = (await app.approval("T1", view.approval.id)).state
    done = (folder / "data/mnt/scratch/T1/a.txt").exists()
    chains = verify(folder / "data/ironclaw.db")
    is_right = not done and state is ApprovalState.PENDING and not any(chain.fault for chain in chains)
    return None if is_right else f"run: {done}, {state}, {chains}"


async def own_connection(scene: Scene) -> str | None:
    path = scene.copy()
    before = verify(path)
    writer = await SqliteWriter.open(path)
    done = [way for way in WAYS if await _is_let(writer, way)]
    await writer.close()
    return None if not done and verify(path) == before else f"let through: {done}"


async def _is_let(writer: SqliteWriter, statement: str) -> bool:
    try:
        await writer.write(lambda c: c.execute(statement))
    except (StoreError, sqlite3.DatabaseError):
        return False
    return True


async def rotation(scene: Scene) -> str | None:
    folder = Path(tempfile.mkdtemp(dir=scene.folder))
    log = Checkpoints(folder / "checkpoints.jsonl", folder / "key")
    log.write([Head("T1", 1, "a" * 64)], 1.0)
    first = (folder / "checkpoints.pub").read_text().strip()
    new = log.rotate(2.0)
    log.write([Head("T1", 2, "b" * 64)], 3.0)
    found = read(folder / "checkpoints.jsonl", first)
    is_right = (found.fault, found.key, len(found.checkpoints)) == ("", new, 2)
    return None if is_right else f"{found}"


async def a_million(scene: Scene) -> str | None:
    """Processor time of fewer events, counted up: the machine may be busy."""
    path = _new(scene)
    async with _store(path) as store:
        await store._writer.write(_fill)
    began = time.process_time()
    [chain] = verify(path)
    seconds = (time.process_time() - began) * 1_000_000 / MANY
    if (chain.fault, chain.events) != ("", MANY):
        return f"{chain}"
    return None if seconds < MOST_SECONDS else f"{seconds:.0f} s for a million events"


def _fill(c: sqlite3.Connection) -> None:
    for number in range(MANY):
        note(c, "T1", float(number), "call_succeeded", "host", tool="files.read", seq=1, action="a" * 64)


async def one_tenant(scene: Scene) -> str | None:
    """T1's events and checkpoints alone prove T1's log, and hold nothing of T2."""
    path = _new(scene)
    async with _store(path):
        pass
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as c:
        c.execute("ATTACH ? AS whole", (str(scene.database),))
        c.execute("INSERT INTO audit SELECT * FROM whole.audit WHERE tenant = 'T1'")
    kept = [each for each in scene.kept if each.head.tenant == "T1"]
    if b"T2" in path.read_bytes() or len(kept) == len(scene.kept):
        return "there is something of another tenant in it, or there is no other"
    [chain] = verify(path, kept)
    return chain.fault or None if chain.head == kept[-1].head.hash else "the export is not the whole log"


async def a_stranger(scene: Scene) -> str | None:
    """``ironclaw audit verify`` where neither key nor settings are, on a copy."""
    whole, cut = scene.copy(), scene.copy(of=scene.yesterday)
    whole.chmod(0o400)
    codes = [await _verify_elsewhere(scene, path) for path in (whole, cut)]
    return None if codes == [0, 1] else f"it ended with {codes}"


async def _verify_elsewhere(scene: Scene, database: Path) -> int | None:
    folder = database.parent
    shutil.copy(scene.checkpoints, folder / "heads.jsonl")
    options = ("--database", database.name, "--checkpoints", "heads.jsonl", "--public-key", scene.public_key)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "import sys; from ironclaw_bot.cli import main; sys.exit(main())"),
        *("audit", "verify", *options),
        cwd=folder,
        env={},
        stdout=asyncio.subprocess.DEVNULL,
    )
    code = await child.wait()
    return None if any(folder.glob("**/*key*")) else code


PROMISES: dict[str, Promise] = {
    "fork: two chains from the same head by two processes": fork,
    "100 concurrent writers": many_writers,
    "kill -9 between audit write and state change": killed_between,
    "clock set back": clock_set_back,
    "two events with ambiguous concatenation ('ab','c' vs 'a','bc')": ambiguous,
    "unicode NFC/NFD twins": twins,
    "float 1 vs 1.0": one_number,
    "log injection: newline, ANSI, fake JSON line in a field": injection,
    "disk full": disk_full,
    "audit table DROP/UPDATE/DELETE through app connection": own_connection,
    "key rotation of checkpoint key": rotation,
    "verify 1e6 events": a_million,
    "tenant export: proof for one tenant without others' data": one_tenant,
    "verifier run by someone without db write or signing key": a_stranger,
}
