"""Who is in the user groups that the operator's groups name, asked of Slack before they decide something."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError

from ironclaw.app import Ironclaw
from ironclaw.errors import IronclawError
from ironclaw.task import Principal, SlackIdentity
from ironclaw_bot.slack.client import ClientForTeam, reason
from ironclaw_bot.slack.people import principal_of

KEPT = 300.0  #: Seconds that Slack's word is good for.
ASKING = 0.8  #: Seconds for all of a tenant's groups: a click must be answered within three, all in all.
#: Of a group that is of another workspace, or was removed: it has nobody here.
_NO_SUCH_GROUP = "no_such_subteam"
log = structlog.get_logger(__name__)


class Groups:
    """Keeps the engine's knowledge of user groups fresh.  Where Slack does not say, a group is nobody."""

    def __init__(self, app: Ironclaw, clients: ClientForTeam) -> None:
        self._app = app
        self._clients = clients
        self._good_until: dict[str, float] = {}
        self._turn = asyncio.Lock()

    async def principal_of(self, who: SlackIdentity) -> Principal | None:
        """Who acts, with the roles that Slack's groups give them now; None for an unknown workspace."""
        principal = await principal_of(who, self._app)
        if principal and await self.refresh(principal.tenant):
            return await principal_of(who, self._app)
        return principal

    async def refresh(self, tenant: str) -> bool:
        """Ask Slack where its word has grown old.

        :return: whether anything was learned, so that roles must be looked up again
        """
        async with self._turn:
            asked = self._app.slack_groups.of(tenant)
            if not asked or self._good_until.get(tenant, 0.0) > time.monotonic():
                return False
            members = await self._members(tenant, asked)
            if all(found is not None for found in members.values()):
                self._good_until[tenant] = time.monotonic() + KEPT
            for group_id, found in members.items():
                await self._app.slack_groups.learn(tenant, group_id, found or ())
            return True

    async def keep(self) -> None:
        """Ask again for as long as this runs: what is decided by a token goes by Slack's word too."""
        while True:
            for tenant in sorted(self._app.tenant_ids):
                try:
                    await self.refresh(tenant)
                except IronclawError as error:
                    log.warning("slack_groups_failed", tenant=tenant, error=type(error).__name__)
            await asyncio.sleep(KEPT / 2)

    async def _members(self, tenant: str, asked: frozenset[str]) -> dict[str, frozenset[str] | None]:
        """By group; None where Slack did not say."""
        try:
            async with asyncio.timeout(ASKING):
                found = await asyncio.gather(*(self._of_group(tenant, each) for each in sorted(asked)))
        except TimeoutError:
            log.warning("slack_groups_failed", tenant=tenant, error="TimeoutError")
            return dict.fromkeys(asked)
        return dict(zip(sorted(asked), found, strict=True))

    async def _of_group(self, tenant: str, group_id: str) -> frozenset[str] | None:
        settings = self._app.tenant(tenant)
        teams = [team for team in (settings.slack if settings else ()) if team.startswith("T")]
        found = [await self._of_team(team, group_id) for team in teams]
        known = [each for each in found if each is not None]
        return frozenset().union(*known) if len(known) == len(found) else None

    async def _of_team(self, team: str, group_id: str) -> frozenset[str] | None:
        try:
            response = await self._clients(team).usergroups_users_list(usergroup=group_id)
        except (SlackApiError, aiohttp.ClientError, OSError) as error:
            word = reason(error) if isinstance(error, SlackApiError) else type(error).__name__
            log.warning("slack_groups_failed", team=team, group=group_id, error=word)
            return frozenset() if word == _NO_SUCH_GROUP else None
        return frozenset(f"slack:{team}:{user}" for user in response.get("users") or ())
