"""What forgotten memories said and a workflow still held: taken out once it has ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from ironclaw.store.erasing import take_out
from ironclaw.store.sql import Connection, sql
from ironclaw.store.units import Writer
from ironclaw.store.wording import Words


class MemoryRemains:
    """The store of them.  Each may be done again after a crash."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def to_settle(self) -> tuple[str, ...]:
        """Tenants some of whose workflows held what was forgotten and have ended."""
        return await self._writer.glance(
            lambda c: tuple(str(row["tenant"]) for row in sql.remains_tenants(c))
        )

    async def take_out(self, tenant: str, now: float) -> frozenset[str]:
        """Take it out of those that have ended, and of who was told of it since.

        :return: the workflows; :meth:`drop` them when their files have nothing of it either
        """

        def unit(c: Connection) -> frozenset[str]:
            found: defaultdict[str, set[Words]] = defaultdict(set)
            for row in list(sql.remains_to_settle(c, tenant=tenant)):
                found[str(row["workflow_id"])].add(Words(row["memory_id"], row["text"]))
            return frozenset(found).union(take_out(c, tenant, found, now))

        return await self._writer.write(unit, tenant)

    async def drop(self, tenant: str, workflow_ids: Collection[str]) -> None:
        """Nothing of it is left there."""

        def unit(c: Connection) -> None:
            for each in sorted(workflow_ids):
                sql.drop_remains(c, tenant=tenant, workflow_id=each)

        await self._writer.write(unit, tenant)
