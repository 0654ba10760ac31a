"""Tampering with the audit log of a real engine: what is seen by the chain alone, what by checkpoints.

The database is made by the real engine: a workflow that was approved, one that was denied, one of another
tenant.  Each case gets a copy.  The tamperer has the file and knows everything but the key that signs
checkpoints: constraints and triggers are gone before they begin.
"""

from __future__ import annotations

import contextlib
import io
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironclaw.audit import Checkpoint, read, verify
from ironclaw.store import commitment, link
from ironclaw.task import Decision
from ironclaw_bot.build import Progress, build, built_folder
from tests.cases._audit_promises import PROMISES
from tests.integration.engine import Moves, approver, ask, engine, moves, wants

FILE = "audit_tamper_cases.json"

Case = dict[str, Any]
WRITE = moves(wants("files.write", path="notes/today.md", text="hello"))
LOOSEN = "CREATE TABLE loose AS SELECT * FROM audit; DROP TABLE audit; ALTER TABLE loose RENAME TO audit;"


@dataclass(frozen=True, slots=True)
class Scene:
    """What the engine left behind."""

    folder: Path
    database: Path
    yesterday: Path  #: A copy of the database from before the last workflows.
    checkpoints: Path
    public_key: str

    @property
    def kept(self) -> list[Checkpoint]:
        """The signed heads, as anybody reads them."""
        found = read(self.checkpoints, self.public_key)
        if found.fault:
            raise RuntimeError(f"the checkpoints are broken: {found.fault}")
        return found.checkpoints

    def copy(self, of: Path | None = None) -> Path:
        """A copy of the database to tamper with."""
        path = Path(tempfile.mkdtemp(dir=self.folder)) / "copy.db"
        copy_database(of or self.database, path)
        return path


async def cases(data: Case) -> AsyncIterator[tuple[str, str | None]]:
    """(case id, None or what went wrong) for each case of the file."""
    with tempfile.TemporaryDirectory() as folder:
        scene = await _scene(Path(folder))
        for case in data["cases"]:
            yield case["id"], await _judge(case, scene)


async def _scene(folder: Path) -> Scene:
    build(("standard",), Progress(io.StringIO()))
    scene = Scene(
        folder,
        folder / "data" / "ironclaw.db",
        folder / "yesterday.db",
        folder / "checkpoints.jsonl",
        "",
    )
    async with engine(folder, Moves(WRITE), built_folder()) as app:
        await _decided(app, Decision.APPROVE)
        copy_database(scene.database, scene.yesterday)
        await _decided(app, Decision.DENY)
        other = await app.submit(ask("nothing of yours", requester="slack:T2:U_EVE", tenant="T2"))
        await app.wait("T2", other, 30)
    key = scene.checkpoints.with_suffix(".pub").read_text().strip()
    return Scene(folder, scene.database, scene.yesterday, scene.checkpoints, key)


async def _decided(app: Any, decision: Decision) -> None:
    view = await app.wait("T1", await app.submit(ask()), 30)
    await app.decide(approver(), view.approval.id, decision)
    await app.wait("T1", view.id, 30)


def copy_database(source: Path, target: Path) -> None:
    """With what its write-ahead log holds."""
    with contextlib.closing(sqlite3.connect(source)) as a, contextlib.closing(sqlite3.connect(target)) as b:
        a.backup(b)


async def _judge(case: Case, scene: Scene) -> str | None:
    if tamper := TAMPERINGS.get(case["attack"]):
        return _judge_tampering(tamper, scene, needs_checkpoint="only with external" in case["expect"])
    if promise := PROMISES.get(case["attack"]):
        return await promise(scene)
    return "nobody drives this attack"


def _judge_tampering(
    tamper: Callable[[Scene], list[Path]], scene: Scene, *, needs_checkpoint: bool
) -> str | None:
    for path in tamper(scene):
        alone = _is_seen(path, [])
        if needs_checkpoint == alone:
            return f"the chain alone {'shows' if alone else 'does not show'} it"
        if not _is_seen(path, scene.kept):
            return "the checkpoints do not show it"
    return "the checkpoints do not fit the true log" if _is_seen(scene.database, scene.kept) else None


