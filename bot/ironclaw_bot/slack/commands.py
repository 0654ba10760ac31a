"""``/ironclaw``: each word and its reply, seen by the person who typed it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from slack_bolt.context.ack.async_ack import AsyncAck

from ironclaw.app import Ironclaw
from ironclaw.errors import BadRequest, NotFound, Refused
from ironclaw.task import Json, Principal
from ironclaw_bot.slack import drawings, tasks
from ironclaw_bot.slack.blocks import Drawing
from ironclaw_bot.slack.people import principal_of
from ironclaw_bot.slack.text import escape

COMMAND = "/ironclaw"

Reply = Callable[[Principal, Json, str], Awaitable[Drawing]]


class Commands:
    """The listener of the slash command."""

    def __init__(self, app: Ironclaw, *, plain_quotes: bool) -> None:
        self._app = app
        self._plain_quotes = plain_quotes
        self._words: dict[str, Reply] = {
            "run": self._run,
            "status": self._status,
            "approvals": self._approvals,
        }

    async def on_command(self, ack: AsyncAck, body: Json) -> None:
        """Do what the first word says, then acknowledge with the reply."""
        reply = await self._reply(body)
        await ack(text=reply["text"], blocks=reply["blocks"], response_type="ephemeral")

    async def _reply(self, body: Json) -> Drawing:
        word, _, rest = str(body.get("text") or "").strip().partition(" ")
        principal = await principal_of(tasks.command_identity(body), self._app)
        if principal is None:
            return drawings.said(drawings.UNKNOWN_WORKSPACE)
        return await self._words.get(word.lower(), self._help)(principal, body, rest.strip())

    async def _help(self, principal: Principal, body: Json, rest: str) -> Drawing:
        return drawings.help_message(self._app.tools, command=COMMAND)

    async def _run(self, principal: Principal, body: Json, rest: str) -> Drawing:
        if not rest:
            return await self._help(principal, body, rest)
        heard = tasks.heard_command(body, rest)
        try:
            await self._app.submit(tasks.to_task(heard, principal, plain_quotes=self._plain_quotes))
        except (BadRequest, Refused) as refused:
            return drawings.said(escape(str(refused)))
        return drawings.started(heard.text)

    async def _status(self, principal: Principal, body: Json, rest: str) -> Drawing:
        if not rest:
            return drawings.workflow_list(await self._app.workflows(principal.tenant, drawings.LISTED))
        try:
            return drawings.one_workflow(await self._app.workflow(principal.tenant, rest.strip("`")))
        except NotFound as missing:
            return drawings.said(escape(str(missing)))

    async def _approvals(self, principal: Principal, body: Json, rest: str) -> Drawing:
        return drawings.approval_list(await self._app.approvals(principal.tenant))
