"""What a workflow was reminded of: durable before its brain sees it, so that a restart shows the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ironclaw.errors import NotFound
from ironclaw.memory import Memory
from ironclaw.store.chain import note
from ironclaw.store.memories import PLAN
from ironclaw.store.memory_rows import memory_of
from ironclaw.store.model import Flow
from ironclaw.store.sql import Connection, sql
from ironclaw.store.transitions import fence
from ironclaw.store.units import Writer
from ironclaw.untrusted import MEMORY


@dataclass(frozen=True, slots=True)
class Recall:
    """One memory that a workflow was given, or that it was given none."""

    at: float
    asked_by: str  #: PLAN, or the tool that asked.
    memory_id: str  #: "" for none.
    problem: str  #: Why none could be looked for; "" where none was found.


class Recalls:
    """The store of them."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def of(self, tenant: str, workflow_id: str) -> tuple[Recall, ...]:
        """What one of the tenant's workflows was given, in order."""
        return await self._writer.glance(
            lambda c: tuple(
                Recall(row["at"], row["asked_by"], row["memory_id"], row["problem"])
                for row in sql.recalls_of(c, tenant=tenant, workflow_id=workflow_id)
            )
        )

    async def begin(
        self,
        flow: Flow,
        found: Sequence[Memory],
        words: Callable[[Sequence[Memory]], str],
        now: float,
        problem: str = "",
    ) -> None:
        """Give a workflow what it is reminded of, once: what another one has given it before stays.

        :param found: what is gone or changed by now is left out
        :param words: the message for those that are left; "" for none
        :raises Conflict: another process has taken the workflow over
        """

        def unit(c: Connection) -> None:
            fence(c, flow)
            if list(sql.recalls_of(c, tenant=flow.tenant, workflow_id=flow.id)):
                return
            there = _there(c, flow.tenant, found)
            if text := words(there):
                sql.add_data_message(c, workflow_id=flow.id, text=text, source=MEMORY)
            _add(c, flow.tenant, flow.id, PLAN, there, now, problem)

        await self._writer.write(unit, flow.tenant)

    async def add(
        self, tenant: str, workflow_id: str, asked_by: str, found: Sequence[Memory], now: float
    ) -> tuple[Memory, ...]:
        """Note what a tool is about to give a workflow, and that its taint is the workflow's from now on.

        :return: those of them that are there
        :raises NotFound: no such workflow of this tenant
        """

        def unit(c: Connection) -> tuple[Memory, ...]:
            row = sql.workflow(c, id=workflow_id)
            if row is None or row["tenant"] != tenant:
                raise NotFound("There is no such workflow.")
            there = _there(c, tenant, found)
            _add(c, tenant, workflow_id, asked_by, there, now, "")
            return there

        return await self._writer.write(unit, tenant)


def _there(c: Connection, tenant: str, found: Sequence[Memory]) -> tuple[Memory, ...]:
    """Those that nobody has forgotten or changed since they were read."""
    rows = [sql.memory(c, tenant=tenant, id=each.id) for each in found]
    known = {row["id"]: memory_of(row) for row in rows if row is not None}
    return tuple(each for each in found if each.id in known and known[each.id].mac == each.mac)


def _add(
    c: Connection,
    tenant: str,
    workflow_id: str,
    asked_by: str,
    there: Sequence[Memory],
    now: float,
    problem: str,
) -> None:
    ids = [each.id for each in there] or [""]
    for memory_id in ids:
        sql.add_recall(
            c,
            workflow_id=workflow_id,
            tenant=tenant,
            now=now,
            asked_by=asked_by,
            memory_id=memory_id,
            problem=problem,
        )
    _taint(c, workflow_id, frozenset().union(*(each.taints for each in there)))
    told = {"ids": [each.id for each in there], "problem": problem}
    note(c, tenant, now, "memories_recalled", "host", workflow=workflow_id, asked_by=asked_by, **told)


def _taint(c: Connection, workflow_id: str, sources: frozenset[str]) -> None:
    """Whoever holds the workflow by now: a source more makes it more careful, never less."""
    row = sql.workflow(c, id=workflow_id)
    known = set(json.loads(row["read_also"] or "[]"))
    if not known.issuperset(sources):
        every = json.dumps(sorted(known | sources))
        sql.set_read_also(c, id=workflow_id, epoch=row["lease_epoch"], read_also=every)
