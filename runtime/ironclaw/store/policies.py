"""Which policy was in force: for each tenant, with its changes in the audit."""

from __future__ import annotations

from collections.abc import Iterable

from ironclaw.store.chain import note
from ironclaw.store.sql import Connection, sql
from ironclaw.store.units import Writer


class Policies:
    """The store of policy versions."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def put_in_force(self, tenants: Iterable[str], version: str, now: float) -> bool:
        """Have the tenants' policy be this version from now on.

        :return: whether it was another one for some of them; the first that a tenant has changes nothing
        """

        def unit(c: Connection) -> bool:
            rows = [sql.policy_version(c, tenant=tenant) for tenant in sorted(tenants)]
            others = [row for row in rows if row and row["policy_version"] != version]
            for row in others:
                sql.set_policy_version(c, tenant=row["id"], version=version)
                if row["policy_version"]:
                    note(c, row["id"], now, "policy_changed", "host", was=row["policy_version"], now=version)
            return any(row["policy_version"] for row in others)

        return await self._writer.write(unit)

    async def refused_change(self, tenant: str, principal: str, now: float) -> None:
        """Note that somebody tried to change it through a door."""
        await self._writer.write(lambda c: note(c, tenant, now, "policy_change_denied", principal), tenant)
