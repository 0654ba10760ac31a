"""Asks before each turn of the brain whether its workflow and its tenant may still spend something."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ironclaw.budgets import DAY, Budgets, money
from ironclaw.errors import BrainError
from ironclaw.store import Flow, Store
from ironclaw.task import Brain, PricedBrain

LESS = "Ask for less at once."
NO_PRICE = (
    "Stopped: what this costs is limited, and a model that was asked has no price. Whoever operates this "
    "names it in `prices`, or takes max_cost and budget_per_day out of the settings."
)
WRITES = 4_000  #: Tokens that a turn is reckoned to write where max_output_tokens does not say.


class Spending:
    """Holds workflows to their budgets.

    A turn is begun while less than the budget is spent, and may end beyond it.  Of a tenant's day what each
    turn may cost is set aside before it asks, so of those that begin at once one may, and beside it only what
    they cost more than was reckoned.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def check(self, flow: Flow, budgets: Budgets, brain: Brain, tokens: int) -> int | None:
        """
        :param tokens: that the brain is about to read
        :return: micros after which nothing more is asked in this turn; None for no limit
        :raises BrainError: a budget is used up, or nobody knows the price; the sentence is for people
        :raises Conflict: somebody else moved this workflow
        """
        _check_work(flow, budgets)
        if budgets.cost is None and budgets.per_day is None:
            return None
        turn = _reckoned(flow.tenant, budgets, brain, tokens)
        left = await self._left_of_task(flow, turn, sys.maxsize if budgets.cost is None else budgets.cost)
        most = sys.maxsize if budgets.per_day is None else budgets.per_day
        return min(left, await self._left_of_day(flow, turn, most))

    async def _left_of_task(self, flow: Flow, turn: int, most: int) -> int:
        total = await self._store.model_calls.total(flow.id)
        spent = total.micros if total else 0
        if spent is None:
            raise BrainError(NO_PRICE)
        if spent >= most and (total or turn):
            raise BrainError(
                f"Stopped after {money(spent)} for models, of {money(most)} for one task. {LESS}"
            )
        return most - spent

    async def _left_of_day(self, flow: Flow, turn: int, most: int) -> int:
        now = self._clock()
        spent, reserved = await self._store.workflows.reserve(flow, turn, most, now - now % DAY, now)
        if spent >= most:
            raise BrainError(
                f"The budget for models is used up for today: {money(most)}. It begins anew at 00:00 UTC; "
                "whoever operates this can raise budget_per_day."
            )
        if spent + reserved >= most:
            raise BrainError(
                f"What is left of today's budget for models, {money(most)}, is set aside for tasks that are "
                "under way. Try again in a few minutes; whoever operates this can raise budget_per_day."
            )
        return most - spent - reserved


def _check_work(flow: Flow, budgets: Budgets) -> None:
    """
    :raises BrainError: one of them is used up
    """
    if flow.steps >= budgets.steps:
        raise BrainError(f"Stopped after {flow.steps} steps, which is the limit. {LESS}")
    if flow.tokens >= budgets.tokens:
        raise BrainError(f"Stopped after {flow.tokens} tokens, which is over the limit. {LESS}")
    if flow.worked >= budgets.seconds:
        raise BrainError(f"Stopped after {flow.worked:.0f} s of work, which is the limit. {LESS}")


def _reckoned(tenant: str, budgets: Budgets, brain: Brain, tokens: int) -> int:
    """Micros of one turn; 0 of a brain that says nothing of it.

    :raises BrainError: a model has no price
    """
    writes = budgets.output_tokens or WRITES
    return brain.reckon(tenant, tokens, writes) if isinstance(brain, PricedBrain) else 0
