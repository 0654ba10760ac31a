"""A press of Approve or Deny: commit first, acknowledge then, explain last."""

from __future__ import annotations

import structlog
from slack_bolt.context.ack.async_ack import AsyncAck

from ironclaw.errors import BadRequest, Conflict, Expired, IdentityError, NotFound, Refused
from ironclaw.task import Json
from ironclaw_bot.slack import drawings, tasks
from ironclaw_bot.slack.background import Background
from ironclaw_bot.slack.client import ClientForTeam
from ironclaw_bot.slack.engine import Engine
from ironclaw_bot.slack.people import People
from ironclaw_bot.slack.text import escape

log = structlog.get_logger(__name__)


class Clicks:
    """The listener of both buttons."""

    def __init__(self, app: Engine, clients: ClientForTeam, people: People, background: Background) -> None:
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

    async def _decide(self, click: tasks.Click) -> str:
        """Why nothing was decided, escaped; "" when it was."""
        try:
            principal = await self._app.authenticate(click.identity)
        except IdentityError:
            log.warning("slack_unknown_workspace", team=click.identity.team_id)
            return drawings.UNKNOWN_WORKSPACE
        if principal.is_approver:
            refusal = await self._people.refusal(click.identity)
            if refusal:
                log.warning("slack_click_refused", tenant=principal.tenant, principal=principal.id)
                return refusal
        try:
            await self._app.press(principal, click.value, click.decision)
        except Conflict as first:
            return drawings.already_decided(first.by, first.at)
        except (Refused, Expired, NotFound, BadRequest) as refused:
            return escape(str(refused))
        return ""

    async def _whisper(self, click: tasks.Click, sentence: str) -> None:
        place = click.place
        if "channel" in place:
            await self._clients(place["team"]).chat_postEphemeral(
                channel=place["channel"],
                user=place["user"],
                text=sentence,
                thread_ts=place.get("thread_ts"),
            )
