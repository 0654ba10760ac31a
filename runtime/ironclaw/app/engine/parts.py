"""What the engine is put together from, and what each side of its face works with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ironclaw.app.accepting import Accepting
from ironclaw.app.answering import Answering
from ironclaw.app.cards import Cards
from ironclaw.app.foundation import Foundation
from ironclaw.app.mind import Mind
from ironclaw.app.policies import Policies
from ironclaw.app.recovery import Recovery
from ironclaw.app.remembering import Remembering
from ironclaw.app.schedules import Schedules
from ironclaw.app.slack_groups import SlackGroups
from ironclaw.app.stopping import Stopping
from ironclaw.app.tools import ReloadedTools
from ironclaw.delivery import Delivery
from ironclaw.dispatcher import Dispatcher
from ironclaw.factors import Factors
from ironclaw.mcp.servers import Servers
from ironclaw.settings import Settings
from ironclaw.veto import Reminding, Veto


@dataclass(frozen=True, slots=True)
class Parts:
    """What :func:`ironclaw.app.open_app` has opened."""

    base: Foundation
    tools: ReloadedTools
    veto: Veto
    mind: Mind
    mcp: Servers
    remembering: Remembering
    dispatch: Callable[[Callable[[], None]], Dispatcher]  #: Given whom to ring.
    reread: Callable[[], Settings]  #: The settings as they are now.


class Assembled:
    """The parts, each where the sides of the face look for it."""

    def __init__(self, parts: Parts) -> None:
        base, mind = parts.base, parts.mind
        tenancy, store, clock = base.tenancy, base.store, base.clock
        self._tenancy = tenancy
        self._store = store
        self._hooks = base.hooks
        self._tools = parts.tools
        self._registry = parts.tools.registry
        self._veto = parts.veto
        self._orchestrator = mind.orchestrator
        self._editor = mind.editor
        self._clock = clock
        self._drafts = mind.drafts
        self._delivery = Delivery(store, clock, base.settings.lease_seconds)
        self._dispatcher = parts.dispatch(self._delivery.ring)
        self._accepting = Accepting(tenancy, self._registry, mind.brains)
        self._reminding = Reminding(store, tenancy, clock)
        self._answering = Answering(store)
        self._is_draining = False
        self._chores: list[asyncio.Task[None]] = []
        self.vault = base.vault
        self.mcp = parts.mcp
        self._remembering = parts.remembering
        self.memories = parts.remembering.memories
        self.factors = Factors(store, base.key, clock)
        self.cards = Cards(store, base.hooks, parts.veto)
        self.slack_groups = SlackGroups(store, tenancy, clock)
        wake = self._dispatcher.wake
        self.schedules = Schedules(store, tenancy, self._accepting.check, wake, clock)
        self.recovery = Recovery(store, tenancy, clock)
        self.stopping = Stopping(store, tenancy, wake, clock)
        self.policies = Policies(base.hooks, parts.veto, store, tenancy, wake, clock)
