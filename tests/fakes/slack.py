"""A playground that never sleeps, with made-up secrets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ironclaw_bot.playground import PRIMARY, SECOND, Playground
from tests.fakes.echo import Echo

SIGNING_SECRET = "s" * 32
TOKENS = {PRIMARY: "-".join(("xoxb", "primary")), SECOND: "-".join(("xoxb", "second"))}
APP_TOKEN = "-".join(("xapp", "1", "app"))


class Slack(Playground):
    """:ivar slept: every wait that the playground asked for, seconds"""

    def __init__(self, **options: Any) -> None:
        self.slept: list[float] = []
        settings: dict[str, Any] = {"ack_seconds": 1.0, "sleep": self._sleep, **options}
        super().__init__(
            signing_secret=SIGNING_SECRET,
            bot_token=TOKENS[PRIMARY],
            second_bot_token=TOKENS[SECOND],
            app_token=APP_TOKEN,
            **settings,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def messages(self, channel: str, team: str = PRIMARY) -> list[dict[str, Any]]:
        return self.world.team(team).channel(channel).messages

    def texts(self, channel: str, team: str = PRIMARY) -> list[str]:
        return [message["text"] for message in self.messages(channel, team)]

    async def posted(self, channel: str, count: int) -> list[dict[str, Any]]:
        """The channel's messages, once there are this many."""
        await self.wait_for(lambda: len(self.messages(channel)) >= count)
        return self.messages(channel)

    def deliveries(self, name: str) -> list[dict[str, Any]]:
        return [one for one in self.hub.journal if one["what"] == "delivery" and one["name"] == name]


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Slack]:
    slack = Slack(**options)
    await slack.start()
    try:
        yield slack
    finally:
        await slack.stop()


@asynccontextmanager
async def over_http(**options: Any) -> AsyncIterator[tuple[Slack, Echo]]:
    """A playground, and the echo app behind its request url."""
    async with running(**options) as slack:
        echo = Echo(slack.url, SIGNING_SECRET, TOKENS[PRIMARY])
        slack.send_to(await echo.serve())
        try:
            yield slack, echo
        finally:
            await slack.courier.settle()
            await echo.stop()
