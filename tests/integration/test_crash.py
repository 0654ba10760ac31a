"""What a start makes of a call that a crash interrupted."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import web
from tests.integration.engine import Moves, approver, ask, engine, moves, wants

from ironclaw.task import CallState, Decision, WorkflowState

pytestmark = pytest.mark.sandbox


class Receiver:
    """An HTTP service that counts what reaches it."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.port = 0

    async def post(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("Idempotency-Key", ""))
        return web.json_response({"got": await request.text()})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    site = web.Application()
    site.router.add_post("/orders", receiver.post)
    runner = web.AppRunner(site)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.port = runner.addresses[0][1]
    yield receiver
    await runner.cleanup()


def interrupt(folder: Path, *, effect_begun: bool = False, attempts: int = 1) -> None:
    """The rows as a kill in the middle of the call leaves them."""
    with closing(sqlite3.connect(folder / "data/ironclaw.db")) as c, c:
        begun = 1.0 if effect_begun else None
        c.execute(
            "UPDATE tool_calls SET state = 'executing', attempts = ?, effect_begun_at = ?", (attempts, begun)
        )
        c.execute("UPDATE workflows SET state = 'running'")


async def approved(folder: Path, toolboxes: Path, brain: Moves, **changes: object) -> str:
    """A high-risk call that somebody approved; the host stops before it runs."""
    async with engine(folder, brain, toolboxes, **changes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        await app._veto.decide(approver(), view.approval.id, Decision.APPROVE)
    return view.id


def post(port: int) -> Moves:
    return Moves(moves(wants("http.post", url=f"http://localhost:{port}/orders", text="1 coffee")))


def allow(port: int) -> dict[str, object]:
    return {"http_allow": (f"http://localhost:{port}",)}


async def test_a_post_carries_its_key(tmp_path: Path, built_toolboxes: Path, receiver: Receiver) -> None:
    """
    An approved POST reaches its host once, with a key that the guest did not choose.
    """
    brain, more = post(receiver.port), allow(receiver.port)
    workflow = await approved(tmp_path, built_toolboxes, brain, **more)
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        after = await app.wait("T1", workflow, 30)

    assert (WorkflowState.DONE, 1) == (after.state, len(receiver.keys))
    assert receiver.keys[0].endswith("-1")


async def test_a_host_beside_the_allowlist_is_denied(
    tmp_path: Path, built_toolboxes: Path, receiver: Receiver
) -> None:
    """
    Approved or not, what the operator does not allow gets no connection.
    """
    brain = post(receiver.port)
    workflow = await approved(tmp_path, built_toolboxes, brain, **allow(receiver.port))
    async with engine(tmp_path, brain, built_toolboxes) as app:
        after = await app.wait("T1", workflow, 30)

    assert [] == receiver.keys
    assert '"denied"' in after.outcome


@pytest.mark.parametrize(("effect_begun", "sent"), [(False, 1), (True, 0)])
async def test_an_interrupted_once(
    tmp_path: Path, built_toolboxes: Path, receiver: Receiver, effect_begun: bool, sent: int
) -> None:
    """
    Killed before the first changing byte: it runs again.  Killed after it: nobody repeats it, and
    the workflow ends with a sentence that says so.
    """
    brain, more = post(receiver.port), allow(receiver.port)
    workflow = await approved(tmp_path, built_toolboxes, brain, **more)
    interrupt(tmp_path, effect_begun=effect_begun)
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        after = await app.wait("T1", workflow, 30)

    assert sent == len(receiver.keys)
    assert (after.state is WorkflowState.FAILED) == effect_begun == ("not known" in after.outcome)


async def test_an_interrupted_keyed_call_runs_again(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Writing the same file twice is writing it once.
    """
    brain = Moves(moves(wants("files.write", path="a", text="x")))
    workflow = await approved(tmp_path, built_toolboxes, brain)
    interrupt(tmp_path)
    async with engine(tmp_path, brain, built_toolboxes) as app:
        after = await app.wait("T1", workflow, 30)

    assert (WorkflowState.DONE, "x") == (after.state, (tmp_path / "data/mnt/scratch/T1/a").read_text())


async def test_a_call_that_takes_the_host_down_ends(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    After three attempts that never came back it is not tried again.
    """
    brain = Moves(moves(wants("files.write", path="a", text="x")))
    workflow = await approved(tmp_path, built_toolboxes, brain)
    interrupt(tmp_path, attempts=3)
    async with engine(tmp_path, brain, built_toolboxes) as app:
        after = await app.wait("T1", workflow, 30)
    with closing(sqlite3.connect(tmp_path / "data/ironclaw.db")) as c:
        states = c.execute("SELECT state FROM tool_calls").fetchall()

    assert (WorkflowState.FAILED, [(CallState.IN_DOUBT.value,)]) == (after.state, states)
