"""Second factors, sealed.  Each method is one transaction."""

from __future__ import annotations

from ironclaw.errors import Conflict, NotFound
from ironclaw.store.chain import note
from ironclaw.store.sql import Connection, sql
from ironclaw.store.units import Writer

MAX_FAILURES = 5  #: Wrong codes in a row; then the person waits.
#: Seconds that they wait.  Five guesses each time, of which three in a million are right: one in two years.
PAUSE = 900.0
THERE = "{} has a second factor already. With --replace a new one takes its place, for good."


class Factors:
    """The store of second factors."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def put(
        self, tenant: str, principal: str, sealed: str, actor: str, now: float, *, replace: bool = False
    ) -> None:
        """Keep a person's factor.

        :param replace: in place of the one before
        :raises Conflict: there is one, and nobody said that it may go
        """

        def unit(c: Connection) -> None:
            if not replace and sql.factor(c, tenant=tenant, principal=principal):
                raise Conflict(THERE.format(principal))
            sql.add_tenant(c, id=tenant, now=now)
            sql.put_factor(c, tenant=tenant, principal=principal, sealed=sealed, now=now)
            note(c, tenant, now, "factor_enrolled", actor, person=principal)

        await self._writer.write(unit)

    async def sealed(self, tenant: str, principal: str) -> str | None:
        """The person's sealed factor, or None."""

        def unit(c: Connection) -> str | None:
            row = sql.factor(c, tenant=tenant, principal=principal)
            return row["sealed"] if row else None

        return await self._writer.read(unit)

    async def people(self, tenant: str) -> tuple[str, ...]:
        """Who of a tenant has one."""
        return await self._writer.read(
            lambda c: tuple(row["principal"] for row in sql.factors_of(c, tenant=tenant))
        )

    async def remove(self, tenant: str, principal: str, actor: str, now: float) -> None:
        """
        :raises NotFound: the person has none
        """

        def unit(c: Connection) -> None:
            if not sql.remove_factor(c, tenant=tenant, principal=principal):
                raise NotFound(f"{principal} has no second factor here.")
            note(c, tenant, now, "factor_removed", actor, person=principal)

        await self._writer.write(unit)

    async def attempt(self, tenant: str, principal: str, now: float) -> bool:
        """Count one try before it is looked at, so that many at once are many.

        :return: False when the person has to wait
        """
        return await self._writer.write(
            lambda c: bool(
                sql.try_factor(
                    c, tenant=tenant, principal=principal, now=now, most=MAX_FAILURES, before=now - PAUSE
                )
            )
        )

    async def take(self, tenant: str, principal: str, step: int) -> bool:
        """Use a code up.

        :param step: unix seconds // 30 of the code
        :return: False when it, or a newer one, was used before
        """
        return await self._writer.write(
            lambda c: bool(sql.take_step(c, tenant=tenant, principal=principal, step=step))
        )
