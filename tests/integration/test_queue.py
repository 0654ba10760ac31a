"""What is done when: limits, fairness between tenants, and the order within a thread, by the whole engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.integration.engine import ADA, BO, Moves, approver, ask, engine, moves, wants

from ironclaw.app import Ironclaw
from ironclaw.errors import QueueFull, Refused
from ironclaw.settings import TenantSettings
from ironclaw.store.threads import BEGINS, BEHIND, BEHIND_PAUSED
from ironclaw.task import Conversation, Decision, Move, Notice, NoticeKind, Principal, WorkflowState

pytestmark = pytest.mark.sandbox
WRITE = moves(wants("files.write", path="a.md", text="x"))
THREAD = "C1:1.1"


class Waits:
    """Plans nothing before it is told to; keeps what it was asked, and how many at once."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.asked: list[str] = []
        self.changed = asyncio.Condition()

    async def plan(self, conversation: Conversation) -> Move:
        async with self.changed:
            self.asked.append(conversation.messages[-1].text)
            self.changed.notify_all()
        await self.gate.wait()
        return Move(answer="done")

    async def until(self, is_so: Callable[[list[str]], bool]) -> None:
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(lambda: is_so(self.asked))


class ByWord:
    """A task that says "write" asks for a write; any other is answered at once."""

    def __init__(self) -> None:
        self.writes = Moves(WRITE)
        self.asked: list[str] = []

    async def plan(self, conversation: Conversation) -> Move:
        task = next(each.text for each in conversation.messages[::-1] if each.role.value == "user")
        self.asked.append(task)
        return await self.writes.plan(conversation) if "write" in task else Move(answer=f"did {task}")


class Told:
    """Hears what the door "test" has to tell."""

    def __init__(self, app: Ironclaw) -> None:
        self.status: dict[str, list[Mapping[str, Any]]] = {}
        self.ends: dict[str, NoticeKind] = {}
        self.changed = asyncio.Condition()
        app.speak("test", self)

    async def send(self, notice: Notice) -> None:
        async with self.changed:
            if notice.kind is NoticeKind.STATUS:
                self.status.setdefault(notice.workflow_id, []).append(dict(notice.body))
            elif notice.kind in (NoticeKind.ANSWER, NoticeKind.FAILURE):
                self.ends[notice.workflow_id] = notice.kind
            self.changed.notify_all()

    async def until(self, workflow: str, text: str) -> Mapping[str, Any]:
        """The status once it says this."""
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(lambda: self.last(workflow).get("text") == text)
        return self.last(workflow)

    async def done(self, *workflows: str) -> None:
        """Returns once each has its answer."""
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(lambda: all(each in self.ends for each in workflows))
        assert {NoticeKind.ANSWER} == {self.ends[each] for each in workflows}

    def last(self, workflow: str) -> Mapping[str, Any]:
        return self.status.get(workflow, [{}])[-1]


