"""The settings of how long things are kept: of all tenants, and a tenant's own."""

from __future__ import annotations

from pydantic import BaseModel, Field

OWN = "Of this tenant, in the place of the common one."


class TenantRetention(BaseModel):
    """What a tenant may say otherwise, longer or shorter."""

    history_days: float | None = Field(None, ge=0, description=OWN)
    memory_days: float | None = Field(None, ge=0, description="Likewise.")
    audit_days: float | None = Field(None, ge=0, description="Likewise.")


class RetentionSettings(BaseModel):
    """Of all tenants."""

    history_days: float = Field(
        0, ge=0, description="Days that the texts of a task are kept after its end; 0 for ever."
    )
    memory_days: float = Field(0, ge=0, description="Days that a memory is kept; 0 for ever.")
    audit_days: float = Field(
        0,
        ge=0,
        description="Days that the audit log says what a task did, after its end; 0 for ever. "
        "Commitments stay, so the chain can be verified.",
    )
