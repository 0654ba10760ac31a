"""Attacks on what was mended last: what forgetting misses, one tenant against the others, odd rows."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.clock import Clock
from tests.integration.engine import ADA, Moves, approver, ask, engine, moves, wants
from tests.integration.mcp_world import approve, program, until, world
from tests.integration.reminding import FACT, QUESTION, remembering, said
from tests.integration.test_attacks_on_mcp import SPEAKS
from tests.integration.test_attacks_on_memory import places
from tests.integration.test_context import SMALL, USE, Scripted, plant, reads
from tests.integration.test_mcp_apart import looks
from tests.integration.test_mcp_apart import said as heard
from tests.integration.test_results import LONG, READ
from tests.integration.test_veto import thief

from ironclaw.mcp import apart, link, quota
from ironclaw.settings import TenantSettings
from ironclaw.task import Address, Decision, Move, Principal, Question

pytestmark = pytest.mark.sandbox


async def test_forgotten_out_of_what_was_asked(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A brain that was reminded of a memory asks the person whether it still holds, and they answer with its
    words.  Forgotten, they are not in the audit log's copies of question and answer either.
    """
    brain = Moves(Move(question=Question("q1", f"Is it so? {FACT}", (FACT, "no"))), Move(answer="Good."))
    async with remembering(tmp_path, brain, built_toolboxes) as app:
        memory = await said(app)
        paused = await app.wait("T1", await app.submit(replace(ask(QUESTION), reply_to=Address("cli"))), 30)
        assert paused.question is not None
        await app.questions.answer(Principal("T1", ADA), paused.question.id, f"Yes: {FACT}")
        await app.wait("T1", paused.id, 30)
        await app.memories.forget(Principal("T1", ADA), [memory])

    assert [] == places(tmp_path, FACT)


