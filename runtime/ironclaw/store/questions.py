"""What the brain asks of who gave it a task, and what they answer.  Each method is one transaction.

An answer is one more message of the conversation, and nothing else comes of it.
"""

from __future__ import annotations

from ironclaw.errors import NotFound
from ironclaw.store import question_moves
from ironclaw.store.chain import note
from ironclaw.store.model import Flow, Spent
from ironclaw.store.question_moves import Asked
from ironclaw.store.question_rows import load, loaded
from ironclaw.store.sql import Connection, sql
from ironclaw.store.units import Writer
from ironclaw.store.unreadable import readable_questions
from ironclaw.task import ProposedCall, QuestionView


class Questions:
    """The store of questions."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def ask(self, flow: Flow, asked: Asked, said: str, spent: Spent, now: float) -> None:
        """Ask the person who gave the task; the workflow waits for them.

        :param said: what the brain said beside it
        :raises Conflict: somebody else moved this workflow
        """
        await self._writer.write(lambda c: question_moves.ask(c, flow, asked, said, spent, now), flow.tenant)

    async def refuse(self, flow: Flow, call: ProposedCall, seen: str, spent: Spent, now: float) -> None:
        """Tell the brain why nobody is asked.

        :raises Conflict: somebody else moved this workflow
        """
        await self._writer.write(
            lambda c: question_moves.refuse(c, flow, call, seen, spent, now), flow.tenant
        )

    async def wait(self, flow: Flow, now: float) -> None:
        """Wait for the answer to a question that is open.

        :raises Conflict: it is not open any more, or somebody else moved this workflow
        """
        await self._writer.write(lambda c: question_moves.wait(c, flow, now), flow.tenant)

    async def view(self, tenant: str, question_id: str) -> QuestionView:
        """
        :raises NotFound: no such question of this tenant
        """

        def unit(c: Connection) -> QuestionView:
            found = load(c, question_id)
            if found is None or found.tenant != tenant:
                raise NotFound("There is no such question.")
            return found

        return await self._writer.read(unit)

    async def open_ones(self, tenant: str) -> tuple[QuestionView, ...]:
        """What people are asked now, oldest first."""
        return await self._writer.read(lambda c: readable_questions(c, sql.open_questions(c, tenant=tenant)))

    async def in_thread(self, tenant: str, thread: str) -> QuestionView | None:
        """The question that a thread waits for; None for none."""

        def unit(c: Connection) -> QuestionView | None:
            row = sql.open_question_in_thread(c, tenant=tenant, thread=thread) if thread else None
            return loaded(c, row["id"]) if row else None

        return await self._writer.read(unit)

    async def answer(
        self, question: QuestionView, by: str, text: str, delivery: tuple[str, str] | None, now: float
    ) -> QuestionView:
        """Write the answer; the workflow goes on with it.

        :param by: a Principal's id
        :param delivery: in which it came: the same one counts once, and is no task later
        :return: the question as it is then
        :raises Conflict: it has ended before; by whom and when, where it was answered
        """

        def unit(c: Connection) -> QuestionView:
            if question_moves.is_first(c, question, delivery, now):
                question_moves.answer(c, question, by, text, now)
            return loaded(c, question.id)

        return await self._writer.write(unit, question.tenant)

    async def refused(self, question: QuestionView, principal: str, now: float) -> None:
        """Note an answer of somebody who was not asked."""
        detail = {"workflow": question.workflow_id, "question": question.id}
        await self._writer.write(
            lambda c: note(c, question.tenant, now, "answer_refused", principal, **detail), question.tenant
        )

    async def expire(self, now: float) -> tuple[QuestionView, ...]:
        """End every question whose time is over; the brain is told.

        :return: those that this call ended
        """
        due = await self._writer.read(lambda c: readable_questions(c, sql.due_questions(c, now=now)))
        if not due:
            return ()
        return await self._writer.write(
            lambda c: tuple(each for one in due for each in question_moves.expire(c, one.id, now))
        )
