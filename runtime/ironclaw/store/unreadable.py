"""Workflows whose rows are not as we write them: they end with a sentence, and harm nothing else.

JSON and plain columns are all that is ever read: whatever somebody puts there, no code comes of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

import structlog

from ironclaw.errors import BadRequest
from ironclaw.store import question_moves, question_rows, rows
from ironclaw.store.chain import note
from ironclaw.store.flows import load_flow
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.store.telling import tell
from ironclaw.task import NoticeKind, QuestionView

SENTENCE = "What was kept of this task cannot be read, so it was stopped. Look at the log, then ask again."
#: What reading rows of another make comes to.
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError, BadRequest)

log = structlog.get_logger(__name__)
T = TypeVar("T")


def can_read(load: Callable[[], T]) -> bool:
    """Whether rows can be read as we write them."""
    try:
        load()
    except UNREADABLE:
        return False
    except sqlite3.OperationalError as error:
        if not is_no_text(error):
            raise
        return False
    return True


def is_no_text(error: Exception) -> bool:
    """Whether a column of text holds something else; SQLite's own faults have the same class."""
    return "Could not decode to UTF-8" in str(error)


def end_unreadable(c: Connection, workflow_id: str, now: float) -> bool:
    """End a workflow if its rows cannot be read.

    :return: whether it was so
    """
    if can_read(lambda: load_flow(c, workflow_id)):
        return False
    _end(c, workflow_id, now)
    return True


def readable_questions(c: Connection, found: Iterable[Row]) -> tuple[QuestionView, ...]:
    """Those of the rows' ids that can be read, in their order: one that cannot takes no other with it."""
    ids = [row["id"] for row in list(found)]
    return tuple(question_rows.loaded(c, each) for each in ids if can_read(partial(_question, c, each)))


def end_unreadable_reviews(c: Connection, now: float) -> tuple[str, ...]:
    """End the workflows of reviews and questions whose time is over and that nobody could be shown.

    :return: their ids
    """
    found = {row["id"]: row["workflow_id"] for row in list(sql.due_reviews(c, now=now))}
    bad = {flow for id_, flow in found.items() if not can_read(partial(rows.load_approval, c, id_))}
    asked = {row["id"]: row["workflow_id"] for row in list(sql.due_questions(c, now=now))}
    bad |= {flow for id_, flow in asked.items() if not can_read(partial(_question, c, id_))}
    for workflow_id in sorted(bad):
        _end(c, workflow_id, now)
    return tuple(sorted(bad))


def _question(c: Connection, question_id: str) -> None:
    """
    :raises LookupError: it is no question of its workflow's tenant
    :raises Exception: one of UNREADABLE
    """
    if question_rows.load(c, question_id) is None:
        raise LookupError


def _end(c: Connection, workflow_id: str, now: float) -> None:
    row = sql.workflow_head(c, id=workflow_id)
    log.error("workflow_unreadable", tenant=row["tenant"], workflow=workflow_id)
    if not sql.abandon_workflow(c, id=workflow_id, outcome=SENTENCE, now=now):
        return
    sql.abandon_reviews(c, workflow_id=workflow_id)
    sql.abandon_calls(c, workflow_id=workflow_id)
    question_moves.close_open(c, row["tenant"], workflow_id, now)
    note(c, row["tenant"], now, "workflow_failed", "host", workflow=workflow_id, why="unreadable")
    try:
        address = rows.address_of(row)
        body = {"text": SENTENCE, "by": ""}
        tell(c, now, row["tenant"], workflow_id, f"answer:{workflow_id}", NoticeKind.FAILURE, address, body)
    except UNREADABLE:
        log.error("nobody_to_tell", workflow=workflow_id)
