"""What people say to the bot, and what happens to its installation."""

from __future__ import annotations

import structlog

from ironclaw.app import Ironclaw
from ironclaw.errors import BadRequest, Refused
from ironclaw.task import Json, Principal, SlackIdentity
from ironclaw_bot.slack import drawings, tasks
from ironclaw_bot.slack.background import Background
from ironclaw_bot.slack.client import ClientForTeam
from ironclaw_bot.slack.commands import COMMAND
from ironclaw_bot.slack.people import principal_of

OUTSIDER = "Only people of this workspace can ask here."
log = structlog.get_logger(__name__)


class Talk:
    """The listeners of events."""

    def __init__(
        self, app: Ironclaw, clients: ClientForTeam, background: Background, *, plain_quotes: bool
    ) -> None:
        self._app = app
        self._clients = clients
        self._background = background
        self._plain_quotes = plain_quotes

    async def on_message(self, body: Json) -> None:
        """A mention or a direct message becomes a task, durable before this returns."""
        heard = tasks.heard_event(body)
        if heard is None:
            return
        principal = await principal_of(heard.identity, self._app)
        if principal is None:
            self._background.start(self._decline(heard), "decline a workspace")
            return
        task = tasks.to_task(heard, principal, plain_quotes=self._plain_quotes)
        if is_outsider(heard.identity, principal):
            await self._app.refuse(task.tenant, task.reply_to, OUTSIDER, task.delivery)
            return
        if task.text.strip().lower() in ("", "help"):
            text = drawings.help_text(self._app.tools, command=COMMAND)
            await self._app.refuse(task.tenant, task.reply_to, text, task.delivery)
            return
        try:
            await self._app.submit(task)
        except (BadRequest, Refused) as refused:
            await self._app.refuse(task.tenant, task.reply_to, str(refused), task.delivery)

    async def _decline(self, heard: tasks.Heard) -> None:
        drawing = drawings.said(drawings.UNKNOWN_WORKSPACE)
        place = heard.place
        client = self._clients(heard.identity.team_id)
        await client.chat_postMessage(channel=place["channel"], thread_ts=place.get("thread_ts"), **drawing)

    async def on_home(self, body: Json) -> None:
        """Somebody opened the bot's Home: show what waits."""
        if body["event"].get("tab", "home") == "home":
            self._background.start(self._show_home(body), "show Home")

    async def _show_home(self, body: Json) -> None:
        identity = tasks.event_identity(body)
        principal = await principal_of(identity, self._app)
        if principal is None:
            return
        view = drawings.home(await self._app.approvals(principal.tenant))
        await self._clients(identity.team_id).views_publish(user_id=identity.user_id, view=view)

    async def on_lifecycle(self, body: Json) -> None:
        """Uninstalled, a token revoked, a session stopped: for the log, since no tokens are kept here."""
        log.warning("slack_lifecycle", kind=str(body["event"].get("type")), team=str(body.get("team_id")))


def is_outsider(who: SlackIdentity, principal: Principal) -> bool:
    """Whether somebody of another company speaks (Slack Connect): what the tenant has is not theirs."""
    return principal.id != f"slack:{who.team_id}:{who.user_id}"