def _is_seen(path: Path, kept: list[Checkpoint]) -> bool:
    return any(chain.fault for chain in verify(path, kept))


# What a tamperer does


@contextlib.contextmanager
def _tampering(scene: Scene, made: list[Path]) -> Any:
    made.append(scene.copy())
    with contextlib.closing(sqlite3.connect(made[-1])) as c, c:
        c.executescript(LOOSEN)
        yield c


def _rows(c: sqlite3.Connection) -> list[tuple[int, str, str, str]]:
    return c.execute("SELECT n, event, prev, hash FROM audit WHERE tenant = 'T1' ORDER BY n").fetchall()


def _change_a_byte(scene: Scene) -> list[Path]:
    """The first, a middle and the last event; at its start, middle and end."""
    made: list[Path] = []
    for part in (0.0, 0.5, 1.0):
        with _tampering(scene, made) as c:
            rows = _rows(c)
            n, event, _, _ = rows[int(part * (len(rows) - 1))]
            raw = bytearray(event.encode())
            raw[int(part * (len(raw) - 1))] ^= 1
            statement = "UPDATE audit SET event = CAST(? AS TEXT) WHERE tenant = 'T1' AND n = ?"
            c.execute(statement, (bytes(raw), n))
    return made


def _recompute(scene: Scene) -> list[Path]:
    made: list[Path] = []
    with _tampering(scene, made) as c:
        rows = _rows(c)
        prev = rows[0][2]
        for n, event, _, _ in rows:
            forged = event.replace("approval_denied", "approval_approved").replace("U_BO", "U_XX")
            c.execute(
                "UPDATE audit SET event = ?, commitment = ?, prev = ?, hash = ?"
                " WHERE tenant = 'T1' AND n = ?",
                (forged, commitment(forged), prev, prev := link(prev, n, commitment(forged)), n),
            )
    return made


def _delete(where: str) -> Callable[[Scene], list[Path]]:
    def tamper(scene: Scene) -> list[Path]:
        made: list[Path] = []
        with _tampering(scene, made) as c:
            if c.execute(f"DELETE FROM audit WHERE {where}").rowcount < 1:
                raise RuntimeError("there was nothing to delete")
        return made

    return tamper


def _insert(scene: Scene) -> list[Path]:
    """Between two events, with a hash that fits it; the later ones are counted on."""
    made: list[Path] = []
    with _tampering(scene, made) as c:
        n, event, _, head = _rows(c)[2]
        c.execute("UPDATE audit SET n = n + 1 WHERE tenant = 'T1' AND n > ?", (n,))
        c.execute(
            "INSERT INTO audit VALUES ('T1', ?, ?, ?, ?, ?)",
            (n + 1, event, head, link(head, n + 1, commitment(event)), commitment(event)),
        )
    return made


def _duplicate(scene: Scene) -> list[Path]:
    """In its own place, and as the last one."""
    made: list[Path] = []
    for place in ("n", "(SELECT MAX(n) + 1 FROM audit WHERE tenant = 'T1')"):
        with _tampering(scene, made) as c:
            c.execute(
                f"INSERT INTO audit SELECT tenant, {place}, event, prev, hash, commitment FROM audit"
                " WHERE tenant = 'T1' AND n = 3"
            )
    return made


def _replay(scene: Scene) -> list[Path]:
    return [scene.copy(of=scene.yesterday)]


TAMPERINGS: dict[str, Callable[[Scene], list[Path]]] = {
    "change one byte of an event": _change_a_byte,
    "recompute the whole chain (attacker has db write)": _recompute,
    "delete a middle event": _delete("tenant = 'T1' AND n = 4"),
    "delete the tail": _delete("tenant = 'T1' AND n > 5"),
    "truncate to empty": _delete("1"),
    "insert a forged event": _insert,
    "duplicate an event": _duplicate,
    "replay yesterday's database": _replay,
}
