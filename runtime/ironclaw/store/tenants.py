"""Which tenants are served, and what is removed of one that is forgotten.  Each method is one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ironclaw.errors import Conflict, NotFound
from ironclaw.store.chain import FORGETS, note
from ironclaw.store.guarding import forgetting
from ironclaw.store.sql import Connection, sql
from ironclaw.store.units import Writer
from ironclaw.task import TenantState

#: Tables with rows of tenants, each before those that it refers to; ``forget_tenant_TABLE`` empties it.
EMPTIED = (
    "inbox",
    "testimonies",
    "doubts",
    "decisions",
    "grants",
    "approvals",
    "tool_calls",
    "messages",
    "model_calls",
    "summaries",
    "recalls",
    "memory_jobs",
    "memory_remains",
    "memories",
    "memory_receipts",
    "questions",
    "outbox",
    "workflows",
    "schedules",
    "secrets",
    "factors",
    "group_members",
    "toolboxes",
    "installations",
)
#: What stays, and why: a new table is in one of the two lists, or a test fails.
KEPT = {
    "tenants": "its id, its state and who changed it: a bot that starts must know that it is forgotten",
    "tenant_receipts": "how much was removed of what",
    "audit": "each event's commitment; the events themselves are emptied",
    "instance": "which database this is",
    "belongings": "which folder and key are its own",
    "schema_version": "of the whole database",
    "mcp_listings": "what servers of the operator's list",
}
EVENTS = "audit events"
OLD_EVENTS = "audit events that stay: from before version 8, whose chain is over the events themselves"


@dataclass(frozen=True, slots=True)
class TenantRow:
    """What the database says of a tenant."""

    state: TenantState
    changed_by: str  #: "" for nobody yet.
    changed_at: float  #: Unix seconds; 0 for never.


class Tenants:
    """The store of who is served."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def states(self) -> dict[str, TenantState]:
        """Of every tenant that was ever here."""
        found = await self._writer.glance(sql.tenant_states)
        return {row["id"]: TenantState(row["state"]) for row in found}

    async def row(self, tenant: str) -> TenantRow:
        """
        :raises NotFound: no such tenant was ever here
        """
        row = await self._writer.glance(lambda c: sql.tenant_state(c, tenant=tenant))
        if row is None:
            raise NotFound("There is no such tenant.")
        return TenantRow(TenantState(row["state"]), row["changed_by"], row["changed_at"])

    async def change(self, tenant: str, was: TenantState, state: TenantState, actor: str, now: float) -> None:
        """From the one state to the other, said in the audit log.

        :raises Conflict: it is not in the state ``was``
        """

        def unit(c: Connection) -> None:
            changed = sql.set_tenant_state(
                c, tenant=tenant, was=was.value, state=state.value, by=actor, now=now
            )
            if not changed:
                raise Conflict(f"The tenant {tenant} is not {was.value} any more: look with tenant show.")
            note(c, tenant, now, EVENT_OF[was, state], actor)

        await self._writer.write(unit, tenant)

    async def note_settings(self, tenant: str, event: str, actor: str, now: float, detail: object) -> None:
        """Say in the audit log what a running bot has taken up of the settings."""
        await self._writer.write(lambda c: note(c, tenant, now, event, actor, settings=detail), tenant)

    async def counts(self, tenant: str, since: float) -> dict[str, int]:
        """What a tenant has, and what its models used.

        :param since: of the use, unix seconds
        """

        def unit(c: Connection) -> dict[str, int]:
            found, used = sql.tenant_counts(c, tenant=tenant), sql.tenant_usage(c, tenant=tenant, since=since)
            names = ("open", "waiting", "schedules", "secrets", "memories", "events")
            usage = ("requests", "tokens_in", "tokens_out", "micros")
            return {name: found[name] for name in names} | {name: used[name] for name in usage}

        return await self._writer.read(unit)

    async def open_ids(self, tenant: str) -> tuple[str, ...]:
        """What of it has not ended."""
        rows = await self._writer.glance(lambda c: sql.tenant_open(c, tenant=tenant))
        return tuple(row["id"] for row in rows)

    async def is_told(self, tenant: str) -> bool:
        """Whether nothing waits for a door to show it."""
        return await self._writer.glance(lambda c: sql.tenant_notice(c, tenant=tenant) is None)

    async def at_work(self, tenant: str, now: float) -> frozenset[str]:
        """What of it processes hold a lease of."""
        rows = await self._writer.glance(lambda c: sql.tenant_open(c, tenant=tenant))
        return frozenset(row["id"] for row in rows if row["lease_until"] > now)

    async def empty(self, tenant: str, table: str) -> None:
        """Remove a tenant's rows of one of the tables, and have the receipt say how many there were.

        :raises Conflict: it is not being forgotten
        """

        def unit(c: Connection) -> None:
            _check_forgetting(c, tenant)
            _empty(c, tenant, table)

        await self._writer.write(unit, tenant)

    async def empty_events(self, tenant: str, now: float) -> None:
        """Forget the events of its audit log, whose commitments stay.

        :raises Conflict: it is not being forgotten
        """

        def unit(c: Connection) -> None:
            _check_forgetting(c, tenant)
            with forgetting(c):  # On the thread that prepares the statement.
                sql.add_receipt(c, tenant=tenant, what=EVENTS, removed=sql.forget_events(c, tenant=tenant))
            head = sql.audit_head(c, tenant=tenant)
            if head:
                note(c, tenant, now, FORGETS, "host", until=head["n"])
            left = sql.tenant_counts(c, tenant=tenant)["uncommitted"]
            sql.set_receipt(c, tenant=tenant, what=OLD_EVENTS, removed=left)

        await self._writer.write(unit, tenant)

    async def note_removed(self, tenant: str, what: str, removed: int) -> None:
        """Have the receipt say what was removed elsewhere."""
        await self._writer.write(
            lambda c: sql.add_receipt(c, tenant=tenant, what=what, removed=removed), tenant
        )

    async def end(self, tenant: str, actor: str, now: float) -> None:
        """It is forgotten: its audit log says so, as its last event, and of how much.

        :raises Conflict: it is not being forgotten
        """

        def unit(c: Connection) -> None:
            _check_forgetting(c, tenant)
            for table in EMPTIED:  # Of whoever did not know yet.
                _empty(c, tenant, table)
            states = {"was": TenantState.FORGETTING.value, "state": TenantState.FORGOTTEN.value}
            sql.set_tenant_state(c, tenant=tenant, by=actor, now=now, **states)
            note(c, tenant, now, "tenant_forgotten", actor, removed=_receipt(c, tenant))

        await self._writer.write(unit, tenant)

    async def receipt(self, tenant: str) -> dict[str, int]:
        """How much was removed of what; {} where nothing was."""
        return await self._writer.glance(lambda c: _receipt(c, tenant))

    async def return_(self, tenant: str, actor: str, now: float) -> None:
        """Serve one again that was forgotten: with nothing, as a new one.

        :raises Conflict: it was not
        """
        await self.change(tenant, TenantState.FORGOTTEN, TenantState.ACTIVE, actor, now)
        await self._writer.write(lambda c: sql.drop_receipt(c, tenant=tenant), tenant)


EVENT_OF: Mapping[tuple[TenantState, TenantState], str] = {
    (TenantState.ACTIVE, TenantState.SUSPENDED): "tenant_suspended",
    (TenantState.SUSPENDED, TenantState.ACTIVE): "tenant_resumed",
    (TenantState.SUSPENDED, TenantState.FORGETTING): "tenant_forgetting",
    (TenantState.FORGOTTEN, TenantState.ACTIVE): "tenant_begun_anew",
}


def _check_forgetting(c: Connection, tenant: str) -> None:
    """Nothing is removed of a tenant that may still be served.

    :raises Conflict: it is not being forgotten
    """
    row = sql.tenant_state(c, tenant=tenant)
    if row is None or row["state"] != TenantState.FORGETTING.value:
        raise Conflict("The tenant is not being forgotten. Nothing was removed.")


def _empty(c: Connection, tenant: str, table: str) -> None:
    removed = getattr(sql, f"forget_tenant_{table}")(c, tenant=tenant)
    sql.add_receipt(c, tenant=tenant, what=f"rows of {table}", removed=removed)


def _receipt(c: Connection, tenant: str) -> dict[str, int]:
    return {row["what"]: row["removed"] for row in sql.receipt(c, tenant=tenant)}
