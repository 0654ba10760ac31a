"""Looks whether a message stands in Slack already, where nobody noted what came of posting it.

Each message that tells a notice carries a mark in its metadata: a digest, the same for all that stands in one
place about one subject.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from ironclaw.canonical import digest
from ironclaw.errors import TryLater
from ironclaw.task import Notice
from ironclaw_bot.slack.client import ClientForTeam, reason

EVENT = "ironclaw_notice"  #: The type of our metadata.
MARGIN = 2 * 3600.0  #: Seconds that our clock may have been ahead of Slack's when it was posted.
PAGE = 200  #: Messages that are asked for at once.
NOT_ALLOWED_PAUSE = 300.0  #: Seconds between tries while Slack does not let us look.
#: Slack's words for a place in which nothing of ours can stand.
_NOTHING_THERE = ("channel_not_found", "not_in_channel", "thread_not_found", "user_not_found")
log = structlog.get_logger(__name__)


def mark(notice: Notice) -> str:
    """Says nothing to anybody else: other apps can read it."""
    return digest([notice.tenant, notice.subject, dict(notice.address.place)])[:32]


def metadata(notice: Notice) -> dict[str, Any]:
    """For the message that tells it."""
    return {"event_type": EVENT, "event_payload": {"id": mark(notice)}}


class Finder:
    """Finds our own messages by their mark."""

    def __init__(self, clients: ClientForTeam) -> None:
        self._clients = clients
        self._me: dict[str, str] = {}  #: The bot's user id, by workspace.

    async def find(self, notice: Notice) -> Mapping[str, str] | None:
        """Where the notice's subject stands, or None where it was never posted.

        :raises SlackApiError, aiohttp.ClientError, OSError, TimeoutError: Slack did not say
        :raises TryLater: Slack does not let us look
        """
        place = notice.address.place
        team, oldest = place.get("team", ""), max(0.0, notice.tried_at - MARGIN)
        client = self._clients(team)
        try:
            who = (await self._who(team, client), mark(notice))
            found = await _in(client, place["channel"], place.get("thread_ts", ""), oldest, who)
            return found or await _in_direct(client, place.get("user", ""), oldest, who)
        except SlackApiError as error:
            if reason(error) not in ("missing_scope", "access_denied", "no_permission"):
                raise
            log.error("slack_may_not_look", error=reason(error), scopes=str(error.response.get("needed", "")))
            raise TryLater(
                "Slack does not let us look.", seconds=NOT_ALLOWED_PAUSE, is_uncertain=True
            ) from None

    async def _who(self, team: str, client: AsyncWebClient) -> str:
        """Ourselves: another app's message with our mark is not ours."""
        if team not in self._me:
            self._me[team] = str((await client.auth_test())["user_id"])
        return self._me[team]


async def _in(
    client: AsyncWebClient, channel: str, thread_ts: str, oldest: float, who: tuple[str, str]
) -> Mapping[str, str] | None:
    """The first message of ours with the mark, in a thread or at the top of a channel."""
    try:
        async for message in _messages(client, channel, thread_ts, oldest):
            if (message.get("user"), _mark_of(message)) == who:
                return {"channel": channel, "ts": str(message["ts"])}
    except SlackApiError as error:
        if reason(error) not in _NOTHING_THERE:
            raise
    return None


async def _in_direct(
    client: AsyncWebClient, user: str, oldest: float, who: tuple[str, str]
) -> Mapping[str, str] | None:
    """Where it went if the bot may not speak in the place that was meant."""
    if not user:
        return None
    try:
        opened = await client.conversations_open(users=user)
    except SlackApiError as error:
        if reason(error) not in _NOTHING_THERE:
            raise
        return None
    return await _in(client, str(opened["channel"]["id"]), "", oldest, who)


async def _messages(
    client: AsyncWebClient, channel: str, thread_ts: str, oldest: float
) -> AsyncIterator[Mapping[str, Any]]:
    cursor = ""
    asked: dict[str, Any] = {"channel": channel, "oldest": f"{oldest:.6f}", "limit": PAGE}
    asked["include_all_metadata"] = True
    while True:
        if thread_ts:
            page = await client.conversations_replies(ts=thread_ts, cursor=cursor, **asked)
        else:
            page = await client.conversations_history(cursor=cursor, **asked)
        for message in page.get("messages") or ():
            yield message
        cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
        if not cursor:
            return


def _mark_of(message: Mapping[str, Any]) -> str:
    found = message.get("metadata")
    if not isinstance(found, dict) or found.get("event_type") != EVENT:
        return ""
    payload = found.get("event_payload")
    return str(payload.get("id", "")) if isinstance(payload, dict) else ""
