"""Nobody has decided or answered: a reminder; or other groups count too.  Each method is one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from ironclaw.store import rows
from ironclaw.store.chain import note
from ironclaw.store.sql import Connection, sql
from ironclaw.store.telling import post_card, show_card, tell
from ironclaw.store.units import Writer
from ironclaw.store.unreadable import readable_questions
from ironclaw.task import Address, ApprovalView, NoticeKind, QuestionView

TOGETHER = 60.0  #: Seconds: what of one card expires so soon after is reminded of with it.


class Reminders:
    """The store of what is told to people who have not decided, or not answered."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def due(self, now: float, least: float) -> tuple[ApprovalView, ...]:
        """Reviews to remind of: a tenth of their wait is left, or ``least`` seconds where that is more.

        :param least: whoever waits less than twice as long is not reminded of at all
        """
        return await self._writer.read(
            lambda c: rows.load_approvals(c, sql.to_remind(c, now=now, least=least))
        )

    async def remind(self, approval: ApprovalView, now: float) -> bool:
        """Tell everywhere its card is that it waits.

        :return: False when somebody was reminded of it already, or it waits no more
        """
        return await self._writer.write(lambda c: _remind(c, approval, now), approval.tenant)

    async def questions_due(self, now: float, least: float) -> tuple[QuestionView, ...]:
        """Questions to remind of, by the same rule."""
        return await self._writer.read(
            lambda c: readable_questions(c, sql.questions_to_remind(c, now=now, least=least))
        )

    async def remind_of_question(self, question: QuestionView, now: float) -> bool:
        """Tell who is asked, everywhere the question is, that it waits.

        :return: False when they were reminded already, or it waits no more
        """
        return await self._writer.write(lambda c: _remind_of_question(c, question, now), question.tenant)

    async def escalating(self, now: float) -> tuple[ApprovalView, ...]:
        """Reviews of which the other groups count from now on."""
        return await self._writer.read(lambda c: rows.load_approvals(c, sql.to_escalate(c, now=now)))

    async def escalate(self, approval: ApprovalView, places: Sequence[Address], now: float) -> bool:
        """Let the other groups count, say so on the card, and show it to them.

        :param places: further copies of the card
        :return: False when it was done before, or it waits no more
        """
        return await self._writer.write(lambda c: _escalate(c, approval, places, now), approval.tenant)


def _remind(c: Connection, approval: ApprovalView, now: float) -> bool:
    until = approval.expires_at + TOGETHER
    if not sql.reminded(c, id=approval.id, now=now):
        return False
    sql.reminded_with(c, card=approval.card, until=until, now=now)
    subject, body = f"reminder:{approval.id}", {"card": approval.card}
    for place in _places(c, f"card:{approval.card}"):
        tell(c, now, approval.tenant, approval.workflow_id, subject, NoticeKind.REMINDER, place, body)
    _note(c, approval, "approval_reminded", now)
    return True


def _remind_of_question(c: Connection, question: QuestionView, now: float) -> bool:
    if not sql.reminded_of_question(c, id=question.id, now=now):
        return False
    tenant, workflow_id = question.tenant, question.workflow_id
    subject, body = f"reminder:{question.id}", {"question": question.id}
    for place in _places(c, f"question:{question.id}"):
        tell(c, now, tenant, workflow_id, subject, NoticeKind.REMINDER, place, body)
    note(c, tenant, now, "question_reminded", "host", workflow=workflow_id, question=question.id)
    return True


def _places(c: Connection, subject: str) -> list[Address]:
    """Everywhere it was shown."""
    return [rows.address_of(row) for row in list(sql.card_places(c, subject=subject))]


def _escalate(c: Connection, approval: ApprovalView, places: Sequence[Address], now: float) -> bool:
    if not sql.escalate(c, id=approval.id, now=now):
        return False
    groups = sorted({group.or_else for group in approval.terms.groups if group.or_else})
    _note(c, approval, "approval_escalated", now, groups=groups)
    show_card(c, approval.tenant, approval.workflow_id, approval.card, now)
    post_card(c, approval.tenant, approval.workflow_id, approval.card, places, now)
    return True


def _note(c: Connection, approval: ApprovalView, event: str, now: float, **more: object) -> None:
    detail = {"workflow": approval.workflow_id, "seq": approval.seq, "approval": approval.id, **more}
    note(c, approval.tenant, now, event, "host", **detail)
