"""Who acts: a principal of ours; and, before a decision, whether Slack calls them a full member.

Guests and outsiders never approve, whatever a list says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError

from ironclaw.app import Ironclaw
from ironclaw.errors import IdentityError
from ironclaw.task import Principal, SlackIdentity
from ironclaw_bot.slack.client import ClientForTeam

KEPT = 300.0  #: Seconds that an answer of Slack's is good for.
ASKING = 2.0  #: Seconds: a click must be answered within three.
MOST = 10_000  #: People remembered.

GUEST = "Guests and people of other workspaces cannot decide here. Ask a full member who is an approver."
UNKNOWN = (
    "Slack did not say just now whether you are a full member, so nothing was decided. Please click again."
)

log = structlog.get_logger(__name__)


async def principal_of(who: SlackIdentity, app: Ironclaw) -> Principal | None:
    """Who the engine says this is, or None for somebody of a workspace that it does not know."""
    try:
        return await app.authenticate(who)
    except IdentityError:
        log.warning("slack_unknown_workspace", team=who.team_id)
        return None


class People:
    """Who is a full member, asked of Slack and remembered for five minutes."""

    def __init__(self, clients: ClientForTeam, clock: Callable[[], float] = time.monotonic) -> None:
        self._clients = clients
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[bool, float]] = {}

    async def refusal(self, who: SlackIdentity) -> str:
        """Why this person may not decide, or "" for a full member.  Not knowing is a refusal."""
        key = (who.team_id, who.user_id)
        is_member, until = self._known.get(key, (False, 0.0))
        if until <= self._clock():
            try:
                is_member = await self._ask(who)
            except (SlackApiError, aiohttp.ClientError, OSError, TimeoutError) as error:
                log.warning("slack_users_info_failed", team=who.team_id, error=type(error).__name__)
                return UNKNOWN
            self._remember(key, is_member)
        return "" if is_member else GUEST

    async def _ask(self, who: SlackIdentity) -> bool:
        async with asyncio.timeout(ASKING):
            response = await self._clients(who.team_id).users_info(user=who.user_id)
        user = response.get("user")
        return isinstance(user, dict) and is_full_member(user, who)

    def _remember(self, key: tuple[str, str], is_member: bool) -> None:
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key] = (is_member, self._clock() + KEPT)


def is_full_member(user: Mapping[str, Any], who: SlackIdentity) -> bool:
    """Whether a user object of Slack's is this very person, and neither guest, outsider, bot nor gone."""
    flags = ("is_restricted", "is_ultra_restricted", "is_stranger", "is_bot", "deleted")
    if user.get("id") != who.user_id or any(user.get(flag) for flag in flags):
        return False
    organisation = (user.get("enterprise_user") or {}).get("enterprise_id")
    is_home = user.get("team_id") in (None, "", who.team_id)
    return is_home or bool(who.enterprise_id and organisation == who.enterprise_id)
