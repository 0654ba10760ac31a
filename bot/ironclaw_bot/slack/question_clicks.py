"""Answers to the brain's questions: by a button, or in words in the thread."""

from __future__ import annotations

import structlog
from slack_bolt.context.ack.async_ack import AsyncAck

from ironclaw.app import Ironclaw
from ironclaw.errors import Conflict, NotFound, Refused
from ironclaw.task import Json, Principal, Task
from ironclaw_bot.slack import drawings, presses
from ironclaw_bot.slack.blocks import Drawing
from ironclaw_bot.slack.listening import Listener
from ironclaw_bot.slack.question_card import OTHERWISE
from ironclaw_bot.slack.text import escape, person

ELSEWHERE = "This is not the message that asked, so nothing was noted. Answer where IronClaw asked."
log = structlog.get_logger(__name__)


class QuestionClicks(Listener):
    """The listener of the choices."""

    async def on_answer(self, ack: AsyncAck, body: Json) -> None:
        """Take an answer; why it was not taken is told to the clicker alone."""
        await self._commit(ack, body, self._answer)

    async def _answer(self, click: presses.Click) -> Drawing | None:
        """Why nothing was noted; None when it was."""
        principal = await self._groups.principal_of(click.identity)
        if principal is None:
            return drawings.said(drawings.UNKNOWN_WORKSPACE)
        if refusal := await self._people.turned_away(click.identity, principal, self._app):
            return drawings.said(refusal)
        questions = self._app.questions
        try:
            question, chosen = await questions.behind(principal, click.value)
            if not await questions.is_shown_at(question, click.spot):
                log.warning("slack_click_elsewhere", tenant=principal.tenant, principal=principal.id)
                raise Conflict(ELSEWHERE)
            await questions.answer(principal, question.id, chosen)
        except Refused as refused:
            return drawings.said(f"{escape(str(refused))} Ask {person(question.requester)}.")
        except Conflict as problem:
            by = f" {person(problem.by)} did." if problem.by else ""
            return drawings.said(f"{escape(str(problem))}{by}")
        except NotFound as problem:
            return drawings.said(drawings.not_done(problem))
        return None


async def taken_as_answer(app: Ironclaw, principal: Principal, task: Task) -> bool:
    """Take what somebody wrote as the answer to what its thread asks them, if it does.

    :raises BadRequest: it is one, and too long
    """
    question = await app.questions.in_thread(principal, task.thread)
    if question is None or otherwise(task.text) is not None:
        return False
    try:
        await app.questions.answer(principal, question.id, task.text, delivery=task.delivery)
    except (Conflict, NotFound):
        return False  # It has ended meanwhile.
    return True


def otherwise(text: str) -> str | None:
    """The task of a message that says to be one and no answer; None for any other."""
    is_so = text[: len(OTHERWISE)].lower() == OTHERWISE
    return text[len(OTHERWISE) :].strip() if is_so else None
