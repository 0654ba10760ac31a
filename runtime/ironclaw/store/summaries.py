"""What the brain is given in the place of older messages.  The messages stay as they are."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from ironclaw.store.chain import note
from ironclaw.store.model import Flow, Spent
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.store.transitions import fence, move_workflow, one
from ironclaw.store.units import Writer
from ironclaw.task import WorkflowState


@dataclass(frozen=True, slots=True)
class Summary:
    """One summary."""

    covers: frozenset[int]  #: The seq of each message that it stands for.
    text: str  #: Model-made and untrusted; "" once one of them was erased.
    taint: frozenset[str]  #: Sources of what it covers.
    made_by: str  #: The model, or "digest" for the host's own.
    turn: int  #: The workflow's steps when it was made.
    is_forced: bool  #: The model had refused the conversation as too long.
    is_over: bool  #: What was left was still longer than it should be.


class Summaries:
    """The store of summaries."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def of(self, workflow_id: str) -> tuple[Summary, ...]:
        """Every one of a workflow, newest first, void ones too."""
        return await self._writer.glance(
            lambda c: tuple(map(_summary, sql.summaries_of(c, workflow_id=workflow_id)))
        )

    async def add(
        self, flow: Flow, summary: Summary, spent: Spent, now: float, *, is_free: bool = False
    ) -> None:
        """Keep one, with what it cost; its taint is the workflow's from then on, whatever becomes of it.

        :param is_free: no model was asked in this turn: what was set aside for it is free again
        :raises Conflict: somebody else moved this workflow
        """

        def unit(c: Connection) -> None:
            move_workflow(c, flow, WorkflowState.RUNNING, "", spent, now)
            if is_free:
                sql.release(c, id=flow.id)
            sql.add_summary(
                c,
                workflow_id=flow.id,
                tenant=flow.tenant,
                now=now,
                covers=json.dumps(sorted(summary.covers)),
                text=summary.text,
                taint=json.dumps(sorted(summary.taint)),
                made_by=summary.made_by,
                turn=summary.turn,
                is_forced=int(summary.is_forced),
                is_over=int(summary.is_over),
            )
            _read(c, flow, summary.taint)
            told = {"made_by": summary.made_by, "messages": len(summary.covers), "over": summary.is_over}
            note(c, flow.tenant, now, "summarised", "host", workflow=flow.id, **told)

        await self._writer.write(unit, flow.tenant)


def void(c: Connection, workflow_id: str, seqs: Collection[int]) -> int:
    """Make summaries say nothing that cover one of these messages, which is being erased: in its transaction.

    :return: how many
    """
    found = [
        row["n"]
        for row in list(sql.summaries_of(c, workflow_id=workflow_id))
        if row["text"] and not set(json.loads(row["covers"])).isdisjoint(seqs)
    ]
    for n in found:
        sql.void_summary(c, workflow_id=workflow_id, n=n)
    return len(found)


def _read(c: Connection, flow: Flow, sources: Collection[str]) -> None:
    row = sql.workflow(c, id=flow.id)
    known = set(json.loads((row["read_also"] if row else "") or "[]"))
    if known.issuperset(sources):
        return fence(c, flow)
    every = json.dumps(sorted(known.union(sources)))
    return one(sql.set_read_also(c, id=flow.id, epoch=flow.epoch, read_also=every))


def _summary(row: Row) -> Summary:
    return Summary(
        frozenset(json.loads(row["covers"])),
        row["text"],
        frozenset(json.loads(row["taint"])),
        row["made_by"],
        row["turn"],
        bool(row["is_forced"]),
        bool(row["is_over"]),
    )
