"""What waits to be told, and the ids that may come only once.  Each method is one transaction."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ironclaw.canonical import canonical_text
from ironclaw.store import rows
from ironclaw.store.chain import note
from ironclaw.store.model import Flow
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.store.telling import tell
from ironclaw.store.units import Writer
from ironclaw.task import Address, ApprovalView, Notice, NoticeKind


@dataclass(frozen=True, slots=True)
class Outlook:
    """What there is to tell."""

    lanes: tuple[tuple[str, str], ...]  #: Doors and tenants for whom there is something now.
    next_at: float | None  #: When there will be more, unix seconds; None: nothing waits for its time.


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

    async def outlook(self, doors: Iterable[str], now: float) -> Outlook:
        """What could be told at these doors now and nobody is telling, and when there will be more."""
        asked = tuple(doors)

        def unit(c: Connection) -> Outlook:
            found = [
                (door, row) for door in asked for row in sql.outlook(c, door=door, now=now, by=self._life)
            ]
            times = [at for _, row in found for at in (row["next_at"], row["free_at"]) if at is not None]
            lanes = tuple((door, str(row["tenant"])) for door, row in found if row["is_due"])
            return Outlook(lanes, min(times, default=None))

        return await self._writer.glance(unit)

    async def take(self, door: str, tenant: str, now: float, until: float, limit: int) -> tuple[Notice, ...]:
        """Take what is due, before it is told: the newest of each subject and place, in their order.

        What is taken comes to nobody else, here or elsewhere, and nothing older of its subject does.  What
        stands under an opening is not taken with it.

        :param until: when other processes may take what was not finished, unix seconds
        """

        def unit(c: Connection) -> tuple[Notice, ...]:
            asked = {"door": door, "tenant": tenant, "now": now, "by": self._life, "limit": limit}
            taken = _without_what_stands_under(sql.due_notices(c, **asked))
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
        return (await self.outlook(doors, after)).next_at

    async def sent(self, notice: Notice, ref: Mapping[str, str] | None, within: float = 0.0) -> bool:
        """It was told; ``ref`` is what the door needs to update it.

        :param within: seconds that the note may wait for another write
        :return: False where another process has taken it meanwhile: nothing was noted
        """
        known = dict(ref) if ref else dict(notice.ref or {})
        column = canonical_text(known) if known else None

        def unit(c: Connection) -> bool:
            return bool(sql.notice_sent(c, id=notice.id, ref=column, by=self._life))

        return await self._writer.write(unit, notice.tenant, within)

    async def untold(self, notices: Iterable[Notice]) -> None:
        """Give back what was taken, of one tenant, and was not begun."""
        left = tuple(notices)

        def unit(c: Connection) -> None:
            for each in left:
                sql.notice_untold(c, id=each.id, kept=int(each.is_uncertain), by=self._life)

        if left:
            await self._writer.write(unit, left[0].tenant)

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
        return await self._writer.glance(
            lambda c: tuple(
                json.loads(row["ref"]) for row in sql.shown_refs(c, tenant=tenant, subject=subject)
            )
        )

    async def draft_spot(self, flow: Flow) -> Mapping[str, str] | None:
        """Where a workflow's status stands; None where nobody has shown it, or the workflow has moved on."""

        def unit(c: Connection) -> Mapping[str, str] | None:
            subject = f"status:{flow.id}"
            row = sql.draft_spot(c, id=flow.id, version=flow.version, epoch=flow.epoch, subject=subject)
            return dict(json.loads(row["ref"])) if row else None

        return await self._writer.glance(unit)

    async def is_waiting(self, tenant: str, subject: str) -> bool:
        """Whether something of it is still to be told."""
        return await self._writer.glance(
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


def _without_what_stands_under(found: Iterable[Row]) -> list[Row]:
    """Where an opening stands must be noted before anything is told under it."""
    rows_found = list(found)
    opened = {row["workflow_id"] for row in rows_found if row["kind"] == NoticeKind.OPENING.value}
    return [
        row
        for row in rows_found
        if row["workflow_id"] not in opened or row["kind"] == NoticeKind.OPENING.value
    ]


def _first(c: Connection, source: str, event_id: str, until: float) -> bool:
    return bool(sql.note_delivery(c, source=source, event_id=event_id, workflow_id=None, kept_until=until))
