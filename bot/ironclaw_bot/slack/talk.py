"""What people say to the bot, and what happens to its installation."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import structlog

from ironclaw.app import Ironclaw
from ironclaw.errors import BadRequest, Refused, StoreError
from ironclaw.task import Json, Principal, SlackIdentity, Task
from ironclaw_bot.memories import wished
from ironclaw_bot.slack import drawings, help, tasks
from ironclaw_bot.slack.background import Background
from ironclaw_bot.slack.client import ClientForTeam
from ironclaw_bot.slack.commands import COMMAND, WORDS
from ironclaw_bot.slack.homes import Homes
from ironclaw_bot.slack.memory import remembered
from ironclaw_bot.slack.people import People, principal_of
from ironclaw_bot.slack.question_clicks import otherwise, taken_as_answer
from ironclaw_bot.slack.text import escape

log = structlog.get_logger(__name__)


class Talk:
    """The listeners of events."""

    def __init__(
        self,
        app: Ironclaw,
        clients: ClientForTeam,
        people: People,
        homes: Homes,
        background: Background,
        *,
        plain_quotes: bool,
    ) -> None:
        self._app = app
        self._clients = clients
        self._people = people
        self._homes = homes
        self._background = background
        self._plain_quotes = plain_quotes
        self._answered: deque[object] = deque(maxlen=1_000)

    async def on_message(self, body: Json) -> None:
        """A mention or a direct message becomes a task, durable before this returns.

        :raises StoreError: it could not be kept, and whoever wrote it is told so; Slack delivers it again
        """
        heard = tasks.heard_event(body)
        if heard is None:
            return
        try:
            await self._hear(heard)
        except StoreError:
            self._answer_once(heard, drawings.NOT_KEPT)
            raise

    async def _hear(self, heard: tasks.Heard) -> None:
        principal = await principal_of(heard.identity, self._app)
        if principal is None:
            self._answer_once(heard, drawings.UNKNOWN_WORKSPACE)
            return
        task = tasks.to_task(heard, principal, plain_quotes=self._plain_quotes)
        turned_away = await self._people.turned_away(heard.identity, principal, self._app)
        reply = turned_away or await self._remembered(principal, task) or self._word(task)
        if reply:
            await self._app.refuse(task.tenant, task.reply_to, reply, task.delivery)
            return
        try:
            if not await taken_as_answer(self._app, principal, task):
                await self._app.submit(replace(task, text=otherwise(task.text) or task.text))
        except (BadRequest, Refused) as refused:
            await self._app.refuse(task.tenant, task.reply_to, str(refused), task.delivery)

    async def _remembered(self, principal: Principal, task: Task) -> str:
        """What is answered to "remember ..."; "" for what is something else.  The same one twice is one."""
        wish = wished(task.text)
        said_at = ":".join(("slack", task.reply_to.place.get("channel", ""), task.thread.rpartition(":")[2]))
        return await remembered(self._app, principal, wish, task.reply_to, said_at) if wish else ""

    def _word(self, task: Task) -> str:
        """What is answered here at once; "" for what is a task."""
        said = task.text.lower().split()
        if said in ([], ["help"]):
            return help.as_text(self._app.tools(task.tenant), COMMAND, commands=self._plain_quotes)
        if said[0] in WORDS and said[0] not in ("run", "help") and len(said) <= 2:
            return f"For that type {COMMAND} {' '.join(said)}: only you will see the reply."
        return ""

    def _answer_once(self, heard: tasks.Heard, sentence: str) -> None:
        """For each event, however often it comes; at once, where the outbox keeps nothing of it."""
        known = (heard.delivery, sentence)
        if known not in self._answered:
            self._answered.append(known)
            self._background.start(self._answer(heard, sentence), "say why nothing is kept")

    async def _answer(self, heard: tasks.Heard, sentence: str) -> None:
        drawing = drawings.said(sentence)
        place = heard.place
        client = self._clients(heard.identity.team_id)
        await client.chat_postMessage(channel=place["channel"], thread_ts=place.get("thread_ts"), **drawing)

    async def on_home(self, body: Json) -> None:
        """Somebody opened the bot's Home: show what waits."""
        if body["event"].get("tab", "home") == "home":
            self._background.start(self._homes.publish(tasks.event_identity(body)), "show Home")

    async def on_stop(self, body: Json) -> None:
        """Slack's own stop button: what is at work in that thread ends, where this person may end it."""
        identity, event = tasks.event_identity(body), body["event"]
        principal = await principal_of(identity, self._app)
        if principal is None:
            return
        sentence = await self._people.turned_away(identity, principal, self._app)
        try:
            if not sentence:
                await self._app.stopping.stop_thread(principal, f"{event['channel']}:{event['thread_ts']}")
        except Refused as refused:
            sentence = str(refused)
        if sentence:
            self._background.start(self._whisper(identity, event, sentence), "refuse to stop")

    async def _whisper(self, who: SlackIdentity, event: Json, sentence: str) -> None:
        drawing = drawings.said(escape(sentence))
        await self._clients(who.team_id).chat_postEphemeral(
            channel=event["channel"],
            user=who.user_id,
            thread_ts=event["thread_ts"],
            text=drawing["text"],
            blocks=drawing["blocks"],
        )

    async def on_lifecycle(self, body: Json) -> None:
        """Uninstalled, or a token revoked: for the log, since no tokens are kept here."""
        log.warning("slack_lifecycle", kind=str(body["event"].get("type")), team=str(body.get("team_id")))