async def test_one_tenant_cannot_take_all_the_room(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    As many tasks of a tenant as may be, and the next is refused with its own limit; another tenant's is not.
    What was refused is not remembered: the same delivery is taken when there is room.
    """
    brain = Waits()
    tenants = {"T1": TenantSettings(slack=("T1",), max_open=2), "T2": TenantSettings(slack=("T2",))}
    async with engine(tmp_path, brain, built_toolboxes, tenants=tenants) as app:
        told = Told(app)
        ids = [await app.submit(ask()) for _ in range(2)]
        with pytest.raises(QueueFull, match="2 of your tasks") as full:
            await app.submit(ask(delivery=("slack", "T1:Ev1")))
        await app.submit(ask(tenant="T2"))
        brain.gate.set()
        await told.done(*ids)
        await told.done(await app.submit(ask(delivery=("slack", "T1:Ev1"))))

    assert not full.value.is_everybodys


async def test_all_tenants_together(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    There is a limit for all tenants together; what waits for people does not count, and a delivery that was
    accepted before is known though there is no room.
    """
    brain = Waits()
    async with engine(tmp_path, brain, built_toolboxes, max_open=2) as app:
        first = await app.submit(ask(delivery=("slack", "T1:Ev1")))
        await app.submit(ask(tenant="T2"))
        with pytest.raises(QueueFull) as full:
            await app.submit(ask(tenant="T2"))

        assert full.value.is_everybodys
        assert first == await app.submit(ask(delivery=("slack", "T1:Ev1")))
    async with engine(tmp_path / "b", Moves(WRITE), built_toolboxes, max_open=1) as app:
        for _ in range(3):
            await app.wait("T1", await app.submit(ask()), 20)
        assert 3 == len(await app.approvals("T1"))


async def test_slots(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    No more is at work than may be, of one tenant and in all; the other tenant's task does not wait behind a
    crowd, and what waits for people holds no place.
    """
    brain = Waits()
    tenants = {"T1": TenantSettings(slack=("T1",), max_running=2), "T2": TenantSettings(slack=("T2",))}
    async with engine(tmp_path, brain, built_toolboxes, tenants=tenants, max_running=3) as app:
        told = Told(app)
        ids = [await app.submit(ask(f"crowd {n}")) for n in range(6)]
        other = await app.submit(ask("other", tenant="T2"))
        last = await app.submit(ask("last", tenant="T2"))
        await brain.until(lambda asked: len(asked) == 3)
        begun = list(brain.asked)
        brain.gate.set()
        await told.done(*ids, other, last)

    assert ["crowd 0", "crowd 1", "other"] == sorted(begun)
    assert [f"crowd {n}" for n in range(6)] == [each for each in brain.asked if "crowd" in each]
    async with engine(tmp_path / "b", Moves(WRITE), built_toolboxes, max_running=1) as app:
        views = [await app.wait("T1", await app.submit(ask()), 20) for _ in range(3)]
        assert [WorkflowState.PAUSED] * 3 == [view.state for view in views]


async def test_order_within_a_thread(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Tasks of one thread are done one after the other in the order of their acceptance, whatever the clock
    does meanwhile; another thread, and another tenant's of the same name, does not wait for them.
    """
    now = [1_000_000.0]
    brain = Waits()
    async with engine(tmp_path, brain, built_toolboxes, clock=lambda: now[0]) as app:
        told = Told(app)
        ids = []
        for name in ("one", "two", "three"):
            ids.append(await app.submit(ask(name, thread=THREAD)))
            now[0] -= 3600  # The clock goes back an hour.
        others = [await app.submit(ask("else", thread="C1:2.2")), await app.submit(ask("none"))]
        other = await app.submit(ask("theirs", tenant="T2", thread=THREAD))
        await brain.until(lambda asked: len(asked) == 4)
        begun = sorted(brain.asked)
        behind = await told.until(ids[1], BEHIND)
        brain.gate.set()
        now[0] += 10 * 3600  # Notices are due by the clock.
        await told.done(*ids, *others, other)

    assert ["else", "none", "one", "theirs"] == begun
    assert ["one", "two", "three"] == [each for each in brain.asked if each in ("one", "two", "three")]
    assert ids[0] == behind["behind"]
    assert BEGINS in [each["text"] for each in told.status[ids[2]]]


@pytest.mark.parametrize("how", ["approve", "deny", "cancel"])
async def test_behind_a_card(tmp_path: Path, built_toolboxes: Path, how: str) -> None:
    """
    A task behind one that waits for people is told so, and begins when that one ends, however it does.
    """
    brain = ByWord()
    async with engine(tmp_path, brain, built_toolboxes) as app:
        told = Told(app)
        first = await app.submit(ask("write", thread=THREAD))
        view = await app.wait("T1", first, 20)
        second = await app.submit(ask("two", thread=THREAD))
        third = await app.submit(ask("three", thread=THREAD))
        status = await told.until(second, BEHIND_PAUSED)
        assert first == status["behind"]
        assert WorkflowState.QUEUED is (await app.workflow("T1", third)).state
        if how == "cancel":
            await app.stopping.cancel(Principal("T1", ADA), first)
        else:
            await app.decide(approver(), view.approval.id, Decision(how))
        await told.done(second, third)

    assert ["two", "three"] == [each for each in brain.asked if each != "write"]


async def test_stopped_while_it_waits_behind(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A task that is stopped before its turn never begins; the one behind it still waits for the head.
    """
    brain = ByWord()
    async with engine(tmp_path, brain, built_toolboxes) as app:
        first = await app.submit(ask("write", thread=THREAD))
        view = await app.wait("T1", first, 20)
        second = await app.submit(ask("two", thread=THREAD))
        third = await app.submit(ask("three", thread=THREAD))
        await app.stopping.cancel(approver(), second)
        assert WorkflowState.QUEUED is (await app.wait("T1", third, 20)).state
        told = Told(app)
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        await told.done(third)

    assert "two" not in brain.asked


async def test_order_survives_a_restart(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What waited behind a card waits behind it after a restart, and goes on when that is decided.
    """
    brain = ByWord()
    async with engine(tmp_path, brain, built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask("write", thread=THREAD)), 20)
        second = await app.submit(ask("two", thread=THREAD))
    async with engine(tmp_path, brain, built_toolboxes) as app:
        assert WorkflowState.QUEUED is (await app.wait("T1", second, 20)).state
        told = Told(app)
        await app.decide(approver(BO), view.approval.id, Decision.APPROVE)
        await told.done(second)


async def test_a_tenant_may_have_no_room(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A queue that is full is a refusal, so that every door that can say no says this one.
    """
    async with engine(tmp_path, Waits(), built_toolboxes, max_open=1) as app:
        await app.submit(ask())
        with pytest.raises(Refused, match="send it again"):
            await app.submit(ask())


class Held(Moves):
    """Plays its moves, but the first only when it is told to."""

    def __init__(self, *played: Move) -> None:
        super().__init__(*played)
        self.begun, self.gate = asyncio.Event(), asyncio.Event()

    async def plan(self, conversation: Conversation) -> Move:
        self.begun.set()
        await self.gate.wait()
        return await super().plan(conversation)


async def test_a_drain_parks_what_runs(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A step that runs when the process stops is recorded and nothing is begun after it; the next start goes on
    there, and asks the brain nothing twice.
    """
    brain = Held(moves(wants("files.list")))
    async with engine(tmp_path, brain, built_toolboxes) as app:
        workflow = await app.submit(ask())
        await brain.begun.wait()
        draining = asyncio.create_task(app.drain(20))
        await asyncio.sleep(0)
        brain.gate.set()
        await draining
        parked, asked = await app.workflow("T1", workflow), len(brain.seen)
    async with engine(tmp_path, brain, built_toolboxes) as app:
        after = await app.wait("T1", workflow, 20)

    assert (WorkflowState.RUNNING, 1, 1) == (parked.state, parked.steps, asked)
    assert (WorkflowState.DONE, 2) == (after.state, len(brain.seen))
