"""What a tenant may use and touch."""

from __future__ import annotations

from typing import Any

from ironclaw.budgets import MICROS, Budgets
from ironclaw.capabilities import Limits, Quota, Room
from ironclaw.settings import TenantSettings
from ironclaw.tenancy.known import Known


class Limited(Known):
    """Part of :class:`ironclaw.tenancy.Tenancy`."""

    def room(self, tenant_id: str) -> Room:
        """How much of this tenant, and of all, may be at work or in the queue."""
        tenant = self.tenant(tenant_id)
        return Room(tenant.max_open if tenant else 0, self._settings.max_open)

    def max_running(self, tenant_id: str) -> int:
        """How much of this tenant one process works on at once; of one that has left, what ends it."""
        tenant = self.tenant(tenant_id)
        return tenant.max_running if tenant else 1

    def budgets(self, tenant_id: str) -> Budgets:
        """What this tenant's workflows may use."""
        return Budgets(
            steps=self._least(tenant_id, "max_steps"),
            tokens=self._least(tenant_id, "max_tokens"),
            seconds=self._least(tenant_id, "max_seconds"),
            history_tokens=self._least(tenant_id, "history_tokens"),
            context_tokens=self._least(tenant_id, "context_tokens"),
            output_tokens=self._own(tenant_id, "max_output_tokens") or 0,
            result_bytes=self._least(tenant_id, "result_kb") * 1024,
            cost=_micros(self._least(tenant_id, "max_cost")),
            per_day=_micros(self._least(tenant_id, "budget_per_day")),
        )

    def approval_minutes(self, tenant_id: str) -> float:
        """How long people have to decide, or to answer."""
        return (self.tenant(tenant_id) or TenantSettings()).approval_minutes

    def max_memories(self, tenant_id: str) -> int:
        """How many memories a tenant may have; none where it is not there."""
        tenant = self.tenant(tenant_id)
        return tenant.max_memories if tenant else 0

    def days(self, tenant_id: str, what: str) -> float:
        """How long something of this tenant is kept; 0 for ever.

        :param what: "history", "memory" or "audit"
        """
        return float(self._own(tenant_id, f"{what}_days") or 0)

    # Tools

    def has_toolbox(self, tenant_id: str, toolbox: str) -> bool:
        """Whether this tenant has the tools of a toolbox."""
        tenant = self.tenant(tenant_id)
        return tenant is not None and (tenant.toolboxes is None or toolbox in tenant.toolboxes)

    def http_allow(self, tenant_id: str) -> tuple[str, ...]:
        """The hosts that this tenant's tools may ask."""
        tenant = self.tenant(tenant_id)
        return self._settings.http_allow + (tenant.http_allow if tenant else ())

    def every_host(self) -> tuple[str, ...]:
        """The hosts that anybody's tools may ask."""
        return self._settings.http_allow + tuple(
            host for tenant in self._tenants.values() for host in tenant.http_allow
        )

    def most(self, tenant_id: str) -> Limits:
        """What one call of this tenant may use, whatever its toolbox says."""
        return Limits(
            fuel=self._least(tenant_id, "max_fuel"),
            memory_mb=self._least(tenant_id, "max_memory_mb"),
            seconds=self._least(tenant_id, "max_call_seconds"),
            output_bytes=self._least(tenant_id, "max_output_kb") * 1024,
        )

    def quota(self, tenant_id: str) -> Quota:
        """What this tenant's folder may hold."""
        return Quota(
            bytes=self._least(tenant_id, "scratch_mb") << 20, files=self._least(tenant_id, "scratch_files")
        )

    def _least(self, tenant_id: str, name: str) -> Any:
        """The tenant's own setting, where it is less than the common one."""
        named = (getattr(self._settings, name), getattr(self.tenant(tenant_id), name, None))
        return min((each for each in named if each is not None), default=None)

    def _own(self, tenant_id: str, name: str) -> Any:
        """The tenant's own setting, where it has one."""
        own = getattr(self.tenant(tenant_id), name, None)
        return getattr(self._settings, name, None) if own is None else own

    def card_copies(self, tenant_id: str) -> str:
        """The channel that gets a copy of every card; "" for none."""
        tenant = self.tenant(tenant_id)
        return tenant.approvals_channel if tenant else ""


def _micros(amount: float | None) -> int | None:
    return None if amount is None else round(amount * MICROS)
