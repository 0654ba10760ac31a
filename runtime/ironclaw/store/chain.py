"""The audit chain of each tenant: every change appends to it, in its own transaction."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass

from ironclaw.canonical import canonical_text
from ironclaw.store.sql import Connection, sql

#: The event that names earlier ones which were forgotten: their ``numbers``, or all of them ``until`` one.
FORGETS = "forgets"
FIRST_LINK = "0" * 64  #: What the first audit row of a tenant has before it.


@dataclass(frozen=True, slots=True)
class Head:
    """Where one tenant's audit chain ends."""

    tenant: str
    n: int  #: How many events it has.
    hash: str  #: Of the last one.


def commitment(event: str) -> str:
    """What stands for an event in its chain, and stays when the event itself is forgotten."""
    return hashlib.sha256(event.encode()).hexdigest()


def new_salt() -> str:
    """Without it, whoever guesses what a forgotten event was could see that they are right."""
    return secrets.token_hex(16)


def link(prev: str, n: int, event: str) -> str:
    """The hash of one audit row: over the one before it, its number and its event's commitment.

    The RFC 8785 text of the three, which the standard library writes alike for two strings and a small
    number, and six times as fast.

    :param event: its commitment; of a row of before, which has none, the event itself
    """
    chained = json.dumps([prev, n, event], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(chained.encode()).hexdigest()


def note(c: Connection, tenant: str, at: float, event: str, actor: str, **detail: object) -> None:
    """Append one event to the tenant's audit chain, in the caller's transaction."""
    head = sql.audit_head(c, tenant=tenant)
    n, prev = (head["n"] + 1, head["hash"]) if head else (1, FIRST_LINK)
    body = canonical_text({"at": round(at, 3), "event": event, "actor": actor, "salt": new_salt(), **detail})
    stays = commitment(body)
    hash_ = link(prev, n, stays)
    sql.add_audit(c, tenant=tenant, n=n, event=body, commitment=stays, prev=prev, hash=hash_)


def note_as_before(c: Connection, tenant: str, at: float, event: str, actor: str) -> None:
    """The same in a database of an older version, whose events have no commitments yet."""
    head = sql.audit_head(c, tenant=tenant)
    n, prev = (head["n"] + 1, head["hash"]) if head else (1, FIRST_LINK)
    body = canonical_text({"at": round(at, 3), "event": event, "actor": actor})
    sql.add_audit_as_before(c, tenant=tenant, n=n, event=body, prev=prev, hash=link(prev, n, body))
