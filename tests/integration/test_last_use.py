"""What a card says of the tool's last call."""

from __future__ import annotations

from pathlib import Path

from tests.integration.engine import Moves, approver, ask, engine, moves, wants

from ironclaw.store import reading
from ironclaw.store.rows import sql
from ironclaw.task import Decision


async def test_a_card_shows_the_last_use(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The second time it says what the first call used, and nothing the first time.
    """
    brain = Moves(moves(wants("files.write", path="a.txt", text="hello")))
    shown = []
    async with engine(tmp_path, brain, built_toolboxes) as app:
        for _ in range(2):
            waiting = await app.wait("T1", await app.submit(ask()), 30)
            shown.append(waiting.approval)
            await app.decide(approver(), waiting.approval.id, Decision.APPROVE)
            await app.wait("T1", waiting.id, 30)
        first = await app.approval("T1", shown[0].id)

    assert [None, first.usage] == [each.last_usage for each in shown]
    assert first.usage is not None


async def test_it_is_found_by_an_index(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    However many calls have ended: each card and each click looks it up.
    """
    async with engine(tmp_path, Moves(), built_toolboxes):
        with reading(tmp_path / "data" / "ironclaw.db") as c:
            asked = {"tool": "files.write", "tenant": "T1"}
            explained = c.execute("EXPLAIN QUERY PLAN " + sql._sqlite.last_use.sql, asked)
            plan = [row["detail"] for row in explained]

    assert "calls_ended" in plan[0]
    assert not [step for step in plan if "SCAN" in step or "TEMP B-TREE" in step]
