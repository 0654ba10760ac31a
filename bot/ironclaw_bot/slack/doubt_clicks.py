"""Presses of the buttons that ask whether a call ran: commit first, acknowledge then, explain last."""

from __future__ import annotations

import structlog
from slack_bolt.context.ack.async_ack import AsyncAck

from ironclaw.errors import Conflict, NotFound, Refused, StepUpNeeded
from ironclaw.task import DoubtView, Json, Principal
from ironclaw_bot.slack import drawings, presses
from ironclaw_bot.slack.blocks import Drawing
from ironclaw_bot.slack.doubt_card import details
from ironclaw_bot.slack.listening import Listener
from ironclaw_bot.slack.text import escape, person

ELSEWHERE = "This is not the message that asked, so nothing was noted. Answer where IronClaw asked."
log = structlog.get_logger(__name__)


class DoubtClicks(Listener):
    """The listeners of the three buttons."""

    async def on_answer(self, ack: AsyncAck, body: Json) -> None:
        """Take somebody's word; why it was not taken is told to them alone."""
        await self._commit(ack, body, self._answer)

    async def on_show(self, ack: AsyncAck, body: Json) -> None:
        """Open a modal with all that is known."""
        await ack()
        click = presses.click(body)
        if click:
            self._background.start(self._show(click), "open a modal")

    async def _answer(self, click: presses.Click) -> Drawing | None:
        """Why nothing was noted; None when it was."""
        principal = await self._groups.principal_of(click.identity)
        if principal is None:
            return drawings.said(drawings.UNKNOWN_WORKSPACE)
        if principal.is_approver and (refusal := await self._people.refusal(click.identity)):
            log.warning("slack_click_refused", tenant=principal.tenant, principal=principal.id)
            return drawings.said(refusal)
        try:
            doubt = await self._counted(principal, click)
            await self._app.doubts.testify(principal, doubt.id, presses.TESTIMONIES[click.action])
        except StepUpNeeded as needed:
            link = self._app.doubts.link(principal, doubt, presses.TESTIMONIES[click.action])
            return drawings.step_up(str(needed), link)
        except Refused as refused:
            who = await self._app.doubts.deciders(doubt)
            return drawings.said(f"{escape(str(refused))} {escape(who.problem) or _ask(who.words(person))}")
        except (Conflict, NotFound) as problem:
            return drawings.said(drawings.not_done(problem))
        return None

    async def _counted(self, principal: Principal, click: presses.Click) -> DoubtView:
        """The doubt behind a button that stands where it was asked.

        :raises NotFound: not a button of ours for this tenant
        :raises Conflict: a copy, or a value that was carried into another message
        """
        doubt = await self._app.doubts.behind(principal, click.value)
        if not await self._app.doubts.is_shown_at(doubt, click.spot):
            log.warning("slack_click_elsewhere", tenant=principal.tenant, principal=principal.id)
            raise Conflict(ELSEWHERE)
        return doubt

    async def _show(self, click: presses.Click) -> None:
        """For whoever may use the bot here."""
        principal = await self._groups.principal_of(click.identity)
        if principal is None:
            return
        if sentence := await self._people.turned_away(click.identity, principal, self._app):
            await self._replies.whisper(click, drawings.said(sentence))
            return
        try:
            doubt = await self._counted(principal, click)
        except (Conflict, NotFound) as problem:
            await self._replies.whisper(click, drawings.said(drawings.not_done(problem)))
            return
        await self._replies.open(click, details(doubt))


def _ask(names: str) -> str:
    return f"Ask {names}."
