"""Many processes on one PostgreSQL: which of them advances a workflow, and for how long.

pgqueuer says who is to look: a job stands in the queue from the very transaction that made a workflow able to
go on, and one whose process has died is given to another.  The lease says who may write: it ends by itself;
whoever takes a workflow over raises its epoch, which every write names.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import structlog
from pgqueuer import QueueManager
from pgqueuer.db import AsyncpgDriver
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from pgqueuer.types import QueueEntrypoint

from ironclaw.dispatcher import stalled
from ironclaw.errors import StoreError
from ironclaw.store import Store
from ironclaw.store.faults import AWAY
from ironclaw.store.reaching import place, said
from ironclaw.store.waiting import line_of, tenant_of
from ironclaw.turns import Gate

log = structlog.get_logger(__name__)

AGAIN = timedelta(seconds=1)  #: Until a job is looked at again whose workflow cannot go on yet.
RECONNECT = 1.0  #: Seconds after which a lost connection to the queue is made anew.
LOOK = timedelta(seconds=5)  #: Between looks into the queue when nobody rings.
BATCH = 10  #: Jobs taken from the queue at a time.
FIRST_LOOK, LAST_LOOK = 0.02, 0.5  #: Seconds between looks at a workflow that somebody waits for.


@dataclass
class _Manager(QueueManager):
    """Takes jobs of those tenants only who could have them done here: the others' stay for other processes.

    A job that waits here for its tenant's turn would take the place of another tenant's.
    """

    with_room: Callable[[Iterable[QueueEntrypoint]], set[QueueEntrypoint]] = set

    def entrypoints_below_capacity_limits(self) -> set[QueueEntrypoint]:
        """The lines of the queue to look into now."""
        return self.with_room(self.entrypoint_registry)


class QueueDispatcher:
    """Advances what pgqueuer gives to this process.

    :param tenants: whom this process serves, now
    :param most: how many workflows of a tenant it works on at once, now
    :param advance: ``Orchestrator.run``, with the epoch of its lease
    :param moved: told when a workflow may have something new to tell
    :param places: workflows that this process works on at once
    :param lease: seconds after which another process takes over, when this one gives no sign of life
    """

    def __init__(
        self,
        url: str,
        store: Store,
        advance: Callable[[str, int], Awaitable[object]],
        moved: Callable[[], None],
        gate: Gate,
        places: int,
        tenants: Callable[[], Iterable[str]],
        most: Callable[[str], int],
        lease: float,
        clock: Callable[[], float],
    ) -> None:
        self._url = url
        self._store = store
        self._advance = advance
        self._moved = moved
        self._gate = gate
        self._places = places
        self._tenants = tenants
        self._most = most
        self._held: Counter[str] = Counter()  #: Jobs that are here, at work or waiting, by tenant.
        self._lines: set[str] = set()
        self._lease = lease
        self._clock = clock
        self.owner = secrets.token_hex(8)  #: This life of this process.
        self._queue: _Manager | None = None
        self._chores: list[asyncio.Task[None]] = []
        self._at_work: dict[asyncio.Task[object], tuple[str, int]] = {}  #: With workflow and epoch.
        self._taking: set[str] = set()  #: Workflows that a job is at.
        self._is_closed = False
        self._is_away = False  #: The queue; the log has said so.

    async def start(self) -> None:
        """Begin to take jobs."""
        self._listen_for(self._tenants())
        self._chores = [asyncio.create_task(chore) for chore in (self._work(), self._live())]

    async def take_up(self) -> None:
        """See that there is a job for all that should go on, also of tenants who have left."""
        self._listen_for([*self._tenants(), *await self._store.leases.open_tenants()])
        if await self._store.leases.announce_idle(self._clock()):
            self._moved()

    def wake(self, workflow_id: str, tenant: str) -> None:
        """Its job is in the queue already, from the transaction that woke it."""
        self._listen_for([tenant])
        self._moved()

    async def rest(self, workflow_id: str) -> None:
        """Return when nobody advances the workflow any more, on any machine."""
        pause = FIRST_LOOK
        while not self._is_closed and await self._store.leases.is_open(workflow_id):
            await asyncio.sleep(pause)
            pause = min(LAST_LOOK, pause * 1.5)

    @property
    def at_work(self) -> tuple[str, ...]:
        """The workflows that are tasks now."""
        return tuple(workflow_id for workflow_id, _ in self._at_work.values())

    async def drain(self, seconds: float) -> None:
        """Take nothing any more, and wait for what runs to come to a rest."""
        self._stop_taking()
        if self._at_work:
            await asyncio.wait(list(self._at_work), timeout=seconds)

    async def close(self) -> None:
        """Cut off what runs; another process goes on with it."""
        self._stop_taking()
        tasks = [*self._at_work, *self._chores]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(StoreError):  # Its leases run out by themselves.
            await self._store.leases.let_go(self.owner)

    def _stop_taking(self) -> None:
        self._is_closed = True
        if self._queue:
            self._queue.shutdown.set()

    async def _work(self) -> None:
        """Take jobs, over a connection of its own, made anew when it is lost."""
        while not self._is_closed:
            try:
                await self._take_jobs()
            except (asyncpg.PostgresError, *AWAY) as error:
                if not self._is_away:
                    log.warning("queue_away", error=said(error, place(self._url)))
                self._is_away = True
            except Exception:
                log.exception("queue_failed")
            if not self._is_closed:
                await asyncio.sleep(RECONNECT)

    async def _take_jobs(self) -> None:
        connection = await asyncpg.connect(self._url)
        self._is_away = False
        try:
            self._queue = _Manager(Queries(AsyncpgDriver(connection)), with_room=self._with_room)
            for line in self._lines:
                self._queue.entrypoint(line)(self._on_job)
            await self._queue.run(
                dequeue_timeout=LOOK,
                batch_size=BATCH,
                heartbeat_timeout=timedelta(seconds=self._lease),
                shutdown_on_listener_failure=True,
            )
        finally:
            with suppress(asyncpg.PostgresError, *AWAY):
                await connection.close(timeout=2)

    def _listen_for(self, tenants: Iterable[str]) -> None:
        """Take jobs of these tenants too; whatever is not finished, `_on_job` asks for again."""
        new = {line_of(tenant) for tenant in tenants} - self._lines
        self._lines |= new
        if self._queue:
            for line in new:
                self._queue.entrypoint(line)(self._on_job)

    def _with_room(self, lines: Iterable[QueueEntrypoint]) -> set[QueueEntrypoint]:
        """Those whose jobs would begin here soon; who waits for a turn of their own fills nobody's place."""
        due = sum(min(held, self._most(tenant)) for tenant, held in self._held.items())
        if due >= 2 * self._places:
            return set()
        return {line for line in lines if self._held[tenant_of(line)] < 2 * self._most(tenant_of(line))}

    async def _on_job(self, job: Job) -> None:
        tenant, workflow_id = tenant_of(job.entrypoint), (job.payload or b"").decode()
        self._held[tenant] += 1
        try:
            async with self._gate.turn(tenant):
                if self._is_closed or not await self._go_on(tenant, workflow_id):
                    raise RetryRequested(AGAIN, "another process works on it, or this one could not")
        finally:
            self._held[tenant] -= 1
            self._held += Counter()  # Nobody is kept who has none.

    async def _go_on(self, tenant: str, workflow_id: str) -> bool:
        """
        :return: False when it should go on and could not
        """
        if workflow_id in self._taking or any(workflow_id == each for each, _ in self._at_work.values()):
            return False  # Its own owner would be given the lease once more.
        now = self._clock()
        self._taking.add(workflow_id)
        try:
            epoch = await self._store.leases.claim(tenant, workflow_id, self.owner, now + self._lease, now)
            if epoch is None:
                return not await self._store.leases.is_held(workflow_id, now)
            return await self._run(workflow_id, epoch)
        except StoreError as error:
            log.warning("workflow_stalled", workflow=workflow_id, error=str(error))
            return False
        finally:
            self._taking.discard(workflow_id)

    async def _run(self, workflow_id: str, epoch: int) -> bool:
        """Work on it in a task of its own, which a lost connection to the queue does not end."""
        task = asyncio.ensure_future(self._advance(workflow_id, epoch))
        self._at_work[task] = (workflow_id, epoch)
        task.add_done_callback(self._at_work.pop)
        try:
            await asyncio.shield(task)
            # What has not come to a rest is for others: this process stops, or may not go on with it.
            is_open = await self._store.leases.is_open(workflow_id)
            return not (is_open and await self._store.leases.release(workflow_id, epoch))
        except Exception as error:  # noqa: BLE001 - the rows are as they were: others go on with it
            stalled(error, workflow_id)
            await self._store.leases.release(workflow_id, epoch)
            return False
        finally:
            self._moved()

    async def _live(self) -> None:
        """Give a sign of life for all that this process works on; what it could not give back runs out."""
        while True:
            await asyncio.sleep(self._lease / 3)
            now = self._clock()
            held = sorted(self._at_work.values())
            try:
                await self._store.leases.extend_leases(held, now + self._lease, now)
            except StoreError as error:
                log.warning("leases_not_extended", error=str(error))
