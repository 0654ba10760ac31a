"""Many processes on one PostgreSQL: which of them advances a workflow, and for how long.

pgqueuer says who is to look: a job stands in the queue from the very transaction that made a workflow able to
go on, and one whose process has died is given to another.  The lease says who may write: it ends by itself;
whoever takes a workflow over raises its epoch, which every write names.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import asyncpg
import structlog
from pgqueuer import PgQueuer
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job

from ironclaw.errors import NotFound, StoreError
from ironclaw.store import Store
from ironclaw.store.postgres import ADVANCE, AWAY
from ironclaw.turns import Gate

log = structlog.get_logger(__name__)

AGAIN = timedelta(seconds=1)  #: Until a job is looked at again whose workflow cannot go on yet.
RECONNECT = 1.0  #: Seconds after which a lost connection to the queue is made anew.
LOOK = timedelta(seconds=5)  #: Between looks into the queue when nobody rings.
BATCH = 10  #: Jobs taken from the queue at a time.
FIRST_LOOK, LAST_LOOK = 0.02, 0.5  #: Seconds between looks at a workflow that somebody waits for.


class QueueDispatcher:
    """Advances what pgqueuer gives to this process.

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
        lease: float,
        clock: Callable[[], float],
    ) -> None:
        self._url = url
        self._store = store
        self._advance = advance
        self._moved = moved
        self._gate = gate
        self._places = places
        self._lease = lease
        self._clock = clock
        self.owner = secrets.token_hex(8)  #: This life of this process.
        self._queue: PgQueuer | None = None
        self._chores: list[asyncio.Task[None]] = []
        self._at_work: set[asyncio.Task[object]] = set()
        self._is_closed = False

    async def start(self) -> None:
        """Begin to take jobs."""
        self._chores = [asyncio.create_task(chore) for chore in (self._work(), self._live())]

    async def take_up(self) -> None:
        """See that there is a job for all that should go on."""
        if await self._store.workflows.announce_idle(self._clock()):
            self._moved()

    def wake(self, workflow_id: str, tenant: str) -> None:
        """Its job is in the queue already, from the transaction that woke it."""
        self._moved()

    async def rest(self, workflow_id: str) -> None:
        """Return when nobody advances the workflow any more, on any machine."""
        pause = FIRST_LOOK
        while not self._is_closed and await self._store.workflows.is_open(workflow_id):
            await asyncio.sleep(pause)
            pause = min(LAST_LOOK, pause * 1.5)

    async def drain(self, seconds: float) -> bool:
        """Take nothing any more, and wait for what runs.

        :return: whether all of it has come to a rest
        """
        self._stop_taking()
        if self._at_work:
            await asyncio.wait(list(self._at_work), timeout=seconds)
        return not self._at_work

    async def close(self) -> None:
        """Cut off what runs; another process goes on with it."""
        self._stop_taking()
        tasks = [*self._at_work, *self._chores]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(StoreError):  # Its leases run out by themselves.
            await self._store.workflows.let_go(self.owner)

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
                log.warning("queue_away", error=type(error).__name__)
            except Exception:
                log.exception("queue_failed")
            if not self._is_closed:
                await asyncio.sleep(RECONNECT)

    async def _take_jobs(self) -> None:
        connection = await asyncpg.connect(self._url)
        try:
            self._queue = PgQueuer.from_asyncpg_connection(connection)
            # What is not finished is not forgotten: the handler asks for the job again.
            self._queue.entrypoint(ADVANCE)(self._on_job)
            await self._queue.run(
                dequeue_timeout=LOOK,
                batch_size=BATCH,
                max_concurrent_tasks=max(2 * BATCH, 2 * self._places),
                heartbeat_timeout=timedelta(seconds=self._lease),
                shutdown_on_listener_failure=True,
            )
        finally:
            with suppress(asyncpg.PostgresError, *AWAY):
                await connection.close(timeout=2)

    async def _on_job(self, job: Job) -> None:
        workflow_id = (job.payload or b"").decode()
        try:
            tenant = await self._store.workflows.tenant_of(workflow_id)
        except NotFound:
            return
        except StoreError as error:
            raise RetryRequested(AGAIN, str(error)) from None
        async with self._gate.turn(tenant):
            if self._is_closed or not await self._go_on(tenant, workflow_id):
                raise RetryRequested(AGAIN, "another process works on it, or this one could not")

    async def _go_on(self, tenant: str, workflow_id: str) -> bool:
        """
        :return: False when it should go on and could not
        """
        now = self._clock()
        try:
            epoch = await self._store.workflows.claim(tenant, workflow_id, self.owner, now + self._lease, now)
            if epoch is None:
                return not await self._store.workflows.is_held(workflow_id, now)
            return await self._run(workflow_id, epoch)
        except StoreError as error:
            log.warning("workflow_stalled", workflow=workflow_id, error=str(error))
            return False

    async def _run(self, workflow_id: str, epoch: int) -> bool:
        """Work on it in a task of its own, which a lost connection to the queue does not end."""
        task = asyncio.ensure_future(self._advance(workflow_id, epoch))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        try:
            await asyncio.shield(task)
            # What has not come to a rest is for others: this process stops, or may not go on with it.
            return not await self._store.workflows.release(workflow_id, epoch)
        except Exception:
            log.exception("workflow_stalled", workflow=workflow_id)
            await self._store.workflows.release(workflow_id, epoch)
            return False
        finally:
            self._moved()

    async def _live(self) -> None:
        """Give a sign of life for all that this process has taken."""
        while True:
            await asyncio.sleep(self._lease / 3)
            now = self._clock()
            try:
                await self._store.workflows.extend_leases(self.owner, now + self._lease, now)
            except StoreError as error:
                log.warning("leases_not_extended", error=str(error))
