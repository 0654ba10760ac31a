"""What a suspended tenant's brain has asked waits with all the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.engine import ADA, Moves, ask, engine

from ironclaw.errors import Suspended
from ironclaw.task import Address, Move, Principal, Question, WorkflowState

pytestmark = pytest.mark.sandbox
OP = "local:op"
WHICH = Move(question=Question("q1", "Which one?", ("staging", "production")))


async def test_a_question_waits(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    While it is suspended nobody's answer is taken; after it is resumed the person's is, and the task goes on.
    """
    who, task = Principal("T1", ADA), ask()
    object.__setattr__(task, "reply_to", Address("cli"))
    async with engine(tmp_path, Moves(WHICH, Move(answer="ok")), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(task), 30)
        [question] = await app.questions.open_for(who)
        await app.tenants.suspend("T1", OP)
        with pytest.raises(Suspended):
            await app.questions.answer(who, question.id, "staging")
        waiting = await app.workflow("T1", view.id)
        await app.tenants.resume("T1", OP)
        await app.questions.answer(who, question.id, "staging")
        done = await app.wait("T1", view.id, 30)

    assert (WorkflowState.PAUSED, WorkflowState.DONE) == (waiting.state, done.state)
