"""Puts what is to be told into the outbox, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ironclaw.canonical import canonical_text
from ironclaw.store.sql import Connection, sql
from ironclaw.task import Address, NoticeKind

#: Doors that read the rows instead of being told.
ANSWERS_WHEN_ASKED = frozenset({"http", "cli", "mcp"})


def tell(
    c: Connection,
    now: float,
    tenant: str,
    workflow_id: str,
    subject: str,
    kind: NoticeKind,
    address: Address,
    body: Mapping[str, object],
) -> None:
    """Put one notice into the outbox, in the caller's transaction."""
    if address.door in ANSWERS_WHEN_ASKED:
        return
    sql.add_notice(
        c,
        tenant=tenant,
        workflow_id=workflow_id,
        subject=subject,
        kind=kind.value,
        door=address.door,
        place=canonical_text(dict(address.place)),
        body=canonical_text(dict(body)),
        now=now,
    )


def opening(workflow_id: str) -> str:
    """The subject of the notice under which all of a workflow stands that opens its thread."""
    return f"opening:{workflow_id}"


def under(address: Address, workflow_id: str) -> Address:
    """Where what stands under it goes."""
    return Address(address.door, {**address.place, "under": opening(workflow_id)})


def post_card(
    c: Connection, tenant: str, workflow_id: str, card: str, places: Iterable[Address], now: float
) -> None:
    """Show a card where it was not yet."""
    for place in places:
        tell(c, now, tenant, workflow_id, f"card:{card}", NoticeKind.CARD, place, {"card": card})


def show_card(c: Connection, tenant: str, workflow_id: str, card: str, now: float) -> None:
    """Have every copy of a card drawn anew."""
    _show_again(c, tenant, workflow_id, f"card:{card}", NoticeKind.CARD, {"card": card}, now)


def show_doubt(c: Connection, tenant: str, workflow_id: str, doubt: str, now: float) -> None:
    """Have every copy of a doubt drawn anew."""
    _show_again(c, tenant, workflow_id, f"doubt:{doubt}", NoticeKind.DOUBT, {"doubt": doubt}, now)


def show_question(c: Connection, tenant: str, workflow_id: str, question: str, now: float) -> None:
    """Have every copy of a question drawn anew."""
    body = {"question": question}
    _show_again(c, tenant, workflow_id, f"question:{question}", NoticeKind.QUESTION, body, now)


def _show_again(
    c: Connection,
    tenant: str,
    workflow_id: str,
    subject: str,
    kind: NoticeKind,
    body: Mapping[str, object],
    now: float,
) -> None:
    sql.show_again(
        c,
        tenant=tenant,
        workflow_id=workflow_id,
        subject=subject,
        kind=kind.value,
        body=canonical_text(dict(body)),
        now=now,
    )
