"""Whether the plugins and the brain of the settings could be built, said without opening anything else."""

from __future__ import annotations

import time

from ironclaw.app.mind import brains_of
from ironclaw.plugin_manager import load
from ironclaw.settings import Settings, TenantSettings
from ironclaw.tenancy import Tenancy


def check_plugins(settings: Settings) -> None:
    """Build the plugins as a start would, and let them go again.

    :raises SettingsError: nothing would start
    """
    brains_of(settings, load(settings.plugins, _Unopened(settings)))


class _Unopened:
    """As :class:`ironclaw.hookspecs.Services` promises them, of an engine that has no database."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._tenancy = Tenancy(settings, time.time)

    def tenant(self, tenant_id: str) -> TenantSettings | None:
        return self._tenancy.tenant(tenant_id)

    def tenant_of_workspace(self, team_id: str, enterprise_id: str = "") -> str | None:
        return self._tenancy.of_workspace(team_id, enterprise_id)

    def roles(self, tenant_id: str, principal_id: str) -> frozenset[str]:
        return self._tenancy.roles(tenant_id, principal_id)

    def person(self, tenant_id: str, principal_id: str) -> str:
        return self._tenancy.person(tenant_id, principal_id)

    def now(self) -> float:
        return time.time()

    def restored_at(self) -> float:
        return 0.0

    async def remember(self, source: str, event_id: str, until: float) -> bool:
        return False

    def hide_secrets(self, tenant: str, text: str) -> str:
        return text
