"""Who acts: a principal of ours; and what Slack says they are here: a member, a guest, or of elsewhere.

Guests and outsiders never approve, whatever a list says.  Outsiders never ask; guests only where the tenant's
settings let them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError

from ironclaw.app import Ironclaw
from ironclaw.errors import IdentityError, Suspended
from ironclaw.task import Principal, SlackIdentity
from ironclaw.timing import check_zone
from ironclaw_bot.slack.client import ClientForTeam

KEPT = 300.0  #: Seconds that an answer of Slack's is good for.
ASKING = 2.0  #: Seconds: a click must be answered within three.
MOST = 10_000  #: People remembered.

GUEST = "Guests and people of other workspaces cannot decide here. Ask a full member who is an approver."
UNKNOWN = (
    "Slack did not say just now whether you are a full member, so nothing was decided. Please click again."
)
NO_OUTSIDERS = "People of other organizations cannot use IronClaw here. Ask a member of this workspace."
NO_GUESTS = "Guests cannot use IronClaw here. Ask a member of this workspace."
NOT_KNOWN = "Slack did not say just now who you are here, so nothing was done. Please try again."

log = structlog.get_logger(__name__)


class Standing(Enum):
    """What somebody is in a workspace."""

    MEMBER = "member"  #: A full member of the workspace or its organisation.
    GUEST = "guest"  #: Invited by the workspace, into some of its channels.
    OUTSIDER = "outsider"  #: Of another company (Slack Connect), a bot, or gone.


async def principal_of(who: SlackIdentity, app: Ironclaw) -> Principal | None:
    """Who the engine says this is, or None for somebody of a workspace that it does not know."""
    try:
        return await app.authenticate(who)
    except IdentityError:
        log.warning("slack_unknown_workspace", team=who.team_id)
        return None


class People:
    """What people are, asked of Slack and remembered for five minutes."""

    def __init__(self, clients: ClientForTeam, clock: Callable[[], float] = time.monotonic) -> None:
        self._clients = clients
        self._clock = clock
        self._zones: dict[tuple[str, str], str] = {}
        self._known: dict[tuple[str, str], tuple[Standing, float]] = {}
        self._asking: dict[tuple[str, str], asyncio.Task[Standing | None]] = {}

    async def refusal(self, who: SlackIdentity) -> str:
        """Why this person may not decide, or "" for a full member.  Not knowing is a refusal."""
        standing = await self._standing(who)
        return {Standing.MEMBER: "", None: UNKNOWN}.get(standing, GUEST)

    async def turned_away(self, who: SlackIdentity, principal: Principal, app: Ironclaw) -> str:
        """Why this person may not use the bot at all, or "".  Not knowing is a refusal."""
        if is_outsider(who, principal):
            return NO_OUTSIDERS
        if app.is_suspended(principal.tenant):
            return str(Suspended())
        tenant = app.tenant(principal.tenant)
        match await self._standing(who):
            case Standing.MEMBER:
                return ""
            case Standing.GUEST:
                return "" if tenant and tenant.guests else NO_GUESTS
            case Standing.OUTSIDER:
                return NO_OUTSIDERS
        return NOT_KNOWN

    def zone(self, who: SlackIdentity) -> str:
        """The IANA name of somebody's time zone, as Slack said when it was asked who they are; or ""."""
        return self._zones.get((who.team_id, who.user_id), "")

    async def _standing(self, who: SlackIdentity) -> Standing | None:
        """From memory, or of Slack, asked once for all who wait; None when Slack does not say."""
        key = (who.team_id, who.user_id)
        known = self._known.get(key)
        if known and known[1] > self._clock():
            return known[0]
        if key not in self._asking:
            self._asking[key] = asyncio.create_task(self._ask(who))
            self._asking[key].add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(self._asking[key])

    async def _ask(self, who: SlackIdentity) -> Standing | None:
        try:
            async with asyncio.timeout(ASKING):
                response = await self._clients(who.team_id).users_info(user=who.user_id)
        except (SlackApiError, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("slack_users_info_failed", team=who.team_id, error=type(error).__name__)
            return None
        user = response.get("user")
        standing = standing_of(user, who) if isinstance(user, dict) else Standing.OUTSIDER
        self._remember((who.team_id, who.user_id), standing, _zone(user))
        return standing

    def _remember(self, key: tuple[str, str], standing: Standing, zone: str) -> None:
        if len(self._known) >= MOST:
            self._known.clear()
            self._zones.clear()
        self._zones[key] = zone
        self._known[key] = (standing, self._clock() + KEPT)


def is_outsider(who: SlackIdentity, principal: Principal) -> bool:
    """Whether the payload itself says that somebody of another company acts (Slack Connect)."""
    return principal.id != f"slack:{who.team_id}:{who.user_id}"


def _zone(user: Any) -> str:
    """Of a user object of Slack's; "" where it says none that there is."""
    try:
        return check_zone(str(user.get("tz") or "")) if isinstance(user, dict) else ""
    except ValueError:
        return ""


def standing_of(user: Mapping[str, Any], who: SlackIdentity) -> Standing:
    """What a user object of Slack's says this very person is."""
    if user.get("id") != who.user_id or any(user.get(flag) for flag in ("is_stranger", "is_bot", "deleted")):
        return Standing.OUTSIDER
    organisation = (user.get("enterprise_user") or {}).get("enterprise_id")
    is_home = user.get("team_id") in (None, "", who.team_id)
    if not is_home and not (who.enterprise_id and organisation == who.enterprise_id):
        return Standing.OUTSIDER
    is_guest = user.get("is_restricted") or user.get("is_ultra_restricted")
    return Standing.GUEST if is_guest else Standing.MEMBER
