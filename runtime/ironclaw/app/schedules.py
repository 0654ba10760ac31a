"""Tasks that begin by themselves: made by a person, begun by the clock, judged like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from ironclaw.errors import BadRequest, Conflict, NotFound, QueueFull, Refused, Suspended, TryLater
from ironclaw.failpoints import Point, reached
from ironclaw.schedule import Schedule, ScheduleState
from ironclaw.store import Store
from ironclaw.store.schedules import Begun
from ironclaw.store.telling import under
from ironclaw.task import Principal, Task
from ironclaw.tenancy import Tenancy
from ironclaw.timing import Timing
from ironclaw.veto import new_id

log = structlog.get_logger(__name__)

BATCH = 100  #: Schedules that are looked at together.
PATIENCE = 30.0  #: Seconds until what found no room is tried again.
HOST = "host"
GONE = "Its tenant is not served here any more."


class Schedules:
    """What may be asked of the schedules, and the chore that begins what is due.

    :param check: whether a task could be submitted now; raises BadRequest
    :param began: told of each workflow that has begun, with its tenant
    """

    def __init__(
        self,
        store: Store,
        tenancy: Tenancy,
        check: Callable[[Task], None],
        began: Callable[[str, str], None],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._tenancy = tenancy
        self._check = check
        self._began = began
        self._clock = clock

    async def add(self, task: Task, cron: str, zone: str = "") -> Schedule:
        """Have a task begin at each slot from now on, for whoever it is of.

        :param task: its delivery is that of the schedule: the same one makes one
        :param zone: an IANA name; the tenant's own where it is ""
        :raises BadRequest: points to ``/cron``, ``/zone`` or a field of the task
        :raises Refused: the tenant has as many as it may
        """
        self._check(task)
        tenant = self._tenancy.tenant(task.tenant)
        if tenant is None:
            raise NotFound("There is no such tenant here.")
        timing = Timing.read(cron, zone or tenant.zone)
        now = self._clock()
        made = _made(task, timing, now)
        return await self._store.schedules.add(made, task.delivery, tenant.max_schedules, now)

    async def list(self, tenant: str) -> tuple[Schedule, ...]:
        """A tenant's schedules, oldest first, each with what it began last."""
        return await self._store.schedules.of(tenant)

    async def pause(self, principal: Principal, schedule_id: str) -> Schedule:
        """Begin nothing until it is resumed; what runs goes on.

        :raises NotFound: no such schedule of the principal's tenant
        :raises Refused: they neither made it nor are approvers
        :raises Conflict: it is paused
        """
        found = await self._own(principal, schedule_id)
        await self._store.schedules.pause(found, principal.id, self._clock())
        return await self._store.schedules.load(principal.tenant, schedule_id)

    async def resume(self, principal: Principal, schedule_id: str) -> Schedule:
        """Go on with the first slot from now; what came while it was paused was not missed.

        :raises NotFound, Refused: as :meth:`pause`
        :raises BadRequest: its task could not begin any more; says why
        :raises Conflict: it is not paused
        """
        found = await self._own(principal, schedule_id)
        now = self._clock()
        next_at = Timing.read(found.timing.cron, found.timing.zone).after(now)
        self._check(_task(found, new_id()))
        await self._store.schedules.resume(found, principal.id, next_at, now)
        return await self._store.schedules.load(principal.tenant, schedule_id)

    async def remove(self, principal: Principal, schedule_id: str) -> Schedule:
        """Begin nothing any more; what runs goes on.

        :return: as it was
        :raises NotFound, Refused: as :meth:`pause`
        """
        found = await self._own(principal, schedule_id)
        await self._store.schedules.remove(found, principal.id, self._clock())
        return replace(found, state=ScheduleState.REMOVED)

    async def sweep(self) -> None:
        """Begin what is due, each slot once, whichever process comes first."""
        due = await self._store.schedules.due(self._clock(), BATCH)
        await asyncio.gather(*map(self._begin, due))

    async def spot(self, tenant: str, subject: str) -> dict[str, str]:
        """Where the opening of a run stands: channel and ts; empty where it could not be shown.

        :param subject: of the opening: what a place has as ``under``
        :raises TryLater: it is still to be told
        """
        shown = await self._store.outbox.refs(tenant, subject)
        if not shown and await self._store.outbox.is_waiting(tenant, subject):
            raise TryLater("What this stands under is still to be told.")
        return dict(shown[0]) if shown else {}

    async def opened(self, tenant: str, workflow_id: str, thread: str) -> None:
        """A door has shown an opening: the run goes on in this thread."""
        await self._store.schedules.name_thread(tenant, workflow_id, thread)

    # Inside

    async def _own(self, principal: Principal, schedule_id: str) -> Schedule:
        """
        :raises NotFound: no such schedule of the principal's tenant
        :raises Refused: they may not change it
        """
        found = await self._store.schedules.load(principal.tenant, schedule_id)
        asker, maker = (self._tenancy.person(found.tenant, each) for each in (principal.id, found.requester))
        if not principal.is_approver and asker != maker:
            raise Refused("Only who made it, or an approver, can change it.")
        return found

    async def _begin(self, due: Schedule) -> None:
        """One that is due: begun, put off, or paused where it could never begin."""
        if self._tenancy.tenant(due.tenant) is None:
            return await (self._end(due, GONE) if self._tenancy.is_gone(due.tenant) else self._put_off(due))
        if not self._tenancy.serves(due.tenant):
            return await self._put_off(due)
        try:
            timing = Timing.read(due.timing.cron, due.timing.zone)
            self._check(_task(due, new_id()))
        except BadRequest as error:
            # Where its answers cannot go any more, this cannot either.
            return await self._end(due, str(error), tells=error.pointer != "/reply_to")
        try:
            await self._fire(due, timing)
        except (QueueFull, Suspended) as error:
            log.warning("schedule_waits", tenant=due.tenant, schedule=due.id, why=str(error))
            await self._put_off(due)

    async def _put_off(self, due: Schedule) -> None:
        """It waits, and does not stand before what could begin."""
        await self._store.schedules.later(due, self._clock() + PATIENCE)

    async def _fire(self, due: Schedule, timing: Timing) -> None:
        now, workflow_id = self._clock(), new_id()
        missed = timing.count(due.next_at, now) - 1
        begun = Begun(_task(due, workflow_id), workflow_id, missed, timing.after(now))
        if await self._store.schedules.fire(due, begun, self._tenancy.room(due.tenant), now):
            reached(Point.INBOX_COMMITTED)
            self._began(workflow_id, due.tenant)

    async def _end(self, due: Schedule, why: str, *, tells: bool = False) -> None:
        try:
            await self._store.schedules.pause(due, HOST, self._clock(), why, tells=tells)
        except Conflict:
            return  # Somebody else was faster.
        log.warning("schedule_paused", tenant=due.tenant, schedule=due.id, why=why)


def _made(task: Task, timing: Timing, now: float) -> Schedule:
    return Schedule(
        id=new_id(),
        tenant=task.tenant,
        requester=task.requester,
        text=task.text,
        timing=timing,
        door=task.came_by,
        reply_to=task.reply_to,
        tools=task.tools,
        brain=task.brain,
        state=ScheduleState.ACTIVE,
        why="",
        created_at=now,
        next_at=timing.after(now),
    )


def _task(due: Schedule, workflow_id: str) -> Task:
    """What begins now: in a thread of its own, so that no earlier run holds it up."""
    return Task(
        tenant=due.tenant,
        requester=due.requester,
        text=due.text,
        reply_to=under(due.reply_to, workflow_id),
        tools=due.tools,
        brain=due.brain,
        delivery=("schedule", f"{due.id}:{due.next_at:.0f}"),
        door=due.door,
        schedule_id=due.id,
    )
