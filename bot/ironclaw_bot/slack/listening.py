"""What the listeners of all buttons do: commit first, acknowledge then, explain last."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from slack_bolt.context.ack.async_ack import AsyncAck

from ironclaw.app import Ironclaw
from ironclaw.task import Json
from ironclaw_bot.slack import presses
from ironclaw_bot.slack.background import Background
from ironclaw_bot.slack.blocks import Drawing
from ironclaw_bot.slack.groups import Groups
from ironclaw_bot.slack.people import People
from ironclaw_bot.slack.replies import Replies


class Listener:
    """What the listeners of buttons have in common."""

    def __init__(
        self, app: Ironclaw, replies: Replies, people: People, groups: Groups, background: Background
    ) -> None:
        self._app = app
        self._replies = replies
        self._people = people
        self._groups = groups
        self._background = background

    async def _commit(
        self, ack: AsyncAck, body: Json, act: Callable[[presses.Click], Awaitable[Drawing | None]]
    ) -> None:
        """Do what a click asks for; why it was not done is told to the clicker alone.

        :param act: gives what to tell them, or None when it was done
        """
        click = presses.click(body)
        drawing = await act(click) if click else None
        await ack()
        if click and drawing:
            self._background.start(self._replies.whisper(click, drawing), "explain a click")
