"""Checks the audit log: one hash chain per tenant, every edit seen."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ironclaw.audit.kept import Checkpoint
from ironclaw.store import FIRST_LINK, commitment, link, look
from ironclaw.store.chain import FORGETS
from ironclaw.store.sql import Connection, Row, sql

PAGE = 1000  #: Events that are read at a time.
FIRST = -(2**63)  #: The least number that an event could claim.
BACKWARDS = 5.0  #: Seconds: events that were written together may be that far out of order.

Kept = dict[int, Checkpoint]  #: What is known of one tenant's chain from elsewhere, by the event's number.


@dataclass(frozen=True, slots=True)
class Chain:
    """What the verifier found for one tenant."""

    tenant: str
    events: int  #: Good ones, from the first.
    head: str  #: Hash of the last good event.  Kept elsewhere, it shows a cut tail or an old backup.
    fault: str = ""  #: What is wrong with the event after them; "" when all is well.
    set_back: int = 0  #: How often the clock went backwards; the order of events does not depend on it.
    forgotten: int = 0  #: Good ones of which only the commitment is left.


def verify(path: Path, kept: Iterable[Checkpoint] = (), url: str = "") -> tuple[Chain, ...]:
    """Walk every tenant's chain.

    A chain alone does not show a cut tail, a rollback, or a rewrite of all of it: ``kept`` does.

    :param kept: heads that were kept outside the database
    :param url: of the PostgreSQL in the place of SQLite's file
    :raises StoreError: there is no database, or it cannot be read
    """
    expected: dict[str, Kept] = {}
    for each in kept:
        expected.setdefault(each.head.tenant, {})[each.head.n] = each
    return look(path, url, lambda c: _verified(c, expected))


def events(path: Path, tenant: str, url: str = "") -> Iterator[dict[str, object]]:
    """The tenant's events that are not forgotten, oldest first.

    :raises StoreError: there is no database, or it cannot be read
    """
    for row in look(path, url, lambda c: list(_rows(c, tenant))):
        if row["event"]:
            yield {"n": row["n"], **json.loads(row["event"])}


def _verified(c: Connection, expected: Mapping[str, Kept]) -> tuple[Chain, ...]:
    if isinstance(c, sqlite3.Connection):  # What such a file holds is not believed to be text.
        c.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    tenants = {row["tenant"] for row in sql.audit_tenants(c)} | expected.keys()
    chains = tuple(_walk(c, tenant, expected.get(tenant, {})) for tenant in sorted(tenants))
    if orphans := sql.orphan_workflows(c)["there"]:
        return (*chains, Chain("", 0, FIRST_LINK, f"{orphans} workflows without any audit event"))
    return chains


def _rows(c: Connection, tenant: str) -> Iterator[Row]:
    """A tenant's events, a page at a time: a chain may be longer than memory."""
    since = FIRST
    while rows := list(sql.audit_page(c, tenant=tenant, since=since, limit=PAGE)):
        yield from rows
        since = rows[-1]["n"] + 1


@dataclass(slots=True)
class _Walk:
    n: int = 0
    head: str = FIRST_LINK
    at: float = 0.0
    set_back: int = 0
    forgotten: int = 0
    emptied: set[int] = field(
        default_factory=set
    )  #: Those of which no later event has said that they should be.
    missed: Kept = field(default_factory=dict)

    def chain(self, tenant: str, fault: str = "") -> Chain:
        return Chain(tenant, self.n, self.head, fault, self.set_back, self.forgotten)

    def step(self, row: Row) -> str:
        """Go on to the next event.

        :return: why that is not possible, or ""
        """
        fault = _fault(row, self.n + 1, self.head)
        kept = self.missed.pop(self.n + 1, None)
        if not fault and kept and kept.head.hash != row["hash"]:
            fault = (
                f"event {self.n + 1} is not the one of {_when(kept)}: the log was rewritten or rolled back"
            )
        if not fault:
            self.n, self.head = row["n"], row["hash"]
            self._look_at(row["event"])
        return fault

    def _look_at(self, event: str) -> None:
        if not event:
            self.forgotten += 1
            self.emptied.add(self.n)
            return
        self.emptied -= _forgets(event, self.emptied)
        at = _time(event) or 0.0
        self.set_back += at < self.at - BACKWARDS
        self.at = at


def _walk(c: Connection, tenant: str, expected: Kept) -> Chain:
    walk = _Walk(missed=dict(expected))
    for row in _rows(c, tenant):
        if fault := walk.step(row):
            return walk.chain(tenant, fault)
    if walk.missed:
        last = max(walk.missed)
        gone = f"event {last} of {_when(walk.missed[last])} is gone: the log was cut or rolled back"
        return walk.chain(tenant, gone)
    if walk.emptied:
        return walk.chain(tenant, f"event {min(walk.emptied)} was emptied, and nobody was to forget it")
    return walk.chain(tenant)


def _forgets(event: str, emptied: set[int]) -> set[int]:
    """Which of the emptied events before it this one says were to be forgotten."""
    if f'"event":"{FORGETS}"' not in event:
        return set()
    said = json.loads(event)
    if said["event"] != FORGETS:
        return set()
    until, numbers = said.get("until", 0), said.get("numbers", [])
    return {n for n in emptied if n <= until or n in numbers}


def _fault(row: Row, n: int, prev: str) -> str:
    if row["n"] != n:
        return f"event {n} is missing"
    if row["prev"] != prev:
        return f"event {n} does not follow the one before it"
    try:
        is_same = _is_same(row, n, prev)
    except (TypeError, ValueError, AttributeError):  # Not text, or not UTF-8: no event of ours.
        is_same = False
    if not is_same:
        return f"event {n} was changed"
    is_ours = row["event"] == "" or _time(row["event"]) is not None
    return "" if is_ours else f"event {n} is no event of ours"


def _is_same(row: Row, n: int, prev: str) -> bool:
    """Whether it is what the chain was made of, as far as it is still there."""
    event, stays = row["event"], row["commitment"]
    if not stays:
        return bool(event and row["hash"] == link(prev, n, event))
    is_event = event == "" or stays == commitment(event)
    return bool(is_event and row["hash"] == link(prev, n, stays))


def _time(event: str) -> float | None:
    """When it happened, unix seconds; None where the text is not an event."""
    try:
        at = json.loads(event)["at"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return at if isinstance(at, float | int) else None


def _when(kept: Checkpoint) -> str:
    if not kept.at:
        return "the expected head"
    return f"the checkpoint of {datetime.fromtimestamp(kept.at, UTC):%Y-%m-%d %H:%M:%S} UTC"
