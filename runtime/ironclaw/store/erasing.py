"""Takes texts out of rows that stay: of one memory wherever it was said, or of a whole workflow."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from ironclaw.memory import Memory
from ironclaw.recollecting import FORGOTTEN, without
from ironclaw.store import summaries
from ironclaw.store.chain import FORGETS, note
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
TOO_DEEP = json.dumps({"output": FORGOTTEN})
TELLING = 12  #: Characters of a text that tell it from others.
TEXTS = ("one", "two", "three")  #: Columns of said_in.
#: How many of them each kind of row has.
COUNTS = {"message": 2, "call": 3, "asked": 1, "workflow": 2, "notice": 1, "question": 3}


def take_out(c: Connection, tenant: str, memories: Collection[Memory], now: float) -> int:
    """Take memories out of every workflow that was given them, or in which they were made.

    :return: in how many texts they were
    """
    of_flows: dict[str, list[Memory]] = {}
    for memory in memories:
        for workflow_id in _homes(c, tenant, memory):
            of_flows.setdefault(workflow_id, []).append(memory)
    return sum(_take_out_of(c, tenant, flow, found, now) for flow, found in of_flows.items())


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
    c: Connection,
    tenant: str,
    workflow_id: str,
    now: float,
    keep: Collection[str] = (),
    saying: Collection[str] = (),
) -> tuple[int, int]:
    """Forget what the audit log says of a workflow; the commitments stay, and the chain holds.

    A later event names those that are gone: a thief who empties others is seen.

    :param keep: ids of grants whose events are still asked for
    :param saying: only of the task itself, and only where one of these texts is in it; () for all
    :return: how many were forgotten, and how many kept
    """
    gone: list[int] = []
    kept = 0
    for row in list(sql.events_of_workflow(c, tenant=tenant, workflow_id=workflow_id)):
        event = json.loads(row["event"])
        is_meant = not saying or (event["event"] == "received" and _says(row["event"], saying))
        if event.get("grant") in keep:
            kept += 1
        elif is_meant:
            with forgetting(c):
                gone += [row["n"]] if sql.forget_event(c, tenant=tenant, n=row["n"]) else []
    if gone:
        note(c, tenant, now, FORGETS, "host", numbers=gone)
    return len(gone), kept


def _homes(c: Connection, tenant: str, memory: Memory) -> set[str]:
    """The workflows that may hold its text: those of the tenant and no other's."""
    given = {str(row["workflow_id"]) for row in sql.recalled_in(c, tenant=tenant, memory_id=memory.id)}
    maker = memory.source_ref.partition(":")[0]
    row = sql.workflow(c, id=maker) if maker else None
    return given | ({maker} if row is not None and row["tenant"] == tenant else set())


def _take_out_of(
    c: Connection, tenant: str, workflow_id: str, memories: Collection[Memory], now: float
) -> int:
    ids = {memory.id for memory in memories}
    texts = {memory.text for memory in memories}
    touched: set[int] = set()
    count = 0
    for row in list(sql.said_in(c, workflow_id=workflow_id)):
        before = tuple(str(row[name]) for name in TEXTS)
        after = tuple(cleaned(each, ids, texts) for each in before)
        if after != before:
            _rewrite(c, workflow_id, row, after)
            count += 1
            touched |= {int(row["k"])} if row["what"] == "message" else set()
    forget_events(c, tenant, workflow_id, now, saying={form for each in texts for form in _forms(each)})
    return count + summaries.void(c, workflow_id, touched)


def _rewrite(c: Connection, workflow_id: str, row: Row, after: tuple[str, ...]) -> None:
    values = dict(zip(TEXTS[: COUNTS[row["what"]]], after, strict=False))
    REWRITES[row["what"]](c, workflow_id=workflow_id, k=row["k"], **values)


def cleaned(text: str, ids: Collection[str], texts: Collection[str]) -> str:
    """A text without what some memories said: their lines, their results by their ids, and their very words.

    JSON stays JSON of the same shape, whatever a memory says: only strings in it change, and no name.

    :param texts: what the memories said
    """
    if text[:1] not in ("{", "["):
        return _unsaid(without(text, ids), texts)
    try:
        value = json.loads(text)
        after = _emptied(value, ids, texts)
        return text if after == value else json.dumps(after, ensure_ascii=False)
    except RecursionError:  # Nobody can say what in it is what: all of it goes.
        return TOO_DEEP if any(form in text for each in texts for form in _forms(each)) else text
    except ValueError:
        return _unsaid(without(text, ids), texts)


def _emptied(value: Any, ids: Collection[str], texts: Collection[str]) -> Any:
    if isinstance(value, str):
        return cleaned(value, ids, texts)
    if isinstance(value, list):
        return [_emptied(each, ids, texts) for each in value]
    if not isinstance(value, dict):
        return value
    # As memory.search gives it: its text may be written in any way there.
    own = {"text": FORGOTTEN} if value.get("id") in ids and "text" in value else {}
    return {name: _emptied(each, ids, texts) for name, each in (value | own).items()}


def _unsaid(text: str, texts: Collection[str]) -> str:
    """Without the very words; of a few letters, which many texts have, only where they are all of it."""
    for said in sorted(texts, key=len, reverse=True):
        if len(said) >= TELLING:
            text = text.replace(said, FORGOTTEN)
        elif text == said:
            return FORGOTTEN
    return text


def _says(event: str, forms: Collection[str]) -> bool:
    return any(form in event for form in forms)


def _forms(text: str) -> set[str]:
    """A text as rows may hold it: plain, in JSON, and in JSON that is in JSON."""
    found = {text}
    for _ in range(2):
        found |= {json.dumps(each, ensure_ascii=ascii)[1:-1] for each in found for ascii in (True, False)}
    return found
