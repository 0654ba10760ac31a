"""What the engine is put together from, and what each side of its face works with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ironclaw.app.accepting import Accepting
from ironclaw.app.answering import Answering
from ironclaw.app.cards import Cards
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
from ironclaw.orchestrator import Editor, Orchestrator
from ironclaw.orchestrator.drafting import Drafts
from ironclaw.plugin_manager import Hooks
from ironclaw.secrets import Vault
from ironclaw.settings import Settings
from ironclaw.store import Store
from ironclaw.tenancy import Tenancy
from ironclaw.veto import Links, Reminding, Veto

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Parts:
    """What :func:`ironclaw.app.open_app` has opened."""

    tenancy: Tenancy
    store: Store
    hooks: Hooks
    tools: ReloadedTools
    veto: Veto
    orchestrator: Orchestrator
    editor: Editor
    brains: frozenset[str]  #: Their names.
    vault: Vault
    factors: Factors
    links: Links
    mcp: Servers
    dispatch: Callable[[Callable[[], None]], Dispatcher]  #: Given whom to ring.
    lease: float  #: Seconds.
    clock: Clock
    scratch: Path  #: The folder above the tenants' folders.
    reread: Callable[[], Settings]  #: The settings as they are now.
    remembering: Remembering
    drafts: Drafts


class Assembled:
    """The parts, each where the sides of the face look for it."""

    def __init__(self, parts: Parts) -> None:
        tenancy, store, clock = parts.tenancy, parts.store, parts.clock
        self._tenancy = tenancy
        self._store = store
        self._hooks = parts.hooks
        self._tools = parts.tools
        self._registry = parts.tools.registry
        self._veto = parts.veto
        self._orchestrator = parts.orchestrator
        self._editor = parts.editor
        self._clock = clock
        self._drafts = parts.drafts
        self._delivery = Delivery(store, clock, parts.lease)
        self._dispatcher = parts.dispatch(self._delivery.ring)
        self._accepting = Accepting(tenancy, self._registry, parts.brains)
        self._reminding = Reminding(store, tenancy, clock)
        self._answering = Answering(store)
        self._is_draining = False
        self._chores: list[asyncio.Task[None]] = []
        self.vault = parts.vault
        self.mcp = parts.mcp
        self._remembering = parts.remembering
        self.memories = parts.remembering.memories
        self.factors = parts.factors
        self.cards = Cards(store, parts.hooks, parts.veto)
        self.slack_groups = SlackGroups(store, tenancy, clock)
        wake = self._dispatcher.wake
        self.schedules = Schedules(store, tenancy, self._accepting.check, wake, clock)
        self.recovery = Recovery(store, tenancy, clock)
        self.stopping = Stopping(store, tenancy, wake, clock)
        self.policies = Policies(parts.hooks, parts.veto, store, tenancy, wake, clock)
