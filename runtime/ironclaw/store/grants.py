"""Grants: what is remembered of a yes.  Each method is one transaction."""

from __future__ import annotations

import json

from ironclaw.canonical import canonical_text
from ironclaw.errors import Conflict, NotFound
from ironclaw.store import rows
from ironclaw.store.chain import note
from ironclaw.store.model import CallRow, Flow, GrantUse, SealedGrant
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.store.transitions import note_call, one
from ironclaw.store.units import Writer
from ironclaw.task import Address, GrantView
from ironclaw.terms import GrantScope


class Grants:
    """The store of what is remembered."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def live(self, tenant: str, now: float, tool: str | None = None) -> tuple[SealedGrant, ...]:
        """What could still be used, newest first.  Whether a seal is genuine is the veto's to say.

        :param tool: None for every tool
        """
        return await self._writer.glance(
            lambda c: tuple(_sealed(row) for row in sql.live_grants(c, tenant=tenant, now=now, tool=tool))
        )

    async def is_as_told(self, grant: GrantView) -> bool:
        """Whether the audit chain knows as many uses of it as its row, and no end: a row may be of before."""

        def unit(c: Connection) -> bool:
            told = [json.loads(row["event"])["event"] for row in _told(c, grant)]
            return "grant_revoked" not in told and told.count("grant_used") == grant.used

        return await self._writer.read(unit)

    async def view(self, tenant: str, grant_id: str) -> GrantView:
        """
        :raises NotFound: no such grant of this tenant
        """

        def unit(c: Connection) -> GrantView:
            row = sql.grant(c, tenant=tenant, id=grant_id)
            if row is None:
                raise NotFound("There is no such grant.")
            return _sealed(row).view

        return await self._writer.read(unit)

    async def asked_from(self, workflow_id: str) -> Address:
        """Where a workflow was asked for: the door that it came in by, and the place that it speaks in.

        :raises NotFound: no such workflow
        """

        def unit(c: Connection) -> Address:
            row = sql.workflow(c, id=workflow_id)
            if row is None:
                raise NotFound("There is no such workflow.")
            return rows.address_of(row)

        return await self._writer.read(unit)

    async def revoke(self, grant: GrantView, by: str, now: float) -> None:
        """From now on it covers nothing.

        :raises Conflict: it was revoked before
        """

        def unit(c: Connection) -> None:
            if not sql.revoke_grant(c, id=grant.id, tenant=grant.tenant, now=now):
                raise Conflict("This grant was revoked already.")
            _note(c, grant, "grant_revoked", by, now)

        await self._writer.write(unit, grant.tenant)


def add(c: Connection, sealed: SealedGrant, now: float) -> None:
    """Remember a yes, in the transaction that writes it."""
    grant = sealed.view
    sql.add_grant(
        c,
        id=grant.id,
        tenant=grant.tenant,
        scope=grant.scope.value,
        workflow_id=grant.workflow_id,
        tool=grant.tool,
        requester=grant.requester,
        place=grant.place,
        hosts=canonical_text(sorted(grant.hosts)),
        taint=canonical_text(sorted(grant.taint)),
        args_sha256=grant.args_sha256,
        component_sha256=grant.component_sha256,
        manifest_sha256=grant.manifest_sha256,
        approval_id=grant.approval_id,
        granted_by=grant.granted_by,
        created_at=grant.created_at,
        expires_at=grant.expires_at,
        max_uses=grant.max_uses,
        mac=sealed.mac,
    )
    _note(c, grant, "grant_made", grant.granted_by, now)


def use(c: Connection, flow: Flow, call: CallRow, spent: GrantUse, now: float) -> None:
    """Count one use, in the transaction that spends the call's ticket.

    :raises Conflict: it was used or revoked since it was read, or nothing is left of it
    """
    one(sql.use_grant(c, id=spent.grant.view.id, was=spent.grant.mac, mac=spent.mac, now=now))
    note_call(c, flow, call, "grant_used", now, grant=spent.grant.view.id, use=spent.grant.view.used + 1)


def _note(c: Connection, grant: GrantView, event: str, actor: str, now: float) -> None:
    detail = {
        "grant": grant.id,
        "approval": grant.approval_id,
        "workflow": grant.workflow_id,
        "scope": grant.scope.value,
        "tool": grant.tool,
    }
    note(c, grant.tenant, now, event, actor, **detail)


def _told(c: Connection, grant: GrantView) -> list[Row]:
    return list(sql.events_of_grant(c, tenant=grant.tenant, grant=grant.id))


def _sealed(row: Row) -> SealedGrant:
    view = GrantView(
        id=row["id"],
        tenant=row["tenant"],
        scope=GrantScope(row["scope"]),
        workflow_id=row["workflow_id"],
        tool=row["tool"],
        requester=row["requester"],
        place=row["place"],
        hosts=frozenset(json.loads(row["hosts"])),
        taint=frozenset(json.loads(row["taint"])),
        args_sha256=row["args_sha256"],
        component_sha256=row["component_sha256"],
        manifest_sha256=row["manifest_sha256"],
        approval_id=row["approval_id"],
        granted_by=row["granted_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        max_uses=row["max_uses"],
        used=row["used"],
        revoked_at=row["revoked_at"],
    )
    return SealedGrant(view, row["mac"])
