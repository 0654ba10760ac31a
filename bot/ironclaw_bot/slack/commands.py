"""``/ironclaw``: each word and its reply, seen by the person who typed it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from slack_bolt.context.ack.async_ack import AsyncAck

from ironclaw.app import Ironclaw
from ironclaw.errors import BadRequest, Conflict, NotFound, Refused, TryLater
from ironclaw.task import Address, Json, Principal
from ironclaw_bot.slack import drawings, help, tasks
from ironclaw_bot.slack.blocks import Drawing
from ironclaw_bot.slack.memory import MemoryCommands
from ironclaw_bot.slack.people import People, principal_of
from ironclaw_bot.slack.schedules import ScheduleCommands
from ironclaw_bot.slack.text import code, escape

COMMAND = "/ironclaw"
WORDS = (
    "run",
    "status",
    "cancel",
    "retry",
    "schedule",
    "schedules",
    "remember",
    "memory",
    "approvals",
    "grants",
    "help",
)

Reply = Callable[[Principal, Json, str], Awaitable[Drawing]]


class Commands:
    """The listener of the slash command."""

    def __init__(self, app: Ironclaw, people: People, *, plain_quotes: bool) -> None:
        self._app = app
        self._people = people
        self._plain_quotes = plain_quotes
        mine: tuple[Reply, ...] = (self._run, self._status, self._cancel, self._retry)
        timed = ScheduleCommands(app, people, COMMAND, plain_quotes=plain_quotes)
        kept = MemoryCommands(app, COMMAND)
        replies = (
            *mine,
            timed.schedule,
            timed.schedules,
            kept.remember,
            kept.memory,
            self._approvals,
            self._grants,
            self._help,
        )
        self._words = dict(zip(WORDS, replies, strict=True))

    async def on_command(self, ack: AsyncAck, body: Json) -> None:
        """Do what the first word says, then acknowledge with the reply."""
        reply = await self._reply(body)
        await ack(text=reply["text"], blocks=reply["blocks"], response_type="ephemeral")

    async def _reply(self, body: Json) -> Drawing:
        word, _, rest = str(body.get("text") or "help").strip().partition(" ")
        identity = tasks.command_identity(body)
        principal = await principal_of(identity, self._app)
        if principal is None:
            return drawings.said(drawings.UNKNOWN_WORKSPACE)
        sentence = await self._people.turned_away(identity, principal, self._app)
        if sentence:
            return drawings.said(sentence)
        reply = self._words.get(word.lower())
        if reply is None:
            return self._helped(principal, f"There is no {code(f'{COMMAND} {word}')}.")
        return await reply(principal, body, rest.strip())

    async def _help(self, principal: Principal, body: Json, rest: str) -> Drawing:
        return self._helped(principal)

    def _helped(self, principal: Principal, first: str = "") -> Drawing:
        offers = self._app.tools(principal.tenant)
        return help.as_message(offers, COMMAND, commands=self._plain_quotes, first=first)

    async def _run(self, principal: Principal, body: Json, rest: str) -> Drawing:
        if not rest:
            example = code(f"{COMMAND} run files.list")
            return drawings.said(f"Nothing to run: write it after {code('run')}, such as {example}.")
        heard = tasks.heard_command(body, rest)
        try:
            await self._app.submit(tasks.to_task(heard, principal, plain_quotes=self._plain_quotes))
        except (BadRequest, Refused, TryLater) as refused:
            return drawings.said(escape(str(refused)))
        return drawings.started(heard.text)

    async def _status(self, principal: Principal, body: Json, rest: str) -> Drawing:
        """A member sees their own tasks, an approver all."""
        if not rest:
            return drawings.workflow_list(await self._app.workflows_for(principal, drawings.LISTED))
        try:
            return drawings.one_workflow(await self._app.workflow_for(principal, rest.strip("`")))
        except NotFound as missing:
            return drawings.said(escape(str(missing)))

    async def _cancel(self, principal: Principal, body: Json, rest: str) -> Drawing:
        """Stop a task; guests and people of elsewhere were turned away before."""
        try:
            return drawings.one_workflow(await self._app.stopping.cancel(principal, rest.strip("`")))
        except (NotFound, Refused, Conflict) as problem:
            return drawings.said(escape(str(problem)))

    async def _retry(self, principal: Principal, body: Json, rest: str) -> Drawing:
        """Have a task done again that failed or was stopped."""
        heard = tasks.heard_command(body, rest.strip("`"))
        here = Address("slack", dict(heard.place))
        try:
            again = await self._app.retrying.retry(principal, heard.text, here, heard.delivery)
        except (NotFound, Refused, Conflict, BadRequest, TryLater) as problem:
            return drawings.said(escape(str(problem)))
        return drawings.one_workflow(await self._app.workflow(principal.tenant, again))

    async def _approvals(self, principal: Principal, body: Json, rest: str) -> Drawing:
        doubts = await self._app.doubts.open_ones(principal.tenant)
        questions = await self._app.questions.open_for(principal)
        return drawings.approval_list(await self._app.approvals(principal.tenant), doubts, questions)

    async def _grants(self, principal: Principal, body: Json, rest: str) -> Drawing:
        return drawings.grant_list(await self._app.grants(principal.tenant))
