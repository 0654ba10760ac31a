"""What the engine lends to a plugin, without the engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ironclaw.redaction import Values
from ironclaw.settings import Settings, TenantSettings
from ironclaw.tenancy import Tenancy


@dataclass
class PlainServices:
    """Services that know the settings' tenants and remember in memory."""

    settings: Settings
    seen: dict[tuple[str, str], float] = field(default_factory=dict)
    secrets: dict[str, Values] = field(default_factory=dict)  #: By tenant.
    clock: Callable[[], float] = time.time
    tenancy: Tenancy | None = None  #: Where user groups were learned.
    restored: float = 0.0

    def tenant(self, tenant_id: str) -> TenantSettings | None:
        return self.settings.tenants.get(tenant_id)

    def tenant_of_workspace(self, team_id: str, enterprise_id: str = "") -> str | None:
        for name, tenant in self.settings.tenants.items():
            if {team_id, enterprise_id} & set(tenant.slack):
                return name
        return None

    def roles(self, tenant_id: str, principal_id: str) -> frozenset[str]:
        return (self.tenancy or Tenancy(self.settings)).roles(tenant_id, principal_id)

    def person(self, tenant_id: str, principal_id: str) -> str:
        return Tenancy(self.settings).person(tenant_id, principal_id)

    def now(self) -> float:
        return self.clock()

    def restored_at(self) -> float:
        return self.restored

    async def remember(self, source: str, event_id: str, until: float) -> bool:
        if (source, event_id) in self.seen:
            return False
        self.seen[source, event_id] = until
        return True

    def hide_secrets(self, tenant: str, text: str) -> str:
        return self.secrets[tenant].redact(text) if tenant in self.secrets else text
