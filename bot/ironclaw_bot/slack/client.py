"""Talking to the Slack Web API: one way to make a client, one way to read its refusals."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from ironclaw.errors import TryLater

TIMEOUT = 10  #: Seconds for one call.
#: The client of a workspace's installation; "" is the bot's own workspace.
ClientForTeam = Callable[[str], AsyncWebClient]
#: Every Web API method that this door calls, for the manifest's scopes.
METHODS = frozenset(
    {
        "apps.connections.open",
        "auth.test",
        "chat.postEphemeral",
        "chat.postMessage",
        "chat.update",
        "usergroups.users.list",
        "users.info",
        "views.open",
        "views.publish",
    }
)


def web_client(token: str, base_url: str, session: aiohttp.ClientSession | None = None) -> AsyncWebClient:
    """A client that never repeats a call by itself: a message sent twice is a message too many.

    What has to be repeated is repeated by the outbox, from its row.

    :param session: keeps connections between calls; the caller closes it.  None: a new one for each call
    """
    return AsyncWebClient(token=token, base_url=base_url, timeout=TIMEOUT, session=session, retry_handlers=[])


def later(error: Exception) -> TryLater | None:
    """The pause that a failed call asks for, or None when trying again is no use."""
    if isinstance(error, aiohttp.ClientError | TimeoutError | OSError):
        return TryLater("Slack did not answer.", seconds=2.0)
    if not isinstance(error, SlackApiError):
        return None
    status = int(error.response.status_code or 0)
    if status == 429:
        return TryLater("Slack asked for a pause.", seconds=_pause(error))
    if status >= 500 or reason(error) in ("internal_error", "fatal_error", "service_unavailable"):
        return TryLater("Slack has a fault.", seconds=5.0)
    return TryLater("Slack asked for a pause.") if reason(error) == "ratelimited" else None


def reason(error: SlackApiError) -> str:
    """Slack's own word for it, such as ``channel_not_found``."""
    data = error.response.data
    return str(data.get("error", "")) if isinstance(data, dict) else ""


def _pause(error: SlackApiError) -> float:
    headers = {str(name).lower(): value for name, value in error.response.headers.items()}
    try:
        return min(max(float(headers.get("retry-after", 1)), 1.0), 600.0)
    except (TypeError, ValueError):
        return 1.0
