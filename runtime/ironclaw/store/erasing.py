"""Takes texts out of rows that stay: of one memory wherever it was said, or of a whole workflow."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

from ironclaw.memory import Memory
from ironclaw.recollecting import FORGOTTEN, without
from ironclaw.store import summaries
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.store.sqlite import forgetting

REWRITES = {
    "message": sql.rewrite_message,
    "call": sql.rewrite_call,
    "asked": sql.rewrite_asked,
    "workflow": sql.rewrite_workflow,
    "notice": sql.rewrite_notice,
    "question": sql.rewrite_question,
}
TEXTS = ("one", "two", "three")  #: Columns of said_in.
#: How many of them each kind of row has.
COUNTS = {"message": 2, "call": 3, "asked": 1, "workflow": 2, "notice": 1, "question": 3}


def take_out(c: Connection, tenant: str, memories: Collection[Memory]) -> int:
    """Take memories out of every workflow that was given them, or in which they were made.

    :return: in how many texts they were
    """
    of_flows: dict[str, list[Memory]] = {}
    for memory in memories:
        for workflow_id in _homes(c, tenant, memory):
            of_flows.setdefault(workflow_id, []).append(memory)
    return sum(_take_out_of(c, tenant, flow, found) for flow, found in of_flows.items())


def erase_workflow(c: Connection, workflow_id: str, now: float) -> None:
    """Remove every text of a workflow that has ended: its id, its states and times stay."""
    sql.erase_workflow(c, id=workflow_id, now=now)
    for statement in (
        sql.erase_messages,
        sql.erase_calls,
        sql.erase_asked,
        sql.erase_reasons,
        sql.erase_notices,
        sql.erase_summaries,
        sql.erase_questions,
    ):
        statement(c, id=workflow_id)


def forget_events(
    c: Connection, tenant: str, workflow_id: str, keep: Collection[str] = (), saying: Collection[str] = ()
) -> tuple[int, int]:
    """Forget what the audit log says of a workflow; the commitments stay, and the chain holds.

    :param keep: ids of grants whose events are still asked for
    :param saying: only of the task itself, and only where one of these texts is in it; () for all
    :return: how many were forgotten, and how many kept
    """
    gone = kept = 0
    for row in list(sql.events_of_workflow(c, tenant=tenant, workflow_id=workflow_id)):
        event = json.loads(row["event"])
        is_meant = not saying or (event["event"] == "received" and _says(row["event"], saying))
        if event.get("grant") in keep:
            kept += 1
        elif is_meant:
            with forgetting():
                gone += int(sql.forget_event(c, tenant=tenant, n=row["n"]))
    return gone, kept


def _homes(c: Connection, tenant: str, memory: Memory) -> set[str]:
    """The workflows that may hold its text: those of the tenant and no other's."""
    given = {str(row["workflow_id"]) for row in sql.recalled_in(c, tenant=tenant, memory_id=memory.id)}
    maker = memory.source_ref.partition(":")[0]
    row = sql.workflow(c, id=maker) if maker else None
    return given | ({maker} if row is not None and row["tenant"] == tenant else set())


def _take_out_of(c: Connection, tenant: str, workflow_id: str, memories: Collection[Memory]) -> int:
    ids = {memory.id for memory in memories}
    texts = {form for memory in memories for form in _forms(memory.text)}
    touched: set[int] = set()
    count = 0
    for row in list(sql.said_in(c, workflow_id=workflow_id)):
        before = tuple(str(row[name]) for name in TEXTS)
        after = tuple(_cleaned(each, ids, texts) for each in before)
        if after != before:
            _rewrite(c, workflow_id, row, after)
            count += 1
            touched |= {int(row["k"])} if row["what"] == "message" else set()
    forget_events(c, tenant, workflow_id, saying=texts)
    return count + summaries.void(c, workflow_id, touched)


def _rewrite(c: Connection, workflow_id: str, row: Row, after: tuple[str, ...]) -> None:
    values = dict(zip(TEXTS[: COUNTS[row["what"]]], after, strict=False))
    REWRITES[row["what"]](c, workflow_id=workflow_id, k=row["k"], **values)


def _cleaned(text: str, ids: Collection[str], forms: Iterable[str]) -> str:
    """The text without the memories' lines, without results that name them, and without their very words."""
    if not text:
        return text
    found = without(_results_emptied(text, ids), ids)
    for form in sorted(forms, key=len, reverse=True):
        found = found.replace(form, FORGOTTEN)
    return found


def _results_emptied(text: str, ids: Collection[str]) -> str:
    """A tool's result in which a memory was found, by its id: its text may be written in any way there."""
    if not any(each in text for each in ids) or text[:1] not in "{[":
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return json.dumps(value, ensure_ascii=False) if _empty(value, ids) else text


def _empty(value: Any, ids: Collection[str]) -> bool:
    """Empty all memories within a JSON value, in place; whether there was one."""
    if isinstance(value, list):
        return sum(_empty(each, ids) for each in value) > 0
    if not isinstance(value, dict):
        return False
    is_one = value.get("id") in ids and "text" in value
    if is_one:
        value["text"] = FORGOTTEN
    return sum(_empty(each, ids) for each in value.values()) > 0 or is_one


def _says(event: str, forms: Collection[str]) -> bool:
    return any(form in event for form in forms)


def _forms(text: str) -> set[str]:
    """A text as rows may hold it: plain, in JSON, and in JSON that is in JSON."""
    found = {text}
    for _ in range(2):
        found |= {json.dumps(each, ensure_ascii=ascii)[1:-1] for each in found for ascii in (True, False)}
    return found
