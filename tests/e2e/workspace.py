"""A Slack workspace with the real bot in it: what people say and click, and what they get to see."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.bot import Bot, running
from tests.fakes.slack import APP_TOKEN, SIGNING_SECRET, TOKENS

from ironclaw_bot.playground import PRIMARY, SECOND, Playground

Json = dict[str, Any]
HTTP, SOCKET = "http", "socket"
APPROVE, DENY = "ironclaw_approve", "ironclaw_deny"
#: Ada asks, Bo approves.  Ada is on the list as well, and so are a guest and a person of another company:
#: what refuses them is never their name.
APPROVERS = ["slack:T0001:U1ADA", "slack:T0001:U1BO", "slack:T0001:U1GIL", "slack:T0009:U9EVE"]


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread that somebody's question began."""

    workspace: Workspace
    channel: str
    ts: str

    @property
    def replies(self) -> list[Json]:
        """What the bot said in it, oldest first."""
        room = self.workspace.channel(self.channel)
        return [one for one in room.replies(self.ts) if one.get("bot_id")]

    @property
    def answers(self) -> list[str]:
        """Its messages that are neither a status nor a card."""
        return [one["text"] for one in self.replies if one["blocks"][0]["type"] == "section"]

    @property
    def card(self) -> Json:
        """Its card, as it stands; the newest, where there are several."""
        return [one for one in self.replies if one["blocks"][0]["type"] == "header"][-1]

    @property
    def status(self) -> str:
        """Its status line; "" before there is one."""
        found = [one["text"] for one in self.replies if one["blocks"][0]["type"] == "context"]
        return found[-1] if found else ""

    async def answer(self) -> str:
        """The answer, once it is there."""
        found: list[str] = await self.workspace.wait_for(lambda: self.answers)
        return found[0]

    async def asked(self, title: str = "Approval needed") -> Json:
        """The card, once it has this title."""
        found: Json = await self.workspace.wait_for(
            lambda: next((one for one in self.replies if one["text"].startswith(title)), None)
        )
        return found

    async def waits(self) -> None:
        """Returns once the card is there and nothing more is to be told."""
        await self.asked()
        await self.workspace.wait_for(lambda: self.status.startswith("Waiting for <@"))

    async def click(self, user: str, action: str = APPROVE) -> Json:
        """Press a button of the card; what Slack made of the bot's acknowledgement."""
        ts = self.card["ts"]
        return await self.workspace.playground.people.click(user, self.channel, ts, action)

    async def whisper(self, user: str) -> str:
        """What this person alone is told in the channel, once it is there; the last of it."""
        room = self.workspace.channel(self.channel)
        person = self.workspace.playground.world.team(PRIMARY).user(user)["id"]
        found: Json = await self.workspace.wait_for(
            lambda: next(
                (
                    one
                    for one in reversed(room.ephemerals)
                    if one["to"] == person and one.get("thread_ts") == self.ts
                ),
                None,
            )
        )
        return str(found["text"])


class Workspace:
    """
    A playground and one bot in it, over one of Slack's two transports.

    :ivar bot: started by whoever opens the workspace, or by :meth:`restart`
    """

    def __init__(self, playground: Playground, bot: Bot, transport: str) -> None:
        self.playground = playground
        self.bot = bot
        self.transport = transport

    def channel(self, name: str, team: str = PRIMARY) -> Any:
        return self.playground.world.team(team).channel(name)

    def file(self, path: str) -> Path:
        """A file of the tenant's."""
        return self.bot.scratch / "acme" / path

    async def wait_for(self, look: Callable[[], Any], seconds: float = 20.0) -> Any:
        return await self.playground.wait_for(look, seconds)

    def ask(self, text: str, user: str = "ada", channel: str = "general") -> Thread:
        """Mention the bot."""
        said = self.playground.people.say(user, channel, f"@ironclaw {text}")
        return Thread(self, channel, said["ts"])

    async def command(self, text: str, user: str = "ada", team: str = PRIMARY) -> str:
        """What the person alone is shown upon ``/ironclaw TEXT``, blocks and all."""
        ack = await self.playground.people.command(user, "general", "/ironclaw", text, team=team)
        assert ack["ok"], ack
        return str(self.channel("general", team).ephemerals[-1]["blocks"])

    def deliveries(self, name: str, ts: str = "") -> list[Json]:
        """The attempts to deliver such an event, about the message where one is named."""
        return [
            attempt
            for entry in self.playground.journal
            if entry["what"] == "delivery" and entry["name"] == name
            if not ts or entry["payload"]["event"]["ts"] == ts
            for attempt in entry["attempts"]
        ]

    async def connected(self) -> None:
        """Deliveries reach the bot that runs now."""
        if self.transport == HTTP:
            self.playground.send_to(f"{self.bot.url}/slack/events")
        else:
            await self.wait_for(lambda: self.playground.sockets.connections)

    async def restart(self) -> None:
        """kill -9, and start again."""
        await self.bot.kill()
        await self.start()

    async def start(self) -> None:
        await self.bot.start()
        await self.connected()


@contextlib.asynccontextmanager
async def workspace(
    folder: Path, transport: str = HTTP, environ: dict[str, str] | None = None, **settings: Any
) -> AsyncIterator[Workspace]:
    """A playground with the bot running in it.

    :param settings: for ironclaw.toml; ``tenant`` is more of the one tenant's
    """
    playground = Playground(
        signing_secret=SIGNING_SECRET,
        bot_token=TOKENS[PRIMARY],
        second_bot_token=TOKENS[SECOND],
        app_token=APP_TOKEN,
    )
    tenant = {"slack": [PRIMARY], "approvers": APPROVERS, **settings.pop("tenant", {})}
    await playground.start()
    try:
        given = {**_environ(transport), **(environ or {})}
        changes = {"slack_api_url": f"{playground.url}/api/", "tenants": {"acme": tenant}, "workers": 1}
        bot = Bot(folder, given, **{**changes, **settings})
        async with running(bot):
            here = Workspace(playground, bot, transport)
            await here.connected()
            yield here
    finally:
        await playground.stop()


def _environ(transport: str) -> dict[str, str]:
    only = {HTTP: {"SLACK_SIGNING_SECRET": SIGNING_SECRET}, SOCKET: {"SLACK_APP_TOKEN": APP_TOKEN}}
    return {"SLACK_BOT_TOKEN": TOKENS[PRIMARY], **only[transport]}