async def test_forgotten_out_of_what_was_edited(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    An approver takes a memory's words out of a call before they say yes: the audit log, which has both sets
    of arguments, forgets them with the memory, and the call runs by what it says of it.
    """
    brain = Moves(moves(wants("files.write", path="a.txt", text=FACT)), Move(answer="Good."))
    async with remembering(tmp_path, brain, built_toolboxes) as app:
        memory = await said(app)
        paused = await app.wait("T1", await app.submit(ask(QUESTION)), 30)
        assert paused.approval is not None
        edited = await app.edit(approver(), paused.approval.id, '{"path": "a.txt", "text": "nothing"}')
        await app.memories.forget(Principal("T1", ADA), [memory])
        await app.decide(approver(), edited.id, Decision.APPROVE)
        await app.wait("T1", paused.id, 30)
        await app._remembering.keeping.sweep()

    assert [] == places(tmp_path, FACT)
    assert "nothing" == (tmp_path / "data" / "mnt" / "scratch" / "T1" / "a.txt").read_text()


async def test_forgotten_out_of_kept_results(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A brain that was reminded of a memory when its task began reads a long file that says the same: the
    result that was kept of it goes with the memory.
    """
    plant(tmp_path, FACT + "\n" + LONG)
    brain = Moves(READ, Move(answer="Read."))
    async with remembering(tmp_path, brain, built_toolboxes) as app:
        memory = await said(app)
        await app.wait("T1", await app.submit(ask(QUESTION)), 30)
        results = tmp_path / "data" / "mnt" / "scratch" / "T1" / ".results"
        kept = [FACT in each.read_text() for each in results.rglob("*.json")]
        await app.memories.forget(Principal("T1", ADA), [memory])

    assert ([True], []) == (kept, list(results.rglob("*.json")))


#: Of whom a tenant has taken hold: from a word on it lists something else each time.
TURNED = SPEAKS.replace(
    '"description": "Look up."', '"description": "Look up." if last != "turn" else f"Look {number}."'
)


async def test_a_tenants_program_lists_something_else_all_the_time(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A tenant has taken hold of its own program, which lists other tools at each look.  The server that is
    known is begun anew for it once, and not again and again until nobody has its tools.
    """
    monkeypatch.setattr(link, "LOOK_EVERY", 0.1)
    monkeypatch.setattr(link, "LEAST_BETWEEN", 0.01)
    begun: list[float] = []
    server = program(Path("-c"), TURNED, low=["look_up"])
    async with world(tmp_path, built_toolboxes, looks("turn"), shared=server) as app:
        await approve(app, "shared")
        served = app.mcp.served["shared"]
        drop = served.link.drop
        monkeypatch.setattr(served.link, "drop", lambda why: (begun.append(time.monotonic()), drop(why)))
        await heard(app, "T1")
        await until(lambda: begun)
        await asyncio.sleep(4)

        assert 1 == len(begun)
        assert "" == served.absence


async def test_a_call_while_the_one_before_is_let_go(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A tenant's program is idle, and its many files are just being removed, which takes a while: a call that
    comes meanwhile begins another one, and does not wait for what is ending.
    """
    monkeypatch.setattr(apart, "IDLE", 0.5)
    may_go, remove = threading.Event(), quota._remove

    def slowly(folder: Path) -> None:
        may_go.wait(20)
        remove(folder)

    server = program(Path("-c"), SPEAKS, low=["look_up"])
    async with world(tmp_path, built_toolboxes, looks("word"), shared=server) as app:
        await approve(app, "shared")
        await heard(app, "T1")
        monkeypatch.setattr(quota, "_remove", slowly)
        await asyncio.sleep(1.5)
        again = await heard(app, "T1", 2)
        may_go.set()

    assert '"nothing"' in again


@pytest.mark.parametrize(("column", "value"), [("choices", "["), ("tenant", "T2")])
async def test_a_question_that_nobody_can_read(
    column: str, value: str, tmp_path: Path, built_toolboxes: Path
) -> None:
    """
    Somebody spoils the row of one question: the other tenant's is reminded of and ends in its time, and the
    spoiled one's task ends with a sentence.
    """
    clock, ids = Clock(), []
    brain = Moves(Move(question=Question("q1", "Which one?")), Move(answer="Good."))
    async with engine(tmp_path, brain, built_toolboxes, clock=clock) as app:
        for tenant in ("T1", "T2"):
            task = replace(ask(requester=f"slack:{tenant}:U_X", tenant=tenant), reply_to=Address("cli"))
            view = await app.wait(tenant, await app.submit(task), 30)
            assert view.question is not None
            ids.append(view.id)
        with thief(tmp_path) as c:
            c.execute(f"UPDATE questions SET {column} = ? WHERE workflow_id = ?", (value, ids[0]))
        clock.at = view.question.expires_at - 60
        await app._reminding.sweep()
        left = await app._store.reminders.questions_due(clock.at, 600.0)
        clock.at = view.question.expires_at + 60
        async with asyncio.timeout(20):
            while not (ended := await app.workflow("T2", ids[1])).state.is_final:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
        unread = await app._store.workflows.end_unreadable_reviews(clock.at)

    assert ((), "Good.", (ids[0],)) == (left, ended.outcome, unread)


class Priced(Scripted):
    """Says what a turn may cost, and cannot sum up."""

    def reckon(self, tenant: str, tokens_in: int, tokens_out: int) -> int:
        return 50_000


async def test_a_summary_that_no_model_was_asked_for(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The host itself makes a long conversation shorter: what was set aside for the turn is free again, and is
    no cost of a request that nobody made.
    """
    plant(tmp_path)
    use = replace(USE, tokens_in=0, tokens_cached=0)
    brain = Priced(*(replace(each, uses=(use,)) for each in reads(8)), Move(answer="Done.", uses=(use,)))
    tenants = {"T1": TenantSettings(slack=("T1",), budget_per_day=100)}
    async with engine(tmp_path, brain, built_toolboxes, tenants=tenants, **SMALL) as app:
        view = await app.wait("T1", await app.submit(ask("read on")), 60)
        summaries = await app._store.summaries.of(view.id)
        uses = await app._store.model_calls.of(view.id)

    assert (True, [use] * 9) == (len(summaries) > 0, list(uses))
