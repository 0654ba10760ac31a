"""What waits to be told, and the ids that may come only once.  Each method is one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from ironclaw.canonical import canonical_text
from ironclaw.store import rows
from ironclaw.store.chain import note
from ironclaw.store.sql import Connection, sql
from ironclaw.store.units import Writer
from ironclaw.task import Address, ApprovalView, Notice, NoticeKind

#: Doors that read the rows instead of being told.
ANSWERS_WHEN_ASKED = frozenset({"http", "cli"})


class Outbox:
    """The store of what waits to be told."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def refuse(
        self,
        tenant: str,
        address: Address,
        sentence: str,
        subject: str,
        delivery: tuple[str, str] | None,
        now: float,
    ) -> None:
        """Tell somebody that their task was not accepted; once for each delivery."""

        def unit(c: Connection) -> None:
            if delivery and not _first(c, *delivery, now + 24 * 3600):
                return
            tell(c, now, tenant, "", subject, NoticeKind.REFUSAL, address, {"text": sentence})

        await self._writer.write(unit)

    async def due(self, doors: Iterable[str], now: float, limit: int = 100) -> tuple[Notice, ...]:
        """What can be told now at these doors: the newest of each subject.

        :param limit: at most so many for each door
        """
        asked = tuple(doors)
        return await self._writer.read(
            lambda c: tuple(
                rows.notice(row)
                for door in asked
                for row in sql.due_notices(c, door=door, now=now, limit=limit)
            )
        )

    async def next_at(self, doors: Iterable[str]) -> float | None:
        """When the next notice at these doors is due, unix seconds; None when nothing waits."""
        asked = tuple(doors)

        def unit(c: Connection) -> float | None:
            found = (sql.next_notice_at(c, door=door)["at"] for door in asked)
            return min((at for at in found if at is not None), default=None)

        return await self._writer.read(unit)

    async def sent(self, notice: Notice, ref: Mapping[str, str] | None) -> None:
        """It was told; ``ref`` is what the door needs to update it."""
        known = dict(ref) if ref else dict(notice.ref or {})
        column = canonical_text(known) if known else None

        def unit(c: Connection) -> None:
            sql.notice_sent(c, id=notice.id, ref=column)
            sql.older_notices_sent(c, id=notice.id)

        await self._writer.write(unit)

    async def later(self, notice: Notice, at: float) -> None:
        """It could not be told now."""
        await self._writer.write(lambda c: sql.notice_later(c, id=notice.id, next_at=at))

    async def give_up(self, notice: Notice, why: str, now: float) -> None:
        """It cannot be told at all; the audit says so."""

        def unit(c: Connection) -> None:
            sql.notice_given_up(c, id=notice.id)
            detail = {"workflow": notice.workflow_id, "subject": notice.subject, "why": why}
            note(c, notice.tenant, now, "notice_given_up", "host", **detail)

        await self._writer.write(unit)

    async def refs(self, tenant: str, subject: str) -> tuple[Mapping[str, str], ...]:
        """Everywhere a subject was shown, as the doors named it."""
        return await self._writer.read(
            lambda c: tuple(
                json.loads(row["ref"]) for row in sql.shown_refs(c, tenant=tenant, subject=subject)
            )
        )

    async def is_waiting(self, tenant: str, subject: str) -> bool:
        """Whether something of it is still to be told."""
        return await self._writer.read(
            lambda c: sql.waiting_notice(c, tenant=tenant, subject=subject) is not None
        )

    async def copied(
        self, approvals: Iterable[ApprovalView], address: Address, ref: Mapping[str, str]
    ) -> None:
        """Their cards are shown in one more place, whose door need not be told of them as they are now."""
        cards = {each.card: each for each in approvals}
        place = {"door": address.door, "place": canonical_text(dict(address.place))}

        def unit(c: Connection) -> None:
            for card, each in cards.items():
                sql.add_copy(
                    c,
                    tenant=each.tenant,
                    workflow_id=each.workflow_id,
                    subject=f"card:{card}",
                    kind=NoticeKind.CARD.value,
                    body=canonical_text({"card": card}),
                    ref=canonical_text(dict(ref)),
                    **place,
                )

        await self._writer.write(unit)

    async def remember(self, source: str, event_id: str, until: float) -> bool:
        """Note an id that may come only once.

        :return: True the first time
        """
        return await self._writer.write(lambda c: _first(c, source, event_id, until))


def _first(c: Connection, source: str, event_id: str, until: float) -> bool:
    return bool(sql.note_delivery(c, source=source, event_id=event_id, workflow_id=None, kept_until=until))


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


def post_card(
    c: Connection, tenant: str, workflow_id: str, card: str, places: Iterable[Address], now: float
) -> None:
    """Show a card where it was not yet."""
    for place in places:
        tell(c, now, tenant, workflow_id, f"card:{card}", NoticeKind.CARD, place, {"card": card})


def show_card(c: Connection, tenant: str, workflow_id: str, card: str, now: float) -> None:
    """Have every copy of a card drawn anew."""
    subject = f"card:{card}"
    for row in list(sql.card_places(c, subject=subject)):
        tell(c, now, tenant, workflow_id, subject, NoticeKind.CARD, rows.address_of(row), {"card": card})
