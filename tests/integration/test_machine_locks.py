"""The database locked, read-only or full, as the doors tell it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.locker import locked, spoil
from tests.fakes.wire import ask as http
from tests.fakes.wire import served
from tests.integration.engine import Moves, approver, ask, engine, moves, wants
from tests.integration.office import an_office
from tests.integration.test_crash import Receiver, allow, post, receiver
from tests.integration.test_machine_faults import Disk

from ironclaw.app import Ironclaw
from ironclaw.errors import StoreError
from ironclaw.hookspecs import hookimpl
from ironclaw.store import Store
from ironclaw.task import Bearer, Credential, Decision, Principal, WorkflowState
from ironclaw_bot.http.gateway import make_gateway
from ironclaw_bot.playground import Playground
from ironclaw_bot.slack.drawings import NOT_KEPT

pytestmark = pytest.mark.sandbox
WRITE = moves(wants("files.write", path="a.md", text="x"))
__all__ = ["receiver"]


@pytest.mark.parametrize("patience", [30_000, 200])
async def test_locked(tmp_path: Path, built_toolboxes: Path, receiver: Receiver, patience: int) -> None:
    """
    Another process that locks the database for a second is waited for.  Where it is locked for longer than we
    wait, who decides is told so before anything runs, and may say it again: the order is sent once.
    """
    async with engine(tmp_path, post(receiver.port), built_toolboxes, **allow(receiver.port)) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        await app._store._writer.read(lambda c: spoil(c, f"PRAGMA busy_timeout = {patience}"))
        async with locked(tmp_path / "data/ironclaw.db"):
            deciding = asyncio.create_task(app.decide(approver(), view.approval.id, Decision.APPROVE))
            await asyncio.wait([deciding], timeout=1)
            sent = len(receiver.keys)
        ended = await asyncio.gather(deciding, return_exceptions=True)
        if isinstance(ended[0], StoreError):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 30)

    assert (patience < 1000) is isinstance(ended[0], StoreError)
    assert (0, 1, WorkflowState.DONE) == (sent, len(receiver.keys), after.state)


class Names:
    """Bearer tokens are the names of people."""

    @hookimpl
    async def ironclaw_authenticate(self, credential: Credential) -> Principal | None:
        return approver(credential.token) if isinstance(credential, Bearer) else None


async def test_full_over_http(tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    While the disk is full the gateway says 503 and when to come again; then it takes the task.
    """
    disk = Disk(monkeypatch)
    words = [("Authorization", "Bearer slack:T1:U_BO"), ("Content-Type", "application/json")]
    async with (
        engine(tmp_path, Moves(), built_toolboxes, plugins={"names": lambda _: Names()}) as app,
        served(make_gateway(app)) as port,
    ):
        disk.fills(1, 10**6)
        refused = await http(port, "POST", "/run", words, b'{"task": "x"}')
        disk.at = 10**9
        taken = await http(port, "POST", "/run", words, b'{"task": "x"}')

    assert [503, 200] == [refused.status, taken.status]
    assert "5" == refused.headers["retry-after"]


async def test_full_in_slack(
    tmp_path: Path, built_toolboxes: Path, playground: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Who asks while nothing can be kept is told so once, however often Slack delivers it; the delivery that
    finds space is the task.
    """
    disk = Disk(monkeypatch)
    async with an_office(tmp_path, built_toolboxes, playground, Moves(WRITE)) as office:
        ops = playground.world.team("T0001").channel("ops")
        disk.fills(1, 10**6)
        office.people.say("ada", "ops", "@ironclaw write")
        await playground.wait_for(lambda: any(NOT_KEPT == one["text"] for one in ops.messages), 20)
        disk.at = 10**9
        await office.shown("ops", "Approval needed")

    assert 1 == [one["text"] for one in ops.messages].count(NOT_KEPT)


async def test_read_only_meanwhile(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Where a database cannot be written to any more, no task is taken and no decision counts; then they are.
    """

    async def only_read(app: Ironclaw, word: str) -> None:
        await app._store._writer.read(lambda c: spoil(c, f"PRAGMA query_only = {word}"))

    async with engine(tmp_path, Moves(WRITE), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        await only_read(app, "ON")
        with pytest.raises(StoreError, match="Nothing was changed"):
            await app.submit(ask())
        with pytest.raises(StoreError, match="Nothing was changed"):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)
        await only_read(app, "OFF")
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 30)

    assert WorkflowState.DONE is after.state


@contextlib.contextmanager
def nobody(folder: Path) -> Iterator[None]:
    """As a user for whom the modes of files mean something."""
    if os.geteuid():
        yield
        return
    folder.chmod(0o755)
    shutil.chown(folder, 65534, 65534)
    for each in folder.rglob("*"):
        shutil.chown(each, 65534, 65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("what", ["ironclaw.db", "."])
async def test_read_only(what: str) -> None:
    """
    A database or a folder that cannot be written to stops the start with a sentence, and stays as it was.
    """
    folder = Path(tempfile.mkdtemp())
    store = await Store.open(folder / "data/ironclaw.db")
    await store.close()
    before = (folder / "data/ironclaw.db").read_bytes()
    with nobody(folder):
        (folder / "data" / what).chmod(stat.S_IRUSR | (stat.S_IXUSR if what == "." else 0))
        with pytest.raises(StoreError, match=r"cannot be (opened|used|brought up to date)"):
            await Store.open(folder / "data/ironclaw.db")

    assert before == (folder / "data/ironclaw.db").read_bytes()
    shutil.rmtree(folder, ignore_errors=True)
