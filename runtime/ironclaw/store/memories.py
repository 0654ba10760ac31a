"""Memories: the record.  What finds them again follows, by jobs that are written with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ironclaw.errors import NotFound, Refused
from ironclaw.memory import Memory, Visibility
from ironclaw.store import memory_jobs
from ironclaw.store.accepting import check_served
from ironclaw.store.chain import note
from ironclaw.store.erasing import homes_of, take_out
from ironclaw.store.memory_rows import columns, memory_of
from ironclaw.store.sql import Connection, sql
from ironclaw.store.units import Writer
from ironclaw.store.wording import Words

PLAN = "plan"  #: Who asks for what is recalled before the first step.
MOST = 10_000
FULL = "There are {most:,} memories, which is the most. Forget some: ironclaw memory rollback, or forget."
PAGE = 500  #: Rows that are read at a time.
Seal = Callable[[Memory], bool]


@dataclass(frozen=True, slots=True)
class Receipt:
    """That something was forgotten, and nothing of what it was."""

    id: str
    at: float
    actor: str
    why: str
    memories: int
    places: int  #: Other texts out of which it was taken: messages, results, answers.
    digest: str


class Memories:
    """The store of memories.  Each method is one transaction, of one tenant."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def add(
        self,
        memory: Memory,
        actor: str,
        now: float,
        is_ours: Seal,
        old: Memory | None = None,
        most: int = MOST,
    ) -> tuple[Memory, bool]:
        """Remember something.

        :param memory: with its seal
        :param is_ours: whether the host has sealed a row as it stands
        :param old: the one whose place it takes, with the seal that it gets
        :param most: memories that the tenant may have
        :return: the memory, and False where one said so before to the same people: then nothing was changed
        :raises NotFound: there is no such old one, or another one has taken its place
        :raises Refused: the tenant has as many as it may
        :raises Suspended: nothing is done for it now
        """

        def unit(c: Connection) -> tuple[Memory, bool]:
            check_served(c, memory.tenant)
            if known := _known(c, memory, now, is_ours):
                return known, False
            if sql.memory_count(c, tenant=memory.tenant)["there"] >= most:
                raise Refused(FULL.format(most=most))
            sql.add_tenant(c, id=memory.tenant, now=now)
            sql.add_memory(c, **columns(memory))
            memory_jobs.put(c, memory.tenant, memory.id, now)
            if old:
                _supersede(c, old, actor, now)
            more = {"by_call": memory.source_ref, "replaces": old.id if old else ""}
            note(c, memory.tenant, now, "memory_added", actor, memory=memory.id, **more)
            return memory, True

        return await self._writer.write(unit, memory.tenant)

    async def get(self, tenant: str, memory_id: str) -> Memory:
        """
        :raises NotFound: no such memory of this tenant
        """

        def unit(c: Connection) -> Memory:
            row = sql.memory(c, tenant=tenant, id=memory_id)
            if row is None:
                raise NotFound("There is no such memory.")
            return memory_of(row)

        return await self._writer.glance(unit)

    async def first(
        self, tenant: str, ids: Iterable[str], most: int, fits: Callable[[Memory], bool]
    ) -> tuple[Memory, ...]:
        """The first so many of these that are there and fit, in their order."""
        return await self._writer.read(lambda c: _first(c, tenant, ids, most, fits))

    async def all(self, tenant: str, fits: Callable[[Memory], bool] = lambda _: True) -> tuple[Memory, ...]:
        """Every memory of a tenant that fits, oldest first."""
        return await self._writer.read(lambda c: tuple(each for each in _every(c, tenant) if fits(each)))

    async def has_any(self, tenant: str) -> bool:
        """Whether there is something to be reminded of."""
        return await self._writer.glance(lambda c: sql.has_memories(c, tenant=tenant) is not None)

    async def tenants(self) -> tuple[str, ...]:
        """Whoever has memories."""
        return await self._writer.glance(lambda c: tuple(row["tenant"] for row in sql.memory_tenants(c)))

    async def expired(self, tenant: str, until: float, now: float, limit: int) -> tuple[str, ...]:
        """Ids of what is past its own time, or was made before ``until``."""
        return await self._writer.glance(
            lambda c: tuple(
                row["id"] for row in sql.expired_memories(c, tenant=tenant, until=until, now=now, limit=limit)
            )
        )

    async def forget(
        self, tenant: str, forgotten: Sequence[Memory], receipt: Receipt, now: float
    ) -> tuple[Receipt, frozenset[str]]:
        """Remove memories, and their texts from wherever a brain was given them or had proposed them.

        Their index is told by a job.  :meth:`ironclaw.store.Store.empty_log` makes it true of the files.

        :param receipt: with what is known beforehand
        :return: with what was found, and in which workflows: they may have kept a long result in a file
        """

        def unit(c: Connection) -> tuple[Receipt, frozenset[str]]:
            there = [each for each in forgotten if sql.drop_memory(c, tenant=tenant, id=each.id)]
            for each in there:
                memory_jobs.remove(c, tenant, each.id, now)
            places = take_out(c, tenant, _homes(c, tenant, there), now)
            found = replace(receipt, memories=len(there), places=sum(places.values()))
            if there:
                _keep_receipt(c, tenant, found, [each.id for each in there])
            return found, frozenset(places)

        return await self._writer.write(unit, tenant)

    async def searched_by(self, tenant: str, forgotten: Sequence[Memory]) -> frozenset[str]:
        """The workflows whose tools were given some of these: they may have kept a long result in a file."""

        def unit(c: Connection) -> frozenset[str]:
            found = (
                row["workflow_id"]
                for each in forgotten
                for row in list(sql.recalled_in(c, tenant=tenant, memory_id=each.id))
                if row["asked_by"] != PLAN
            )
            return frozenset(map(str, found))

        return await self._writer.read(unit)

    async def receipts(self, tenant: str) -> tuple[Receipt, ...]:
        """What was forgotten, oldest first."""
        return await self._writer.glance(
            lambda c: tuple(
                Receipt(*(row[name] for name in ("id", "at", "actor", "why", "memories", "places", "digest")))
                for row in sql.memory_receipts(c, tenant=tenant)
            )
        )

    async def approvers(self, tenant: str, workflow_id: str, seq: int) -> tuple[str, ...]:
        """The principals whose yes a call of the tenant's has; who they may be is the last gate's to say."""

        def unit(c: Connection) -> tuple[str, ...]:
            row = sql.approval_of_call(c, workflow_id=workflow_id, seq=seq)
            is_given = row is not None and (row["tenant"], row["state"]) == (tenant, "approved")
            said = sql.decisions(c, approval_id=row["id"]) if is_given else ()
            return tuple(each["principal"] for each in said if each["decision"] == "approve")

        return await self._writer.read(unit)


