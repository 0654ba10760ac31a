"""The settings of what workflows may use: of the whole process, and what a tenant has less of."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, field_validator

from ironclaw.settings.forms import is_blank

LESS = "Of this tenant, where less than the common one."


class TenantBudgets(BaseModel):
    """What of it a tenant may have less of."""

    max_steps: int | None = Field(None, ge=1, le=1000, description=LESS)
    max_tokens: int | None = Field(None, ge=1, description="Likewise.")
    max_seconds: float | None = Field(None, gt=0, description="Likewise.")
    max_cost: float | None = Field(None, ge=0, allow_inf_nan=False, description="Likewise.")
    budget_per_day: float | None = Field(None, ge=0, allow_inf_nan=False, description="Likewise.")
    history_tokens: int | None = Field(None, ge=0, description="Likewise.")
    context_tokens: int | None = Field(None, ge=2_000, description="Likewise.")
    result_kb: int | None = Field(None, ge=1, description="Likewise.")


class BudgetSettings(BaseModel):
    """Of the whole process."""

    max_steps: int = Field(20, ge=1, le=1000, description="Turns of the brain in one workflow.")
    max_tokens: int = Field(200_000, ge=1, description="Tokens in one workflow, as the provider counts them.")
    max_seconds: float = Field(
        600, gt=0, description="Working time of one workflow; waiting for people is free."
    )
    max_cost: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Dollars that one workflow's models may cost, by prices; not set: no limit.",
    )
    budget_per_day: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Likewise of all workflows of one tenant, in a day that begins at 00:00 UTC.",
    )
    history_tokens: int = Field(4_000, ge=0, description="How much of a thread's past the brain sees, about.")
    context_tokens: int = Field(
        128_000, ge=2_000, description="What the model can read at once; what is longer is summed up."
    )
    result_kb: int = Field(
        24, ge=1, description="KiB of a tool's result that the brain sees whole; of a longer one, a preview."
    )

    @field_validator("max_cost", "budget_per_day", mode="before")
    @classmethod
    def _no_blank_limit(cls, value: Any) -> Any:
        return None if is_blank(value) else value
