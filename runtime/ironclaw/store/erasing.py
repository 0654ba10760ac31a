"""Takes texts out of rows that stay: of memories wherever they were said, or of a whole workflow."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping

from ironclaw.store.chain import FORGETS, note
from ironclaw.store.guarding import forgetting
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.store.summaries import void
from ironclaw.store.wording import Words, cleaned, cleaned_circumstances
from ironclaw.task import WorkflowState

REWRITES = {
    "message": sql.rewrite_message,
    "call": sql.rewrite_call,
    "asked": sql.rewrite_asked,
    "workflow": sql.rewrite_workflow,
    "notice": sql.rewrite_notice,
    "question": sql.rewrite_question,
    "summary": sql.rewrite_summary,
}
TEXTS = ("one", "two", "three")  #: Columns of said_in.
#: How many of them each kind of row has.
COUNTS = {"message": 2, "call": 3, "asked": 1, "workflow": 2, "notice": 1, "question": 3, "summary": 1}
TOLD = 50  #: Later tasks of a thread whose brain sees how one of them ended: see thread_before.
#: Events with words of the task, its people or its brain; others have none, and some allow what runs later.
WORDY = frozenset({"received", "question_asked", "question_answered", "call_edited"})
RUNS = "runs"  #: Of a row of said_in: a tool is just writing to it.  "waits": people are bound to it.


def take_out(
    c: Connection, tenant: str, homes: Mapping[str, Collection[Words]], now: float
) -> Mapping[str, int]:
    """Take what memories said out of workflows, and of later ones of their threads that were told of it.

    Where people are bound to the words, or a tool runs, they stay until that has ended: it is noted.

    :param homes: workflows of the tenant, with what each was given
    :return: in how many texts they were, by workflow
    """
    count: Counter[str] = Counter()
    left = {workflow_id: set(words) for workflow_id, words in homes.items()}
    done: defaultdict[str, set[Words]] = defaultdict(set)
    while left:
        workflow_id, words = left.popitem()
        if words := words - done[workflow_id]:
            done[workflow_id] |= words
            places = _take_out_of(c, tenant, workflow_id, words, now)
            count[workflow_id] += places
            for later in _told_of(c, tenant, workflow_id) if places or workflow_id in homes else ():
                left.setdefault(later, set()).update(words)
    return +count


def homes_of(c: Connection, tenant: str, words: Words, source_ref: str = "") -> set[str]:
    """The workflows that may hold a memory's text: those of the tenant and no other's.

    :param source_ref: where it was said
    """
    given = {str(row["workflow_id"]) for row in sql.recalled_in(c, tenant=tenant, memory_id=words.id)}
    maker = source_ref.partition(":")[0]
    row = sql.workflow(c, id=maker) if maker else None
    return given | ({maker} if row is not None and row["tenant"] == tenant else set())


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
    is_said: Callable[[str], bool] | None = None,
) -> tuple[int, int]:
    """Forget what the audit log says of a workflow; the commitments stay, and the chain holds.

    A later event names those that are gone: a thief who empties others is seen.

    :param keep: ids of grants whose events are still asked for
    :param is_said: only of those with words, and only where this is so of them; None for all
    :return: how many were forgotten, and how many kept
    """
    gone: list[int] = []
    kept = 0
    for row in list(sql.events_of_workflow(c, tenant=tenant, workflow_id=workflow_id)):
        event = json.loads(row["event"])
        is_meant = is_said is None or (event["event"] in WORDY and is_said(row["event"]))
        if event.get("grant") in keep:
            kept += 1
        elif is_meant:
            gone.append(row["n"])
    with forgetting(c):
        gone = [n for n in gone if sql.forget_event(c, tenant=tenant, n=n)]
    if gone:
        note(c, tenant, now, FORGETS, "host", numbers=gone)
    return len(gone), kept


def _told_of(c: Connection, tenant: str, workflow_id: str) -> Iterator[str]:
    """The later tasks of its thread whose brain has seen how it ended."""
    ended = 0
    for row in sql.later_in_thread(c, tenant=tenant, id=workflow_id):
        yield str(row["id"])
        ended += row["state"] == WorkflowState.DONE.value
        if ended == TOLD:
            return


def _take_out_of(c: Connection, tenant: str, workflow_id: str, words: Collection[Words], now: float) -> int:
    touched: set[int] = set()
    count, is_bound, is_left = 0, False, False
    for row in list(sql.said_in(c, workflow_id=workflow_id)):
        before, after = _before_and_after(row, words)
        is_bound |= bool(row["held"])
        is_left |= row["held"] == RUNS or (bool(row["held"]) and after != before)
        if after != before and not row["held"]:
            _rewrite(c, workflow_id, row, after)
            count += 1
            touched |= {int(row["k"])} if row["what"] == "message" else set()
    if is_left:
        for each in words:
            sql.add_remains(c, tenant=tenant, workflow_id=workflow_id, memory_id=each.id, text=each.text)
    if not is_bound:
        sql.plan_anew(c, id=workflow_id)
    forget_events(c, tenant, workflow_id, now, is_said=lambda event: cleaned(event, words) != event)
    return count + void(c, workflow_id, touched)


def _before_and_after(row: Row, words: Collection[Words]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Its texts, and those without the words; the last one is a call's circumstances."""
    before = (*(str(row[name]) for name in TEXTS), str(row["circumstances"]))
    texts = (cleaned(each, words) for each in before[:-1])
    return before, (*texts, cleaned_circumstances(before[-1], words) if before[-1] else "")


def _rewrite(c: Connection, workflow_id: str, row: Row, after: tuple[str, ...]) -> None:
    values = dict(zip(TEXTS[: COUNTS[row["what"]]], after, strict=False))
    more = {"circumstances": after[-1]} if row["what"] == "call" else {}
    REWRITES[row["what"]](c, workflow_id=workflow_id, k=row["k"], **values, **more)
