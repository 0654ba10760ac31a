"""Asks before each turn of the brain whether its workflow and its tenant may still spend something."""

from __future__ import annotations

from collections.abc import Callable

from ironclaw.budgets import DAY, Budgets, money
from ironclaw.errors import BrainError
from ironclaw.store import Flow, Store

LESS = "Ask for less at once."
NO_PRICE = (
    "Stopped: what this costs is limited, and a model that was asked has no price. Whoever operates this "
    "names it in `prices`, or takes max_cost and budget_per_day out of the settings."
)


class Spending:
    """Holds workflows to their budgets.

    Turns that are under way are not counted: of a tenant's day, as many as run at once may go beyond it.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def check(self, flow: Flow, budgets: Budgets) -> None:
        """
        :raises BrainError: one of them is used up; its sentence is for people
        """
        if flow.steps >= budgets.steps:
            raise BrainError(f"Stopped after {flow.steps} steps, which is the limit. {LESS}")
        if flow.tokens >= budgets.tokens:
            raise BrainError(f"Stopped after {flow.tokens} tokens, which is over the limit. {LESS}")
        if flow.worked >= budgets.seconds:
            raise BrainError(f"Stopped after {flow.worked:.0f} s of work, which is the limit. {LESS}")
        if flow.tokens and (budgets.cost is not None or budgets.per_day is not None):
            await self._check_cost(flow, budgets.cost)
        if budgets.per_day is not None:
            await self._check_day(flow.tenant, budgets.per_day)

    async def _check_cost(self, flow: Flow, most: int | None) -> None:
        total = await self._store.model_calls.total(flow.id)
        if total is None:
            return
        if total.micros is None:
            raise BrainError(NO_PRICE)
        if most is not None and total.micros >= most:
            raise BrainError(
                f"Stopped after {money(total.micros)} for models, of {money(most)} for one task. {LESS}"
            )

    async def _check_day(self, tenant: str, most: int) -> None:
        now = self._clock()
        if await self._store.model_calls.cost(tenant, now - now % DAY) >= most:
            raise BrainError(
                f"The budget for models is used up for today: {money(most)}. It begins anew at 00:00 UTC; "
                "whoever operates this can raise budget_per_day."
            )
