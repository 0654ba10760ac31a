"""Schedules: what begins by itself.  Each method is one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from ironclaw.canonical import canonical_text
from ironclaw.capabilities import Room
from ironclaw.errors import Conflict, NotFound, Refused
from ironclaw.schedule import Schedule, ScheduleState
from ironclaw.store import rows
from ironclaw.store.accepting import add_task, delivered
from ironclaw.store.chain import note
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.store.telling import opening, tell
from ironclaw.store.units import Writer
from ironclaw.store.unreadable import can_read
from ironclaw.task import Address, NoticeKind, Task
from ironclaw.timing import Timing

log = structlog.get_logger(__name__)
TOO_FAR = (
    60.0  #: Seconds: nothing is put off for longer, so a later time was written by a clock that was wrong.
)


@dataclass(frozen=True, slots=True)
class Begun:
    """One run as it begins."""

    task: Task
    workflow_id: str
    missed: int  #: Slots before the one that begins now, for which nobody was there.
    next_at: float  #: The slot after it.


class Schedules:
    """The store of what begins by itself."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def add(self, made: Schedule, delivery: tuple[str, str] | None, most: int, now: float) -> Schedule:
        """Keep a new one.

        :param delivery: (source, event id) of what asked for it: the same pair is one schedule
        :param most: how many its tenant may have
        :return: the one of this delivery
        :raises Refused: the tenant has too many
        :raises NotFound: that of the delivery has been removed
        """
        return await self._writer.write(lambda c: _add(c, made, delivery, most, now), made.tenant)

    async def load(self, tenant: str, schedule_id: str) -> Schedule:
        """
        :raises NotFound: no such schedule of this tenant
        """
        return await self._writer.read(lambda c: _load(c, tenant, schedule_id))

    async def of(self, tenant: str) -> tuple[Schedule, ...]:
        """The tenant's, oldest first."""
        return await self._writer.read(lambda c: _readable(c, sql.schedules_of(c, tenant=tenant)))

    async def due(self, now: float, limit: int) -> tuple[Schedule, ...]:
        """What should begin now, longest overdue first."""
        return await self._writer.read(
            lambda c: _readable(c, sql.due_schedules(c, now=now, latest=now + TOO_FAR, limit=limit))
        )

    async def fire(self, due: Schedule, begun: Begun, room: Room, now: float) -> bool:
        """Begin its task and go on to the next slot.

        :param due: as it was read
        :return: False when another process was faster, somebody paused it, or this slot had begun before
        :raises QueueFull: there is no room for it; nothing changed
        """
        return await self._writer.write(lambda c: _fire(c, due, begun, room, now), due.tenant)

    async def later(self, due: Schedule, until: float) -> None:
        """It could not begin now."""
        await self._writer.write(
            lambda c: sql.schedule_later(c, id=due.id, was=due.next_at, until=until), due.tenant
        )

    async def pause(
        self, found: Schedule, actor: str, now: float, why: str = "", *, tells: bool = False
    ) -> None:
        """
        :param why: the host's sentence, where it was the host
        :param tells: whether the sentence goes where its answers go
        :raises Conflict: it is not active
        """
        await self._writer.write(lambda c: _pause(c, found, actor, now, why, tells=tells), found.tenant)

    async def resume(self, found: Schedule, actor: str, next_at: float, now: float) -> None:
        """
        :raises Conflict: it is not paused
        """

        def unit(c: Connection) -> None:
            if not sql.resume_schedule(c, id=found.id, tenant=found.tenant, next_at=next_at):
                raise Conflict("It is not paused.")
            note(c, found.tenant, now, "schedule_resumed", actor, schedule=found.id)

        await self._writer.write(unit, found.tenant)

    async def remove(self, found: Schedule, actor: str, now: float) -> None:
        """
        :raises NotFound: somebody else did before
        """

        def unit(c: Connection) -> None:
            if not sql.remove_schedule(c, id=found.id, tenant=found.tenant):
                raise NotFound("There is no such schedule.")
            note(c, found.tenant, now, "schedule_removed", actor, schedule=found.id)

        await self._writer.write(unit, found.tenant)

    async def name_thread(self, tenant: str, workflow_id: str, thread: str) -> None:
        """Its opening stands: what is said under it belongs to the same conversation."""
        await self._writer.write(
            lambda c: sql.name_thread(c, id=workflow_id, tenant=tenant, thread=thread), tenant
        )


