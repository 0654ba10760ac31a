"""What servers of the Model Context Protocol list, and which of it people approved."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ironclaw.errors import Conflict
from ironclaw.store.chain import note
from ironclaw.store.looking import is_there, look
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.store.units import Writer

State = Literal["waiting", "approved", "rejected"]


@dataclass(frozen=True, slots=True)
class McpListing:
    """One listing of one server, as it is kept."""

    server: str
    config: str  #: SHA-256 of the server's settings, hex.
    component: str  #: SHA-256 of these and of what the server calls itself.
    manifest: str  #: SHA-256 of the tools.
    about: str  #: What the server calls itself: name and version.
    listing: str  #: The tools, canonical JSON.
    seen_at: float = 0.0
    state: State = "waiting"
    decided_by: str = ""
    decided_at: float = 0.0
    seal: str = ""  #: Of the host's, over all of the above; "" while nobody has decided.
    last_word: float = 0.0  #: When people last decided of the server's tools, by the audit logs.

    @property
    def key(self) -> tuple[str, str, str]:
        """Which one it is."""
        return self.server, self.component, self.manifest

    @property
    def is_outlived(self) -> bool:
        """Whether people said something else since: a thief may put back the row of an old approval."""
        return self.last_word > self.decided_at


class McpTools:
    """The store of listings."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def all(self) -> tuple[McpListing, ...]:
        """Every kept listing, by server, the one that was seen first before the others."""
        return await self._writer.read(_all)

    async def seen(self, row: McpListing, tenants: Collection[str], now: float) -> None:
        """Keep what a server lists now, where it is not kept yet; of it and what was approved alone.

        :param tenants: whose audit logs say that it changed
        """

        def unit(c: Connection) -> None:
            is_new = sql.add_mcp_listing(
                c,
                server=row.server,
                config=row.config,
                component=row.component,
                manifest=row.manifest,
                about=row.about,
                listing=row.listing,
                now=now,
            )
            _drop_others(c, row, is_approved=0)
            if is_new:
                _note(c, tenants, now, "mcp_tools_changed", "host", row)

        await self._writer.write(unit)

    async def decide(self, row: McpListing, tenants: Collection[str]) -> None:
        """Keep a decision; what is approved takes the place of what was.

        :param row: with the decision, who made it, when, and its seal
        :raises Conflict: it is not kept any more
        """

        def unit(c: Connection) -> None:
            decided = sql.decide_mcp_listing(
                c,
                server=row.server,
                component=row.component,
                manifest=row.manifest,
                state=row.state,
                actor=row.decided_by,
                now=row.decided_at,
                seal=row.seal,
            )
            if not decided:
                raise Conflict(f"The tools of {row.server} have changed since they were shown. Look again.")
            if row.state == "approved":
                _drop_others(c, row, is_approved=1)
            _note(c, tenants, row.decided_at, f"mcp_tools_{row.state}", row.decided_by, row)

        await self._writer.write(unit)

    async def lent(self, server: str, tenant: str, secrets: Collection[str], now: float) -> None:
        """Append to the tenant's audit log that a server is given secrets, before it is."""

        def unit(c: Connection) -> None:
            sql.add_tenant(c, id=tenant, now=now)
            note(c, tenant, now, "mcp_secrets_given", "host", server=server, secrets=sorted(secrets))

        await self._writer.write(unit)


def listings_in(path: Path, url: str = "") -> tuple[McpListing, ...]:
    """Every kept listing, beside a bot that runs; nothing where there is no database yet.

    :param url: of the PostgreSQL in the place of SQLite's file
    :raises StoreError: they cannot be read
    """
    return look(path, url, _all) if is_there(path, url) else ()


def _all(c: Connection) -> tuple[McpListing, ...]:
    words: dict[str, float] = {}
    for event in (json.loads(row["event"]) for row in sql.mcp_decisions(c)):
        words[event["server"]] = max(event["at"], words.get(event["server"], 0.0))
    return tuple(_row(row, words.get(row["server"], 0.0)) for row in sql.mcp_listings(c))


def _drop_others(c: Connection, row: McpListing, *, is_approved: int) -> None:
    sql.drop_mcp_listings(
        c, server=row.server, component=row.component, manifest=row.manifest, is_approved=is_approved
    )


def _note(
    c: Connection, tenants: Collection[str], now: float, event: str, actor: str, row: McpListing
) -> None:
    for tenant in sorted(tenants):
        sql.add_tenant(c, id=tenant, now=now)
        digests = {"component": row.component, "manifest": row.manifest}
        note(c, tenant, now, event, actor, server=row.server, about=row.about, **digests)


def _row(row: Row, last_word: float) -> McpListing:
    return McpListing(
        row["server"],
        row["config"],
        row["component"],
        row["manifest"],
        row["about"],
        row["listing"],
        row["seen_at"],
        row["state"],
        row["decided_by"],
        row["decided_at"],
        row["seal"],
        last_word,
    )
