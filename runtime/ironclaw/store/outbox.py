"""What waits to be told, and the ids that may come only once.  Each method is one transaction."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping

from ironclaw.canonical import canonical_text
from ironclaw.store import rows
from ironclaw.store.chain import note
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.store.units import Writer
from ironclaw.task import Address, ApprovalView, Notice, NoticeKind

#: Doors that read the rows instead of being told.
ANSWERS_WHEN_ASKED = frozenset({"http", "cli"})


class Outbox:
    """The store of what waits to be told."""

    def __init__(self, writer: Writer, *, is_alone: bool = True) -> None:
        """:param is_alone: no other process can have this database"""
        self._writer = writer
        self._is_alone = is_alone
        self._life = secrets.token_hex(8)  #: Of this process.

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

    async def tenants_to_tell(self, doors: Iterable[str], now: float) -> tuple[tuple[str, str], ...]:
        """(door, tenant) of what could be told now and that nobody is telling."""
        asked = tuple(doors)
        return await self._writer.glance(
            lambda c: tuple(
                (door, row["tenant"]) for door in asked for row in sql.tenants_to_tell(c, door=door, now=now)
            )
        )

    async def take(self, door: str, tenant: str, now: float, until: float, limit: int) -> tuple[Notice, ...]:
        """Take what is due, before it is told: the newest of each subject and place, one of each workflow.

        What is taken comes to nobody else, here or elsewhere, and nothing older of its subject does.

        :param until: when other processes may take what was not finished, unix seconds
        """

        def unit(c: Connection) -> tuple[Notice, ...]:
            asked = {"door": door, "tenant": tenant, "now": now, "by": self._life, "limit": limit}
            taken = _one_of_each_workflow(sql.due_notices(c, **asked))
            for row in taken:
                sql.take_notice(c, id=row["id"], by=self._life, until=until, begun=int(now))
            return tuple(rows.notice(row) for row in taken)

        return await self._writer.write(unit, tenant)

    async def take_back(self) -> None:
        """Free what earlier lives of this process took; where others may be, their time has to run out."""
        if self._is_alone:
            await self._writer.write(lambda c: sql.free_notices(c, by=self._life), "")

    async def let_go(self) -> None:
        """Free what this process took and will not finish."""
        await self._writer.write(lambda c: sql.let_notices_go(c, by=self._life), "")

    async def all_due(self, now: float) -> None:
        """Nothing waits any more for a time that was said before."""
        await self._writer.write(lambda c: sql.all_notices_due(c, now=now))

    async def next_at(self, doors: Iterable[str], after: float = 0.0) -> float | None:
        """When the next notice at these doors is due, or free, unix seconds; None when nothing waits.

        :param after: only what is later than this
        """
        asked = tuple(doors)

        def unit(c: Connection) -> float | None:
            due = (sql.next_notice_at(c, door=door, after=after)["at"] for door in asked)
            free = (sql.next_notice_free_at(c, door=door, after=after, by=self._life)["at"] for door in asked)
            return min((at for at in (*due, *free) if at is not None), default=None)

        return await self._writer.read(unit)

    async def sent(self, notice: Notice, ref: Mapping[str, str] | None) -> bool:
        """It was told; ``ref`` is what the door needs to update it.

        :return: False where another process has taken it meanwhile: nothing was noted
        """
        known = dict(ref) if ref else dict(notice.ref or {})
        column = canonical_text(known) if known else None

        def unit(c: Connection) -> bool:
            if not sql.notice_sent(c, id=notice.id, ref=column, by=self._life):
                return False
            sql.older_notices_sent(c, id=notice.id)
            return True

        return await self._writer.write(unit, notice.tenant)

    async def later(self, notice: Notice, at: float, *, is_uncertain: bool) -> None:
        """It could not be told now.

        :param is_uncertain: or it was, and nobody knows
        """
        change = {"id": notice.id, "next_at": at, "kept": int(is_uncertain), "by": self._life}
        await self._writer.write(lambda c: sql.notice_later(c, **change), notice.tenant)

    async def give_up(self, notice: Notice, why: str, now: float) -> None:
        """It cannot be told at all; the audit says so."""

        def unit(c: Connection) -> None:
            if not sql.notice_given_up(c, id=notice.id, by=self._life):
                return
            detail = {"workflow": notice.workflow_id, "subject": notice.subject, "why": why}
            note(c, notice.tenant, now, "notice_given_up", "host", **detail)

        await self._writer.write(unit, notice.tenant)

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


def _one_of_each_workflow(found: Iterable[Row]) -> list[Row]:
    """The first of each: its people read its notices in their order."""
    firsts: dict[str, Row] = {}
    for row in found:
        firsts.setdefault(row["workflow_id"] or f"{row['subject']} {row['place']}", row)
    return list(firsts.values())


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
    subject = f"card:{card}"
    for row in list(sql.card_places(c, subject=subject)):
        tell(c, now, tenant, workflow_id, subject, NoticeKind.CARD, rows.address_of(row), {"card": card})


def show_doubt(c: Connection, tenant: str, workflow_id: str, doubt: str, now: float) -> None:
    """Have every copy of a doubt drawn anew."""
    subject = f"doubt:{doubt}"
    for row in list(sql.card_places(c, subject=subject)):
        tell(c, now, tenant, workflow_id, subject, NoticeKind.DOUBT, rows.address_of(row), {"doubt": doubt})