def _known(c: Connection, new: Memory, now: float, is_ours: Seal) -> Memory | None:
    """What says the same to the same people, and is believed as much."""
    found = map(memory_of, list(sql.memories_saying(c, tenant=new.tenant, sha256=new.sha256)))
    good = (each for each in found if _is_as_good(each, new) and each.is_live(now) and is_ours(each))
    return next(good, None)


def _is_as_good(old: Memory, new: Memory) -> bool:
    whom = (new.visibility, new.place, "" if new.visibility is Visibility.EVERYBODY else new.subject_user)
    told = (old.visibility, old.place, "" if old.visibility is Visibility.EVERYBODY else old.subject_user)
    return whom == told and old.text == new.text and (not old.taints or bool(new.taints))


def _supersede(c: Connection, old: Memory, actor: str, now: float) -> None:
    if not sql.supersede_memory(c, tenant=old.tenant, id=old.id, by=old.superseded_by, mac=old.mac):
        raise NotFound("There is no such memory, or another one has taken its place.")
    memory_jobs.remove(c, old.tenant, old.id, now)
    note(c, old.tenant, now, "memory_superseded", actor, memory=old.id)


def _first(
    c: Connection, tenant: str, ids: Iterable[str], most: int, fits: Callable[[Memory], bool]
) -> tuple[Memory, ...]:
    found: list[Memory] = []
    for memory_id in ids:
        row = sql.memory(c, tenant=tenant, id=memory_id)
        if row is not None and fits(memory := memory_of(row)):
            found.append(memory)
        if len(found) == most:
            break
    return tuple(found)


def _every(c: Connection, tenant: str) -> Iterable[Memory]:
    after = (0.0, "")
    while rows := list(sql.memories_of(c, tenant=tenant, after=after[0], after_id=after[1], limit=PAGE)):
        yield from map(memory_of, rows)
        after = (rows[-1]["created_at"], rows[-1]["id"])


def _homes(c: Connection, tenant: str, memories: Iterable[Memory]) -> Mapping[str, set[Words]]:
    """Each workflow that was given some of them, or in which they were made, with what they say."""
    found: defaultdict[str, set[Words]] = defaultdict(set)
    for each in memories:
        words = Words(each.id, each.text)
        for workflow_id in homes_of(c, tenant, words, each.source_ref):
            found[workflow_id].add(words)
    return found


def _keep_receipt(c: Connection, tenant: str, found: Receipt, ids: Collection[str]) -> None:
    counts = {"memories": found.memories, "places": found.places}
    who = {"actor": found.actor, "why": found.why, "digest": found.digest}
    sql.add_memory_receipt(c, tenant=tenant, id=found.id, now=found.at, **who, **counts)
    # A row that a thief has kept and puts back is sealed: by these events it is worth nothing.
    note(c, tenant, found.at, "memories_forgotten", found.actor, why=found.why, **counts)
    for each in sorted(ids):
        note(c, tenant, found.at, "memory_forgotten", found.actor, memory=each)