def _add(c: Connection, made: Schedule, delivery: tuple[str, str] | None, most: int, now: float) -> Schedule:
    known = delivered(c, delivery, made.id, now)
    if known != made.id:
        return _load(c, made.tenant, known)
    if sql.schedule_count(c, tenant=made.tenant)["there"] >= most:
        raise Refused(f"This tenant has {most} schedules, the most that it may have. Remove one first.")
    sql.add_schedule(
        c,
        id=made.id,
        tenant=made.tenant,
        requester=made.requester,
        cron=made.timing.cron,
        zone=made.timing.zone,
        text=made.text,
        door=made.door,
        reply_door=made.reply_to.door,
        place=canonical_text(dict(made.reply_to.place)),
        brain=made.brain,
        tools=None if made.tools is None else json.dumps(made.tools),
        next_at=made.next_at,
        now=now,
    )
    detail = {"cron": made.timing.cron, "zone": made.timing.zone, "door": made.door, "text": made.text}
    note(c, made.tenant, now, "schedule_added", made.requester, schedule=made.id, **detail)
    return made


def _fire(c: Connection, due: Schedule, begun: Begun, room: Room, now: float) -> bool:
    if not sql.take_slot(c, id=due.id, was=due.next_at, next_at=begun.next_at):
        return False
    if delivered(c, begun.task.delivery, begun.workflow_id, now) != begun.workflow_id:
        return False  # The clock has gone back since: this slot had its run.
    body = {"text": due.text, "by": due.requester, "missed": begun.missed}
    subject = opening(begun.workflow_id)
    tell(c, now, due.tenant, begun.workflow_id, subject, NoticeKind.OPENING, due.reply_to, body)
    add_task(c, begun.task, begun.workflow_id, now, room)
    sql.schedule_fired(c, id=due.id, workflow_id=begun.workflow_id, missed=begun.missed, now=now)
    detail = {"workflow": begun.workflow_id, "slot": due.next_at, "missed": begun.missed}
    note(c, due.tenant, now, "schedule_fired", "host", schedule=due.id, **detail)
    return True


def _pause(c: Connection, found: Schedule, actor: str, now: float, why: str, *, tells: bool) -> None:
    if not sql.pause_schedule(c, id=found.id, tenant=found.tenant, why=why):
        raise Conflict("It is not active.")
    note(c, found.tenant, now, "schedule_paused", actor, schedule=found.id, why=why)
    if tells:
        sentence = f"A schedule is paused: {why} Its task: {found.text}"
        subject = f"schedule:{found.id}:{now}"
        tell(c, now, found.tenant, "", subject, NoticeKind.REFUSAL, found.reply_to, {"text": sentence})


def _load(c: Connection, tenant: str, schedule_id: str) -> Schedule:
    row = sql.schedule(c, id=schedule_id, tenant=tenant)
    if row is None:
        raise NotFound("There is no such schedule.")
    return _schedule(c, row)


def _readable(c: Connection, found: Sequence[Row]) -> tuple[Schedule, ...]:
    """Those that are as we write them: one that somebody edited holds up no other."""
    good = [row for row in found if can_read(partial(_schedule, c, row))]
    for row in found:
        if row not in good:
            log.error("schedule_unreadable", schedule=row["id"], tenant=row["tenant"])
    return tuple(_schedule(c, row) for row in good)


def _schedule(c: Connection, row: Row) -> Schedule:
    last = sql.workflow(c, id=row["last_workflow"]) if row["last_workflow"] else None
    return Schedule(
        id=row["id"],
        tenant=row["tenant"],
        requester=row["requester"],
        text=row["text"],
        timing=Timing(row["cron"], row["zone"]),
        door=row["door"],
        reply_to=Address(row["reply_door"], json.loads(row["place"])),
        tools=None if row["tools"] is None else tuple(json.loads(row["tools"])),
        brain=row["brain"],
        state=ScheduleState(row["state"]),
        why=row["why"],
        created_at=row["created_at"],
        next_at=row["next_at"],
        last_at=row["last_at"],
        missed=row["missed"],
        last=rows.workflow_view(last) if last else None,
    )
