"""Forgetting and keeping no longer than wanted: afterwards no file of the data directory has it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.clock import Clock
from tests.integration.engine import ADA, BO, Moves, approver, moves, wants
from tests.integration.reminding import FACT, asked, remembering, reminders, said

from ironclaw.app.memory_tools import REMEMBER
from ironclaw.app.retention import DAY
from ironclaw.errors import NotFound, Refused
from ironclaw.memory import Visibility
from ironclaw.recollecting import FORGOTTEN
from ironclaw.settings import TenantSettings
from ironclaw.task import Decision, Move, Principal, WorkflowState

pytestmark = pytest.mark.sandbox
MARK = "zq7canary"
SECRET_FACT = f"The {MARK} runs beside “billing” in Zürich"
BYE = Move(answer=f"You said: {SECRET_FACT}")
EVE = Principal("T1", "slack:T1:U_EVE")


def holding(folder: Path, mark: str) -> list[str]:
    """Every file below that has the mark, plain or in a usual encoding."""
    plain = mark.encode()
    forms = {plain, plain.hex().encode(), mark.encode("utf-16-le"), base64.b64encode(plain).rstrip(b"=")[:-1]}
    return sorted(str(file.relative_to(folder)) for file in _files(folder) if _has(file, forms))


def _files(folder: Path) -> Iterator[Path]:
    return (each for each in folder.rglob("*") if each.is_file() and not each.is_symlink())


def _has(file: Path, forms: set[bytes]) -> bool:
    content = file.read_bytes()
    return any(form in content for form in forms)


async def test_forgotten_everywhere(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A memory that the brain had proposed, that another run was given, that a search has found and that answers
    repeat word for word: forgotten, no file of the running bot has it, and what stays says so.
    """
    keep = moves(wants(REMEMBER, text=SECRET_FACT, **{"for": "everybody"}))
    async with remembering(tmp_path, Moves(keep, BYE), built_toolboxes) as app:
        made = await asked(app, f"Please keep this: {SECRET_FACT}")
        assert made.approval
        await app.decide(approver(), made.approval.id, Decision.APPROVE)
        await app.wait("T1", made.id, 30)
    brain = Moves(moves(wants("memory.search", words="billing in Zürich")), BYE)
    async with remembering(tmp_path, brain, built_toolboxes) as app:
        view = await asked(app, "What of Zürich?")
        [memory] = await app._store.memories.all("T1")
        before = holding(tmp_path / "data", MARK)
        receipt = await app.memories.forget(approver(), [memory.id])
        after = holding(tmp_path / "data", MARK)
        why = await app.memories.why(approver(), view.id)
        told = await app.workflow("T1", view.id)

    assert "ironclaw.db-wal" in before
    assert [] == after
    assert (1, True) == (receipt.memories, receipt.places > 5)
    assert {(memory.id, None)} == {(recall.memory_id, there) for recall, there in why}
    assert FORGOTTEN in told.outcome


