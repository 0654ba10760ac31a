"""Asks the brain for its next move, within what its workflow may use and what its model can read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ironclaw.budgets import Budgets
from ironclaw.errors import BrainError, ContextTooLong
from ironclaw.orchestrator.asking import Asking
from ironclaw.orchestrator.condensing import Condenser, Scene, whose
from ironclaw.orchestrator.context import safe_move, safe_uses
from ironclaw.orchestrator.drafting import Drafts
from ironclaw.orchestrator.spending import Spending
from ironclaw.plugin_manager import Hooks
from ironclaw.registry import Registry
from ironclaw.store import Flow, Spent, Store
from ironclaw.task import Brain, Conversation, ModelUse, Move


@dataclass(frozen=True, slots=True)
class Planned:
    """A move and what it cost."""

    move: Move
    spent: Spent


class Planner:
    """The brain's turn in a step."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        brains: Mapping[str, Brain],
        hooks: Hooks,
        budgets: Callable[[str], Budgets],
        asking: Asking,
        drafts: Drafts,
        clock: Callable[[], float],
    ) -> None:
        """:param budgets: of a tenant, by its id"""
        self._registry = registry
        self._brains = brains
        self._budgets = budgets
        self._asking = asking
        self._drafts = drafts
        self._spending = Spending(store, clock)
        self._condenser = Condenser(store, hooks, clock)

    async def next(self, flow: Flow) -> Planned | None:
        """The next move; None where the conversation was made shorter instead: the next step asks with it.

        :raises BrainError: there is none, or a budget is used up; the sentence is for people
        :raises Conflict: somebody else moved this workflow
        """
        budgets, brain = self._budgets(flow.tenant), self._brain(flow)
        offers = self._registry.offers(flow.tenant, flow.tools)
        scene = await self._condenser.scene(flow, offers, budgets)
        tokens = self._condenser.counting.tokens(whose(flow), scene.counted)
        left = await self._spending.check(flow, budgets, brain, tokens)
        scene = replace(scene, conversation=replace(scene.conversation, micros_left=left))
        if scene.is_over and await self._condenser.shorten(flow, scene, brain, budgets):
            return None
        try:
            return await self._asked(flow, scene, brain, budgets)
        except ContextTooLong as error:
            if not await self._forced(flow, scene, brain, budgets, safe_uses(error.uses)):
                raise
        return None

    def _brain(self, flow: Flow) -> Brain:
        brain = self._brains.get(flow.brain)
        if brain is None:
            raise BrainError(f"There is no brain called {flow.brain!r} here any more.")
        return brain

    async def _asked(self, flow: Flow, scene: Scene, brain: Brain, budgets: Budgets) -> Planned:
        began = time.monotonic()
        left, can_ask = budgets.tokens - flow.tokens, self._asking.can_ask(flow)
        async with self._drafts.of(flow) as say:
            said = replace(scene.conversation, tokens_left=left, can_ask=can_ask, say=say)
            move = safe_move(await _plan(brain, said, budgets.seconds - flow.worked))
        self._condenser.counting.learn(whose(flow), scene.counted, move.uses)
        return Planned(move, Spent(1, move.tokens, time.monotonic() - began, move.uses))

    async def _forced(
        self, flow: Flow, scene: Scene, brain: Brain, budgets: Budgets, uses: tuple[ModelUse, ...]
    ) -> bool:
        """Make shorter what the model has refused as too long, once for each turn.

        :param uses: what was used until it did
        :return: whether it is worth asking again
        """
        self._condenser.counting.refused(whose(flow), scene.counted)
        full = await self._condenser.scene_in_full(flow, scene)
        if full.summaries and not scene.summaries:
            return True  # One is there, which it seemed to need none of.
        if full.summaries and full.summaries[0].is_forced and full.summaries[0].turn == flow.steps:
            return False
        return await self._condenser.shorten(flow, full, brain, budgets, is_forced=True, uses=uses)


async def _plan(brain: Brain, conversation: Conversation, seconds: float) -> Move:
    """
    :param seconds: that the workflow has left
    :raises BrainError: no usable move, or not in time
    """
    try:
        async with asyncio.timeout(seconds):
            return await brain.plan(conversation)
    except TimeoutError:
        raise BrainError(f"The model did not answer within {seconds:.0f} s. Try again.") from None
