"""A press of a card's button: commit first, acknowledge then, explain last."""

from __future__ import annotations

import structlog
from slack_bolt.context.ack.async_ack import AsyncAck

from ironclaw.app import Ironclaw
from ironclaw.errors import BadRequest, Conflict, Expired, NotFound, Refused
from ironclaw.showing import Unshowable
from ironclaw.task import Json, Principal
from ironclaw_bot.slack import drawings, tasks
from ironclaw_bot.slack.background import Background
from ironclaw_bot.slack.card import details
from ironclaw_bot.slack.client import ClientForTeam
from ironclaw_bot.slack.people import People, principal_of
from ironclaw_bot.slack.text import escape

log = structlog.get_logger(__name__)


class Clicks:
    """The listeners of a card's buttons."""

    def __init__(self, app: Ironclaw, clients: ClientForTeam, people: People, background: Background) -> None:
        self._app = app
        self._clients = clients
        self._people = people
        self._background = background

    async def on_click(self, ack: AsyncAck, body: Json) -> None:
        """Decide; what was not decided is explained to the clicker alone."""
        click = tasks.click(body)
        sentence = await self._decide(click) if click else ""
        await ack()
        if click and sentence:
            self._background.start(self._whisper(click, sentence), "explain a click")

    async def on_details(self, ack: AsyncAck, body: Json) -> None:
        """Open the modal with all of the arguments."""
        await ack()
        click = tasks.click(body)
        if click:
            self._background.start(self._open(click, str(body.get("trigger_id"))), "show details")

    async def _decide(self, click: tasks.Click) -> str:
        """Why nothing was decided, escaped; "" when it was."""
        principal = await principal_of(click.identity, self._app)
        if principal is None:
            return drawings.UNKNOWN_WORKSPACE
        if principal.is_approver:
            refusal = await self._people.refusal(click.identity)
            if refusal:
                log.warning("slack_click_refused", tenant=principal.tenant, principal=principal.id)
                return refusal
        return await self._press(principal, click)

    async def _press(self, principal: Principal, click: tasks.Click) -> str:
        if click.decision is None:
            return ""
        try:
            await self._app.press(principal, click.value, click.decision)
        except Conflict as first:
            return drawings.already_decided(first.by, first.at)
        except Refused as refused:
            return await self._why(principal, click.value, refused)
        except (Expired, NotFound, BadRequest) as refused:
            return escape(str(refused))
        return ""

    async def _why(self, principal: Principal, value: str, refused: Refused) -> str:
        """For who is no approver: who is."""
        tenant = self._app.tenant(principal.tenant)
        if principal.is_approver or tenant is None:
            return escape(str(refused))
        approval = await self._app.approval(principal.tenant, value.partition(".")[0])
        return drawings.only(tenant.deciders(approval.requester))

    async def _open(self, click: tasks.Click, trigger_id: str) -> None:
        """A modal for the clicker, of an approval of their own tenant."""
        principal = await principal_of(click.identity, self._app)
        if principal is None:
            return
        sentence = await self._people.turned_away(click.identity, principal, self._app)
        if sentence:
            await self._whisper(click, sentence)
            return
        try:
            view = details(await self._app.approval(principal.tenant, click.value))
        except (NotFound, Unshowable) as problem:
            await self._whisper(click, escape(str(problem)))
            return
        await self._clients(click.place["team"]).views_open(trigger_id=trigger_id, view=view)

    async def _whisper(self, click: tasks.Click, sentence: str) -> None:
        place = click.place
        if "channel" in place:
            await self._clients(place["team"]).chat_postEphemeral(
                channel=place["channel"],
                user=place["user"],
                text=sentence,
                thread_ts=place.get("thread_ts"),
            )