async def test_what_goes_on_is_not_broken(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A run that waits while what it was reminded of is forgotten goes on, and its brain sees no more of it.
    """
    brain = Moves(moves(wants("files.write", path="a.md", text="x")), Move(answer="ok"))
    async with remembering(tmp_path, brain, built_toolboxes) as app:
        memory = await said(app)
        view = await asked(app)
        await app.memories.forget(Principal("T1", ADA), [memory])
        assert view.approval
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 30)

    assert FACT in reminders(brain, 0)[0]
    assert FACT not in reminders(brain, 1)[0]
    assert f"- {memory}: {FORGOTTEN}" in reminders(brain, 1)[0]
    assert WorkflowState.DONE is after.state


async def test_who_may_forget(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    One's own, and as an approver the tenant's; what is another's, or another tenant's, is not there.
    """
    async with remembering(tmp_path, Moves(), built_toolboxes) as app:
        memory = await said(app, visibility=Visibility.AUTHOR)
        others = Principal("T2", BO, frozenset({"approver"}))
        for who in (EVE, others):
            with pytest.raises(NotFound, match="no such memory"):
                await app.memories.forget(who, [memory])
            with pytest.raises(NotFound, match="no such memory"):
                await app.memories.show(who, memory)
        with pytest.raises(Refused):
            await app.memories.forget_person(EVE, ADA)
        with pytest.raises(Refused):
            await app.memories.forget_everything(EVE)
        lists = [await app.memories.list(who) for who in (EVE, others, Principal("T1", ADA), approver())]
        done = await app.memories.forget_person(approver(), ADA)

    assert [0, 0, 1, 1] == [len(each) for each in lists]
    assert (1, "person") == (done.memories, done.why)


async def test_rolled_back(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What came in since a moment, or from a source, is shown first and then forgotten; the rest stays.
    """
    clock = Clock()
    async with remembering(tmp_path, Moves(), built_toolboxes, clock) as app:
        old = await said(app)
        clock.at += 3600
        new = await said(app, "Production deploys never happen")
        found = await app.memories.matching(approver(), clock.at - 60, "")
        none = await app.memories.matching(approver(), 0, "web")
        await app.memories.roll_back(approver(), [each.memory.id for each in found])
        left = await app.memories.list(approver())

    assert ([new], []) == ([each.memory.id for each in found], list(none))
    assert [old] == [each.memory.id for each in left]


def keeping(**days: float) -> dict[str, Any]:
    return {"tenants": {"T1": TenantSettings(slack=("T1",), approvers=(BO,), **days)}}


async def test_texts_go_after_their_time(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    When the days of history and of the audit log are over nothing of an ended task is in any file but its id,
    state and times; the chain still verifies; what still waits keeps all that it needs.
    """
    clock = Clock()
    write = moves(wants("files.write", path="a.md", text=f"{MARK} args"))
    brain = Moves(write, Move(answer=f"{MARK} answer"))
    changes = keeping(history_days=30, audit_days=60)
    async with remembering(tmp_path, brain, built_toolboxes, clock, **changes) as app:
        ended, waiting = await asked(app, f"{MARK} task"), await asked(app, "another", channel="C2")
        assert ended.approval
        await app.decide(approver(), ended.approval.id, Decision.DENY, reason=f"{MARK} reason")
        await app.wait("T1", ended.id, 30)
        clock.at += 31 * DAY
        await app._remembering.keeping.sweep_now()
        rows = await app.workflow("T1", ended.id)
        held = await app._store.workflows.load(waiting.id)
        clock.at += 31 * DAY
        await app._remembering.keeping.sweep_now()
        chain = await app._store._writer.read(lambda c: list(c.execute("SELECT * FROM audit ORDER BY n")))

    assert (WorkflowState.DONE, "", "") == (rows.state, rows.text, rows.outcome)
    assert "another" == held.messages[0].text
    assert [] == holding(tmp_path / "data", f"{MARK} task")
    assert [] == holding(tmp_path / "data", f"{MARK} answer")
    assert [] == holding(tmp_path / "data", f"{MARK} reason")
    kept = [json.loads(row["event"]).get("workflow") for row in chain if row["event"]]
    assert (0, True) == (kept.count(ended.id), waiting.id in kept)


async def test_memories_go_after_their_time(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A memory that was said to be true for two days is recalled no more after them, and then forgotten; the
    tenant's own days end the others.
    """
    clock = Clock()
    brain = Moves(Move(answer="ok"))
    async with remembering(tmp_path, brain, built_toolboxes, clock, **keeping(memory_days=30)) as app:
        short = await said(app, f"{FACT} {MARK}", days=2)
        await said(app)
        clock.at += 3 * DAY
        await asked(app)
        await app._remembering.keeping.sweep_now()
        left = len(await app._store.memories.all("T1"))
        traces = holding(tmp_path / "data", MARK)
        clock.at += 30 * DAY
        await app._remembering.keeping.sweep_now()
        none = len(await app._store.memories.all("T1"))

    assert short not in "".join(reminders(brain))
    assert (1, [], 0) == (left, traces, none)
