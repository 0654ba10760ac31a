"""Socket Mode: the same payloads over a connection that the bot opens, for a bot without an address."""

from __future__ import annotations

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp

from ironclaw.settings import Settings
from ironclaw_bot.slack.client import web_client


class SlackSocket:
    """One Socket Mode connection; it renews itself.

    :raises ValueError: there is no app token
    """

    def __init__(self, bolt: AsyncApp, settings: Settings) -> None:
        if settings.slack_app_token is None:
            raise ValueError("Socket Mode needs slack_app_token")
        token = settings.slack_app_token.get_secret_value()
        self._handler = AsyncSocketModeHandler(
            bolt, app_token=token, web_client=web_client(token, settings.slack_api_url)
        )

    async def start(self) -> None:
        """Connect; events arrive from then on."""
        await self._handler.connect_async()  # type: ignore[no-untyped-call]  # slack_bolt leaves it untyped

    async def stop(self) -> None:
        """Disconnect and let nothing run on."""
        await self._handler.close_async()  # type: ignore[no-untyped-call]  # slack_bolt leaves it untyped
