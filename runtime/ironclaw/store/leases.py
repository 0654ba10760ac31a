"""Who works on a workflow, and until when: in the rows, because a process that dies says nothing."""

from __future__ import annotations

from collections.abc import Collection

import structlog

from ironclaw.store import threads
from ironclaw.store.sql import Connection, sql
from ironclaw.store.units import Writer, announce

log = structlog.get_logger(__name__)


class Leases:
    """The store of who works on what.  Each method is one transaction."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def claim(self, tenant: str, workflow_id: str, owner: str, until: float, now: float) -> int | None:
        """Take a workflow that nobody works on and that is the head of its thread.

        :param tenant: the workflow's: its lock keeps this apart from what an earlier owner still writes
        :param owner: this life of this process; what it has without working on it, it may take anew
        :return: the epoch that its writes must name; None where there is nothing to take, or not yet
        """

        def unit(c: Connection) -> tuple[int, bool] | None:
            row = sql.workflow(c, id=workflow_id)
            if row is None or row["tenant"] != tenant:
                return None
            first = threads.head(c, row["tenant"], row["thread"])
            if first and first["id"] != workflow_id:
                return None
            if not sql.claim_workflow(c, id=workflow_id, owner=owner, until=until, now=now):
                return None
            # A lease that was given back is 0.
            return int(row["lease_epoch"]) + 1, row["lease_until"] > 0 and row["lease_owner"] != owner

        epoch, was_others = await self._writer.write(unit, tenant) or (None, False)
        if was_others:
            log.warning("taken_over", tenant=tenant, workflow=workflow_id, epoch=epoch)
        return epoch

    async def open_tenants(self) -> tuple[str, ...]:
        """Whose workflows should be going on."""
        return await self._writer.glance(lambda c: tuple(row["tenant"] for row in sql.open_tenants(c)))

    async def is_open(self, workflow_id: str) -> bool:
        """Whether it is at work, or about to be."""
        return await self._writer.glance(lambda c: sql.open_lease(c, id=workflow_id) is not None)

    async def is_held(self, workflow_id: str, now: float) -> bool:
        """Whether a process works on it, as far as anybody knows."""

        def unit(c: Connection) -> bool:
            row = sql.open_lease(c, id=workflow_id)
            return row is not None and bool(row["lease_until"] > now)

        return await self._writer.glance(unit)

    async def extend_leases(self, held: Collection[tuple[str, int]], until: float, now: float) -> None:
        """Say that a process lives, and works on these.

        :param held: workflows with the epochs of their leases
        """

        def unit(c: Connection) -> None:
            for workflow_id, epoch in held:
                sql.extend_lease(c, id=workflow_id, epoch=epoch, until=until, now=now)

        if held:
            await self._writer.write(unit, "")

    async def release(self, workflow_id: str, epoch: int) -> bool:
        """Let others take what this process could not go on with.

        :return: False where it waits or has ended, or others have it already
        """
        had = await self._writer.write(lambda c: sql.release_workflow(c, id=workflow_id, epoch=epoch), "")
        return bool(had)

    async def let_go(self, owner: str) -> None:
        """Let others take all that a process works on, which stops."""
        await self._writer.write(lambda c: sql.let_leases_go(c, owner=owner), "")

    async def announce_idle(self, now: float) -> int:
        """Put a job into the queue for each workflow that should go on and that nobody works on.

        :return: how many there are
        """

        def unit(c: Connection) -> int:
            idle = [row["id"] for row in sql.idle_workflows(c, now=now)]
            for workflow_id in idle:
                announce(c, workflow_id)
            return len(idle)

        return await self._writer.write(unit, "")
