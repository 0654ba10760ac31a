"""What one person alone is shown after a click: a whisper beside it, or a modal where there is no channel."""

from __future__ import annotations

from slack_sdk.errors import SlackApiError

from ironclaw_bot.slack import modals
from ironclaw_bot.slack.blocks import Drawing
from ironclaw_bot.slack.client import ClientForTeam, reason
from ironclaw_bot.slack.drawings import said
from ironclaw_bot.slack.presses import Click

TOO_SLOW = "That took too long for Slack to open a window. Please click again."


class Replies:
    """Answers to clicks."""

    def __init__(self, clients: ClientForTeam) -> None:
        self._clients = clients

    async def whisper(self, click: Click, drawing: Drawing) -> None:
        """Tell the clicker alone."""
        place = click.place
        if "channel" not in place:
            await self.open(click, modals.holding("IronClaw", drawing))
            return
        await self._clients(place["team"]).chat_postEphemeral(
            channel=place["channel"],
            user=place["user"],
            text=drawing["text"],
            blocks=drawing["blocks"],
            thread_ts=place.get("thread_ts"),
        )

    async def open(self, click: Click, view: Drawing) -> None:
        """Show a modal, which Slack takes within three seconds of the click; else the clicker is told."""
        try:
            await self._clients(click.place["team"]).views_open(trigger_id=click.trigger_id, view=view)
        except SlackApiError as error:
            if reason(error) != "expired_trigger_id" or "channel" not in click.place:
                raise
            await self.whisper(click, said(TOO_SLOW))
