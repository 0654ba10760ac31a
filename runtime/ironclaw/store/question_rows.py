"""What the rows say of questions that the brain has asked."""

from __future__ import annotations

import json

from ironclaw.errors import NotFound
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.task import QuestionState, QuestionView


def load(c: Connection, question_id: str) -> QuestionView | None:
    """A question as it stands, or None for no such one."""
    row = sql.question(c, id=question_id)
    return None if row is None else _view(row)


def loaded(c: Connection, question_id: str) -> QuestionView:
    """
    :raises NotFound: there is no such question
    """
    found = load(c, question_id)
    if found is None:
        raise NotFound("There is no such question.")
    return found


def _view(row: Row) -> QuestionView:
    return QuestionView(
        id=row["id"],
        tenant=row["tenant"],
        workflow_id=row["workflow_id"],
        n=row["n"],
        requester=row["requester"],
        text=row["text"],
        choices=tuple(map(str, json.loads(row["choices"]))),
        state=QuestionState(row["state"]),
        asked_at=row["asked_at"],
        expires_at=row["expires_at"],
        door=row["reply_door"],
        answered_by=row["answered_by"],
        answered_at=row["answered_at"],
        answer=row["answer"],
    )
