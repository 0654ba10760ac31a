"""What plugins may ask of the engine."""

from __future__ import annotations

from collections.abc import Callable

from ironclaw.secrets import Vault
from ironclaw.settings import Settings, TenantSettings
from ironclaw.store import Store
from ironclaw.tenancy import Tenancy


class TenantServices:
    """Those of them that need no database: what the settings say of tenants, and the time."""

    def __init__(self, settings: Settings, tenancy: Tenancy, clock: Callable[[], float]) -> None:
        self.settings = settings
        self._tenancy = tenancy
        self._clock = clock

    def tenant(self, tenant_id: str) -> TenantSettings | None:
        return self._tenancy.tenant(tenant_id)

    def tenant_of_workspace(self, team_id: str, enterprise_id: str = "") -> str | None:
        return self._tenancy.of_workspace(team_id, enterprise_id)

    def roles(self, tenant_id: str, principal_id: str) -> frozenset[str]:
        return self._tenancy.roles(tenant_id, principal_id)

    def person(self, tenant_id: str, principal_id: str) -> str:
        return self._tenancy.person(tenant_id, principal_id)

    def now(self) -> float:
        return self._clock()


class PluginServices(TenantServices):
    """As :class:`ironclaw.hookspecs.Services` promises them."""

    def __init__(
        self, settings: Settings, tenancy: Tenancy, store: Store, vault: Vault, clock: Callable[[], float]
    ) -> None:
        super().__init__(settings, tenancy, clock)
        self._store = store
        self._vault = vault

    def restored_at(self) -> float:
        return self._store.instance.restored_at

    async def remember(self, source: str, event_id: str, until: float) -> bool:
        return await self._store.outbox.remember(source, event_id, until)

    def hide_secrets(self, tenant: str, text: str) -> str:
        return self._vault.values(tenant).redact(text)
