"""The whole engine on PostgreSQL, in one process and in several."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.clock import Clock
from tests.fakes.postgres import NOT_INSTALLED, Cluster, programs
from tests.integration.engine import Moves, approver, ask, engine, moves, settings, wants

from ironclaw import audit
from ironclaw.app import Ironclaw
from ironclaw.app.backups import renew_postgres
from ironclaw.app.scratch import MARKER
from ironclaw.binding import Binding
from ironclaw.errors import IronclawError, NotFound, SettingsError, StoreError
from ironclaw.keys import load_key
from ironclaw.task import CallState, Decision, Notice, NoticeKind, WorkflowState

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED),
]


def write(text: str = "hello") -> Moves:
    return Moves(moves(wants("files.write", path="a.txt", text=text)))


async def test_pause_approve_and_run(tmp_path: Path, built_toolboxes: Path, url: str) -> None:
    """
    A task waits for its approver, and goes on when they have said yes.
    """
    more = {"database_url": url, "scratch_dir": tmp_path / "shared"}
    async with engine(tmp_path, write(), built_toolboxes, **more) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 30)

    assert (WorkflowState.PAUSED, WorkflowState.DONE) == (view.state, after.state)
    assert "hello" == (tmp_path / "shared/T1/a.txt").read_text()


async def test_any_process_decides_and_goes_on(tmp_path: Path, built_toolboxes: Path, url: str) -> None:
    """
    What one process has asked, another one approves and runs; files are where both look.
    """
    both = {"database_url": url, "scratch_dir": tmp_path / "shared"}
    async with engine(tmp_path / "a", write(), built_toolboxes, **both) as first:
        view = await first.wait("T1", await first.submit(ask()), 30)
    async with engine(tmp_path / "b", write(), built_toolboxes, **both) as second:
        assert view.approval is not None
        decided = await second.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await second.wait("T1", view.id, 30)

    assert (CallState.APPROVED, WorkflowState.DONE) == (decided.call_state, after.state)
    assert "hello" == (tmp_path / "shared/T1/a.txt").read_text()


class Board:
    """A place where notices are seen; both processes show there."""

    def __init__(self) -> None:
        self.seen: Counter[NoticeKind] = Counter()

    async def send(self, notice: Notice) -> dict[str, str]:
        self.seen[notice.kind] += 1
        return {"ts": str(notice.id)}


@asynccontextmanager
async def two(
    folder: Path, toolboxes: Path, url: str, **more: Any
) -> AsyncIterator[tuple[Ironclaw, Ironclaw]]:
    """Two engines on one database."""
    both = {"database_url": url, "scratch_dir": folder / "shared", **more}
    async with (
        engine(folder / "a", write(), toolboxes, **both) as first,
        engine(folder / "b", write(), toolboxes, **both) as second,
    ):
        yield first, second


async def test_told_once(tmp_path: Path, built_toolboxes: Path, url: str) -> None:
    """
    Two that sweep remind once and end what nobody decided once; each card is posted once.
    """
    board, clock = Board(), Clock()
    async with two(tmp_path, built_toolboxes, url, clock=clock) as both:
        for app in both:
            app.speak("test", board)
        tasks = [await both[n % 2].submit(ask(f"task {n}")) for n in range(4)]
        for workflow in tasks:
            await both[0].wait("T1", workflow, 30)
        clock.at += 3600 - 500
        await _until(lambda: board.seen[NoticeKind.REMINDER] >= 4)
        clock.at += 600
        for workflow in tasks:
            await _ended(both[1], workflow)
    events = Counter(event["event"] for event in audit.events(tmp_path, "T1", url))

    assert (4, 4) == (board.seen[NoticeKind.REMINDER], events["approval_reminded"])
    assert 4 == events["approval_expired"]


async def _until(look: Any) -> None:
    async with asyncio.timeout(30):
        while not look():  # noqa: ASYNC110 - what two processes do has no event
            await asyncio.sleep(0.05)


async def _ended(app: Ironclaw, workflow: str) -> None:
    async with asyncio.timeout(30):
        while not (await app.workflow("T1", workflow)).state.is_final:  # noqa: ASYNC110 - as _until
            await asyncio.sleep(0.05)


async def test_a_secret_of_another(tmp_path: Path, built_toolboxes: Path, url: str) -> None:
    """
    What is kept at one process is hidden at the other within seconds; a key that only one would know is
    refused.
    """
    value = "-".join(("a-value", "nobody", "guesses"))
    binding = Binding("api.example.com", ("GET",), "/", "Authorization", "Bearer ")
    async with two(tmp_path, built_toolboxes, url) as (first, second):
        await first.vault.put("T1", "token", value, binding, "local:bo")
        await _until(lambda: value not in second.redact("T1", f"it is {value}"))
        with pytest.raises(IronclawError, match="Other processes share this database"):
            await first.vault.rotate("local:bo")
        hidden = second.redact("T1", value), second.redact("", value)

    assert all(value not in text for text in hidden)


async def test_one_process_has_a_data_dir(tmp_path: Path, built_toolboxes: Path, url: str) -> None:
    """
    A second process with the same data_dir refuses to start: it would take the first one's door.
    """
    both = {"database_url": url, "scratch_dir": tmp_path / "shared"}
    async with engine(tmp_path, write(), built_toolboxes, **both):
        with pytest.raises(StoreError, match="Another ironclaw process uses this data_dir"):
            async with engine(tmp_path, write(), built_toolboxes, **both):
                pass


async def test_a_folder_of_another_database(
    server: Cluster, tmp_path: Path, built_toolboxes: Path, url: str
) -> None:
    """
    A process whose scratch_dir is another database's does not start, nor one without any.
    """
    folder = tmp_path / "shared"
    async with engine(tmp_path / "a", write(), built_toolboxes, database_url=url, scratch_dir=folder):
        pass
    other = server.new_database()
    with pytest.raises(SettingsError, match=f"another database.*remove {MARKER}"):
        async with engine(tmp_path / "b", write(), built_toolboxes, database_url=other, scratch_dir=folder):
            pass
    with pytest.raises(SettingsError, match="scratch_dir: with database_url"):
        async with engine(tmp_path / "b", write(), built_toolboxes, database_url=other):
            pass


async def test_a_folder_that_is_not_mounted(tmp_path: Path, built_toolboxes: Path, url: str) -> None:
    """
    A process with another, empty scratch_dir does not start, nor with another database's; the sentence's way
    on works, and so does a restore.
    """
    other, chosen = tmp_path / "other", settings(tmp_path / "b", database_url=url, scratch_dir=tmp_path / "a")
    async with engine(tmp_path / "a", write(), built_toolboxes, database_url=url, scratch_dir=tmp_path / "a"):
        known = (tmp_path / "a" / MARKER).read_text().split()[0]
        for content in (None, f"{'0' * 32} {'1' * 32}"):
            other.mkdir(exist_ok=True)
            if content:
                (other / MARKER).write_text(content)
            with pytest.raises(SettingsError, match=rf"(?s)is not the folder.*write {known} into {other}/"):
                async with engine(
                    tmp_path / "b", write(), built_toolboxes, database_url=url, scratch_dir=other
                ):
                    pass
    await renew_postgres(chosen, "local:bo", 1.0)
    (other / MARKER).write_text(known)
    async with engine(tmp_path / "b", write(), built_toolboxes, database_url=url, scratch_dir=other):
        pass


async def test_a_process_with_another_key(tmp_path: Path, built_toolboxes: Path, url: str) -> None:
    """
    A process with another key does not start, nor does one without: it makes none of its own.
    """
    more = {"database_url": url, "scratch_dir": tmp_path / "shared"}
    key = tmp_path / "key"
    async with engine(tmp_path / "a", write(), built_toolboxes, **more):
        with pytest.raises(SettingsError, match=f"{key} is missing, and this database is sealed"):
            async with engine(tmp_path / "b", write(), built_toolboxes, **more, key_file=key):
                pass
        assert not key.exists()
        load_key(key)
        with pytest.raises(SettingsError, match=f"the key in {key} is not the one"):
            async with engine(tmp_path / "b", write(), built_toolboxes, **more, key_file=key):
                pass


async def test_after_a_restore(tmp_path: Path, built_toolboxes: Path, url: str) -> None:
    """
    A PostgreSQL that was put back begins another life: no button of before counts; never while a bot runs.
    """
    more = {"database_url": url, "scratch_dir": tmp_path / "shared"}
    chosen = settings(tmp_path, **more)
    async with engine(tmp_path, write(), built_toolboxes, **more) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        button = app.button(view.approval)
        with pytest.raises(StoreError, match="Stop all of them first"):
            await renew_postgres(chosen, "local:bo", 1.0)
    done = await renew_postgres(chosen, "local:bo", 2.0)
    async with engine(tmp_path, write(), built_toolboxes, **more) as app:
        with pytest.raises(NotFound):
            await app.press(approver(), button, Decision.APPROVE)

    assert (1, 1) == (done.instance.epoch, done.superseded)
    assert done.instance.id == (tmp_path / "shared" / MARKER).read_text().split()[1]


async def test_a_stop_hands_on(tmp_path: Path, built_toolboxes: Path, url: str) -> None:
    """
    What a process has when it stops, another one takes up at once, and not only when the lease has run out.
    """
    async with two(tmp_path, built_toolboxes, url, lease_seconds=600) as (first, second):
        workflow, _ = await first._store.workflows.add(ask(), "w" * 32, first._clock())
        owner = first._dispatcher.owner  # type: ignore[attr-defined]
        now = first._clock()
        taken = await first._store.leases.claim("T1", workflow, owner, now + 600, now)
        await first._dispatcher.close()
        await second._dispatcher.take_up()
        view = await second.wait("T1", workflow, 30)

    assert taken in (1, 2, None)  # It may have taken it by itself, before or after.
    assert WorkflowState.PAUSED is view.state
