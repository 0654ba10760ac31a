"""Checks the audit log: one hash chain per tenant, every edit seen."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ironclaw.store import FIRST_LINK, link, reading


@dataclass(frozen=True, slots=True)
class Chain:
    """What the verifier found for one tenant."""

    tenant: str
    events: int  #: Good ones, from the first.
    head: str  #: Hash of the last good event.  Kept elsewhere, it shows a cut tail or an old backup.
    fault: str = ""  #: What is wrong with the event after them; "" when all is well.


def verify(path: Path) -> tuple[Chain, ...]:
    """Walk every tenant's chain.

    A chain alone does not show a cut tail, a rollback, or a rewrite of all of it: compare ``head`` with one
    that was kept outside the database.

    :raises StoreError: there is no database
    """
    with reading(path) as c:
        tenants = [row["tenant"] for row in c.execute("SELECT DISTINCT tenant FROM audit ORDER BY tenant")]
        orphans = c.execute(
            "SELECT count(*) FROM workflows WHERE tenant NOT IN (SELECT tenant FROM audit)"
        ).fetchone()[0]
        chains = tuple(_walk(c, tenant) for tenant in tenants)
    if orphans:
        return (*chains, Chain("", 0, FIRST_LINK, f"{orphans} workflows without any audit event"))
    return chains


def _walk(c: sqlite3.Connection, tenant: str) -> Chain:
    n, prev = 0, FIRST_LINK
    for row in c.execute("SELECT n, event, prev, hash FROM audit WHERE tenant = ? ORDER BY n", (tenant,)):
        fault = _fault(row, n + 1, prev)
        if fault:
            return Chain(tenant, n, prev, fault)
        n, prev = row["n"], row["hash"]
    return Chain(tenant, n, prev)


def _fault(row: sqlite3.Row, n: int, prev: str) -> str:
    if row["n"] != n:
        return f"event {n} is missing"
    if row["prev"] != prev:
        return f"event {n} does not follow the one before it"
    if row["hash"] != link(prev, n, row["event"]):
        return f"event {n} was changed"
    return ""


def events(path: Path, tenant: str) -> Iterator[dict[str, object]]:
    """The tenant's events, oldest first."""
    with reading(path) as c:
        for row in c.execute("SELECT n, event FROM audit WHERE tenant = ? ORDER BY n", (tenant,)):
            yield {"n": row["n"], **json.loads(row["event"])}
