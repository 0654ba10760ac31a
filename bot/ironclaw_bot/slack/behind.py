"""A task that comes after one of its thread that waits for people: where that one asks; how to stop it."""

from __future__ import annotations

import re
from collections.abc import Mapping

import aiohttp
import structlog
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.errors import SlackApiError

from ironclaw.app import Ironclaw
from ironclaw.errors import Conflict, NotFound, Refused, TryLater
from ironclaw.sentences import sentence
from ironclaw.task import Json, Notice, WorkflowState, WorkflowView
from ironclaw_bot.slack import drawings, presses
from ironclaw_bot.slack.blocks import Block, Drawing, button, context, drawing, link
from ironclaw_bot.slack.client import ClientForTeam
from ironclaw_bot.slack.listening import Listener
from ironclaw_bot.slack.text import escape, one_line

AFTER = "This task runs after it: decide there, or stop it."
ELSEWHERE = "This button stands where it was not put, so nothing was stopped. Use the one in the thread."
AGAIN, PATIENCE = 1.0, 5  #: Seconds between looks for a card that is still to be posted, and how many.
_PERMALINK = re.compile(r"https?://[^\s<>|\"]{1,2000}", re.ASCII)
log = structlog.get_logger(__name__)


class Behind:
    """Draws the status of a task that waits for an earlier one."""

    def __init__(self, app: Ironclaw, clients: ClientForTeam) -> None:
        self._app = app
        self._clients = clients

    async def drawing(self, notice: Notice) -> Drawing:
        """
        :raises TryLater: what it should point to is not there yet
        """
        try:
            first = await self._app.workflow(notice.tenant, str(notice.body["behind"]))
        except NotFound:
            return drawings.status(str(notice.body["text"]))
        if first.state is not WorkflowState.PAUSED:
            return drawings.status(str(notice.body["text"]))
        return _pointer(first, notice.workflow_id, await self._address(first, notice))

    async def _address(self, first: WorkflowView, notice: Notice) -> str:
        """The message in which the earlier task asks; "" where Slack does not say."""
        subject = _subject(first)
        refs = await self._app.cards.places(notice.tenant, subject)
        may_wait = not refs and notice.attempts < PATIENCE
        if may_wait and await self._app.cards.is_coming(notice.tenant, subject):
            raise TryLater("the card that it points to is not posted yet", AGAIN)
        here = [ref for ref in refs if ref.get("channel") == notice.address.place.get("channel")]
        spot = next((ref for ref in (*here, *refs) if "ts" in ref), None)
        return await self._permalink(notice, spot) if spot else ""

    async def _permalink(self, notice: Notice, spot: Mapping[str, str]) -> str:
        client = self._clients(notice.address.place.get("team", ""))
        try:
            found = await client.chat_getPermalink(channel=spot["channel"], message_ts=spot["ts"])
        except (SlackApiError, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.info("slack_no_permalink", tenant=notice.tenant, error=type(error).__name__)
            return ""
        address = str(found.get("permalink"))
        return address if _PERMALINK.fullmatch(address) else ""


def _subject(first: WorkflowView) -> str:
    if first.question:
        return f"question:{first.question.id}"
    if first.doubt:
        return f"doubt:{first.doubt.id}"
    return f"card:{first.approval.card}" if first.approval else ""


def _pointer(first: WorkflowView, workflow_id: str, address: str) -> Drawing:
    said = f"“{one_line(first.text, 100)}” came before. {escape(sentence(first))} {AFTER}"
    ways: list[Block] = [link("Go to it", presses.OPEN, address)] if address else []
    ways.append(button("Stop the waiting task", presses.STOP, f"{first.id}.{workflow_id}", "danger"))
    return drawing(said, [context(said), {"type": "actions", "elements": ways}])


class Stops(Listener):
    """The listener of the button that stops the earlier task."""

    async def on_stop(self, ack: AsyncAck, body: Json) -> None:
        """Stop it; why it was not stopped is told to the clicker alone."""
        await self._commit(ack, body, self._stop)

    async def _stop(self, click: presses.Click) -> Drawing | None:
        """Why it goes on; None when it has ended."""
        principal = await self._groups.principal_of(click.identity)
        if principal is None:
            return drawings.said(drawings.UNKNOWN_WORKSPACE)
        if refusal := await self._people.turned_away(click.identity, principal, self._app):
            return drawings.said(refusal)
        first, _, follower = click.value.partition(".")
        try:
            if not await self._app.cards.stands_at(principal.tenant, f"status:{follower}", click.spot):
                raise Conflict(ELSEWHERE)
            view = await self._app.stopping.cancel(principal, first)
        except (Refused, Conflict, NotFound) as problem:
            return drawings.said(drawings.not_done(problem))
        return None if view.state.is_final else drawings.said(escape(sentence(view)))
