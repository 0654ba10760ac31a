"""Who is a tenant, which Slack workspace is whose, and for whom anything is done."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ironclaw.errors import SettingsError, Suspended
from ironclaw.settings import Settings, TenantSettings, twin_of
from ironclaw.task import TenantState


class Known:
    """Part of :class:`ironclaw.tenancy.Tenancy`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tenants = dict(settings.tenants)
        self.own = ""  #: The tenant of the bot's own workspace, once it is adopted.
        self._workspaces = _workspaces(settings.tenants)
        self._states: Mapping[str, TenantState] = {}  #: Of those that are not active.
        self._news = asyncio.Event()  #: Set, and another one, when the states are others.

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(name for name in self._tenants if not self.state(name).is_gone)

    @property
    def workspaces(self) -> dict[str, str]:
        """Tenant by Slack team or enterprise id."""
        return {team: name for team, name in self._workspaces.items() if self.tenant(name)}

    def tenant(self, tenant_id: str) -> TenantSettings | None:
        return None if self.state(tenant_id).is_gone else self._tenants.get(tenant_id)

    def named(self, tenant_id: str) -> TenantSettings | None:
        """What the settings say of a tenant, also of one that was forgotten."""
        return self._tenants.get(tenant_id)

    def of_workspace(self, team_id: str, enterprise_id: str = "") -> str | None:
        """The team's tenant; an enterprise's where the team itself is not named."""
        named = self._workspaces.get(team_id) or (
            self._workspaces.get(enterprise_id) if enterprise_id else None
        )
        return named if named and self.tenant(named) else None

    def is_gone(self, tenant_id: str) -> bool:
        """Whether nobody is this tenant any more.  Until the bot's own workspace is known, it may be that."""
        awaits_own = self._settings.slack_bot_token is not None and not self.own
        return self.tenant(tenant_id) is None and not awaits_own

    # Whether something is done for them

    def learn_states(self, states: Mapping[str, TenantState]) -> None:
        """Take the database's word for who is served; of whom it says nothing is."""
        before, news = self._states, self._news
        self._states = {name: state for name, state in states.items() if state is not TenantState.ACTIVE}
        if before != self._states:
            self._news = asyncio.Event()
            news.set()

    async def closing(self, tenant_id: str) -> None:
        """Return once nothing is done for this tenant any more."""
        while self.state(tenant_id) is TenantState.ACTIVE:
            await self._news.wait()

    async def opening(self, tenant_id: str) -> None:
        """Return once something may be done for this tenant."""
        while self.state(tenant_id) is not TenantState.ACTIVE:
            await self._news.wait()

    def state(self, tenant_id: str) -> TenantState:
        return self._states.get(tenant_id, TenantState.ACTIVE)

    def serves(self, tenant_id: str) -> bool:
        """Whether anything may be done for this tenant now."""
        return tenant_id in self._tenants and self.state(tenant_id) is TenantState.ACTIVE

    def check_served(self, tenant_id: str) -> None:
        """
        :raises Suspended: nothing is done for this tenant now
        """
        if self.state(tenant_id) is not TenantState.ACTIVE:
            raise Suspended

    def reread(self, fresh: Settings) -> None:
        """Have the tenants of these settings; who is not in them any more stays until the next start.

        :raises SettingsError: two of them differ in letters' case alone; nothing was changed
        """
        own = {name: each for name, each in self._tenants.items() if name not in fresh.tenants}
        if twin := twin_of([*own, *fresh.tenants]):
            raise SettingsError(f"tenants: {twin} is there in other letters too. Nothing was changed.")
        kept = {team: name for team, name in self._workspaces.items() if name in own}
        self._tenants = {**own, **fresh.tenants}
        self._workspaces = {**kept, **_workspaces(fresh.tenants)}

    def adopt(self, team_id: str) -> str:
        """Make the bot's own workspace a tenant of its id, unless the settings say whose it is.

        :return: the tenant's id
        :raises SettingsError: a tenant has this id in letters of another case
        """
        if team_id not in self._workspaces and (twin := twin_of(self._tenants, team_id)):
            raise SettingsError(f"tenants: {twin} is the bot's own workspace {team_id} in other letters.")
        self.own = self._workspaces.setdefault(team_id, team_id)
        if self.own not in self._tenants:
            approvers = tuple(
                f"slack:{team_id}:{each}" if ":" not in each else each for each in self._settings.approvers
            )
            self._tenants[team_id] = TenantSettings(slack=(team_id,), approvers=approvers)
        return self.own


def _workspaces(tenants: Mapping[str, TenantSettings]) -> dict[str, str]:
    return {team: name for name, tenant in tenants.items() for team in tenant.slack}
