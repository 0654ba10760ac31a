"""Who acts in Slack: a workspace is a tenant, a person is ``slack:TEAM:USER``.

The approver list is explicit.  Somebody of another company (Slack Connect) is known by their own
workspace, so a name on the list never fits them by chance.
"""

from __future__ import annotations

import re

from ironclaw.errors import IdentityError
from ironclaw.hookspecs import Services, hookimpl
from ironclaw.task import Credential, Principal, SlackIdentity

_TEAM = re.compile(r"[TE][A-Z0-9]{1,31}")
_USER = re.compile(r"[UW][A-Z0-9]{1,31}")


class AuthSlack:
    """Turns what the Slack edge verified into a principal."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @hookimpl
    async def ironclaw_authenticate(self, credential: Credential) -> Principal | None:
        """The principal behind a Slack payload.

        :raises IdentityError: no tenant's workspace, or ids that Slack never gives
        """
        if not isinstance(credential, SlackIdentity):
            return None
        tenant_id = self._tenant_of(credential)
        person = f"slack:{self._team_of(credential, tenant_id)}:{credential.user_id}"
        return Principal(tenant_id, person, self._services.roles(tenant_id, person))

    def _tenant_of(self, who: SlackIdentity) -> str:
        ids = (who.team_id, who.user_team_id or who.team_id)
        if not all(_TEAM.fullmatch(team) for team in ids) or not _USER.fullmatch(who.user_id):
            raise IdentityError("This is not how Slack names a workspace and a person.")
        tenant = self._services.tenant_of_workspace(who.team_id, who.enterprise_id)
        if tenant is None:
            raise IdentityError(
                "This Slack workspace belongs to no tenant. Add it to [tenants] in ironclaw.toml."
            )
        return tenant

    def _team_of(self, who: SlackIdentity, tenant_id: str) -> str:
        """The workspace in a person's id: the one they act in, unless they come from elsewhere.

        Within one tenant (the workspaces of one organisation) a person keeps one id, whichever of
        them a payload happens to call home: a second id could approve what the first one asked for.
        """
        home = who.user_team_id or who.team_id
        if home == who.team_id or self._services.tenant_of_workspace(home) == tenant_id:
            return who.team_id
        return home
