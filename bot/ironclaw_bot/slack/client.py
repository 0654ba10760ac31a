"""Talking to the Slack Web API: one way to make a client, one way to read its refusals."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from ironclaw.errors import TryLater

log = structlog.get_logger(__name__)

TIMEOUT = 10  #: Seconds for one call.
AWAY_PAUSE = 2.0  #: Seconds between tries while Slack does not answer; the outbox makes them longer.
FAULT_PAUSE = 5.0  #: The same while it says that it has a fault.
DEAD_PAUSE = 60.0  #: Seconds between tries while Slack refuses the token.
#: What Slack says to a token that it does not take, until the operator has seen to it.
DEAD = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "not_authed",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    }
)
REFUSED = (
    "Slack refuses the bot's token: nothing can be told there, and nothing is lost meanwhile. "
    "Install the app again, or set SLACK_BOT_TOKEN to the new token and restart."
)
#: Scopes with which the bot looks whether it has said something already.
LOOKING = frozenset({"channels:history", "groups:history", "im:history", "im:write", "mpim:history"})
MISSING = "Install the app again with manifest.yml: without them an answer may wait after a crash."
#: Slack's words for a fault of its own: some of what was asked may have been done.
_FAULTS = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})
#: The client of a workspace's installation; "" is the bot's own workspace.
ClientForTeam = Callable[[str], AsyncWebClient]
#: Every Web API method that this door calls, for the manifest's scopes.
METHODS = frozenset(
    {
        "apps.connections.open",
        "auth.test",
        "chat.getPermalink",
        "chat.postEphemeral",
        "chat.postMessage",
        "chat.update",
        "conversations.history",
        "conversations.open",
        "conversations.replies",
        "usergroups.users.list",
        "users.info",
        "views.open",
        "views.publish",
    }
)


class Token:
    """Whether Slack takes the bot's token, by what it said last."""

    def __init__(self) -> None:
        self.is_good = True
        self._refused = asyncio.Event()

    def hear(self, word: str) -> None:
        """
        :param word: Slack's word for why it refused a call; "" where it took one
        """
        was_good, self.is_good = self.is_good, word not in DEAD
        if was_good and not self.is_good:
            log.error("slack_token_refused", error=word, what=REFUSED)
            self._refused.set()
        elif self.is_good and not was_good:
            log.warning("slack_token_works_again")
            self._refused.clear()

    async def keep(self, client: AsyncWebClient, works_again: Callable[[], None]) -> None:
        """For ever: ask now and then while it is refused, and say when it is not any more."""
        while True:
            await self._refused.wait()
            await asyncio.sleep(DEAD_PAUSE / 2)
            with contextlib.suppress(SlackApiError, aiohttp.ClientError, OSError, TimeoutError):
                await client.auth_test()
            if self.is_good:
                works_again()


class Client(AsyncWebClient):
    """A client that notes what Slack thinks of its token."""

    def __init__(self, token: str, base_url: str, session: aiohttp.ClientSession | None) -> None:
        super().__init__(token=token, base_url=base_url, timeout=TIMEOUT, session=session, retry_handlers=[])
        self.standing = Token()

    async def api_call(self, *words: Any, **options: Any) -> AsyncSlackResponse:
        try:
            response = await super().api_call(*words, **options)
        except SlackApiError as error:
            if reason(error) and _status(error) < 429:  # Others say nothing of the token.
                self.standing.hear(reason(error))
            raise
        self.standing.hear("")
        return response


def web_client(token: str, base_url: str, session: aiohttp.ClientSession | None = None) -> Client:
    """A client that never repeats a call by itself: a message sent twice is a message too many.

    What has to be repeated is repeated by the outbox, from its row.

    :param session: keeps connections between calls; the caller closes it.  None: a new one for each call
    """
    return Client(token, base_url, session)


def missing_scopes(response: AsyncSlackResponse) -> list[str]:
    """What the token may not, of what a look for an answer after a crash needs; by Slack's own word.

    :param response: to any call
    """
    headers = {str(name).lower(): str(value) for name, value in response.headers.items()}
    granted = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",")}
    return sorted(LOOKING - granted) if "x-oauth-scopes" in headers else []


def later(error: Exception) -> TryLater | None:
    """The pause that a failed call asks for, or None when trying again is no use."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return TryLater("Slack cannot be reached.", seconds=AWAY_PAUSE)
    if isinstance(error, aiohttp.ClientError | TimeoutError | OSError):
        return TryLater("Slack did not answer.", seconds=AWAY_PAUSE, is_uncertain=True)
    if not isinstance(error, SlackApiError):
        return None
    word = reason(error)
    if _status(error) == 429 or word in ("ratelimited", "rate_limited"):
        return TryLater("Slack asked for a pause.", seconds=_pause(error), is_for_all=True)
    if _status(error) >= 500 or word in _FAULTS or not word:
        return TryLater("Slack has a fault.", seconds=FAULT_PAUSE, is_uncertain=True)
    if word in DEAD:
        return TryLater(REFUSED, seconds=DEAD_PAUSE, is_for_all=True)
    return None


def reason(error: SlackApiError) -> str:
    """Slack's own word for it, such as ``channel_not_found``; "" where it gave none."""
    data = getattr(error.response, "data", None)
    return str(data.get("error", "")) if isinstance(data, dict) else ""


def _status(error: SlackApiError) -> int:
    """0 where the answer could not be read: what is then in the error has another shape."""
    return int(getattr(error.response, "status_code", None) or 0)


def _pause(error: SlackApiError) -> float:
    headers = {str(name).lower(): value for name, value in error.response.headers.items()}
    try:
        return min(max(float(headers.get("retry-after", 1)), 1.0), 600.0)
    except (TypeError, ValueError):
        return 1.0
