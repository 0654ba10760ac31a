"""What plans and acts, put together: the brains, the loop that asks them, and who edits what waits."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from ironclaw.app.foundation import Foundation
from ironclaw.errors import SettingsError
from ironclaw.one_call import ONE_CALL, OneCall
from ironclaw.orchestrator import Body, Editor, Orchestrator
from ironclaw.orchestrator.asking import Asking
from ironclaw.orchestrator.carrying import Carrying
from ironclaw.orchestrator.checking import Checking
from ironclaw.orchestrator.crashed import Crashed
from ironclaw.orchestrator.cutting import Cutting
from ironclaw.orchestrator.drafting import Drafts
from ironclaw.orchestrator.finishing import Finishing
from ironclaw.orchestrator.judging import Judge
from ironclaw.orchestrator.observing import Observing
from ironclaw.orchestrator.planning import Planner
from ironclaw.orchestrator.recalling import Recalling
from ironclaw.orchestrator.results import Results
from ironclaw.plugin_manager import Hooks
from ironclaw.registry import Registry
from ironclaw.settings import Settings
from ironclaw.store import Flow
from ironclaw.task import Address, Brain
from ironclaw.tenancy import Tenancy
from ironclaw.veto import Veto


@dataclass(frozen=True, slots=True)
class Mind:
    """Its parts, which share one registry and one veto."""

    orchestrator: Orchestrator
    editor: Editor
    drafts: Drafts
    brains: frozenset[str]  #: Their names.

    @classmethod
    def over(
        cls,
        base: Foundation,
        registry: Registry,
        veto: Veto,
        body: Body,
        results: Results,
        recalling: Recalling,
    ) -> Mind:
        """
        :raises SettingsError: no plugin offers the brain of the settings
        """
        store, hooks, tenancy, clock = base.store, base.hooks, base.tenancy, base.clock
        brains, budgets = brains_of(base.settings, hooks), tenancy.budgets
        places = functools.partial(_card_places, tenancy)
        drafts = Drafts(store, hooks.redact)
        asking = Asking(store, hooks, tenancy.approval_minutes, clock)
        planner = Planner(store, registry, brains, hooks, budgets, asking, drafts, clock)
        judge = Judge(registry, veto, tenancy.http_allow, body.preview)
        observing = Observing(results, hooks, registry, brains, budgets)
        checking = Checking(store, veto, registry, body, clock)
        crashed = Crashed(store, veto, registry, checking, observing, places, clock)
        cutting = Cutting(crashed, tenancy.closing)
        carrying = Carrying(store, veto, registry, body, observing, crashed, cutting, clock)
        finishing = Finishing(store, hooks, clock)
        orchestrator = Orchestrator(
            store, veto, recalling, planner, asking, judge, carrying, crashed, finishing, places, clock
        )
        editor = Editor(store, veto, registry, hooks, tenancy.http_allow, body.preview, clock)
        return cls(orchestrator, editor, drafts, frozenset(brains))


def brains_of(settings: Settings, hooks: Hooks) -> dict[str, Brain]:
    """Every brain by its name, and the one of the settings under ""; one is ours, whatever plugins offer.

    :raises SettingsError: no plugin offers the brain of the settings
    """
    brains = hooks.brains()
    if settings.brain_name not in brains:
        known = ", ".join(sorted(brains)) or "none"
        raise SettingsError(f"brain: no plugin offers {settings.brain_name!r}. Offered: {known}.")
    return {**brains, "": brains[settings.brain_name], ONE_CALL: OneCall()}


def _card_places(tenancy: Tenancy, flow: Flow) -> tuple[Address, ...]:
    """The requester's thread, and the tenant's approvals channel where that is another place."""
    channel = tenancy.card_copies(flow.tenant)
    if not channel or channel == flow.address.place.get("channel"):
        return (flow.address,)
    return flow.address, Address("slack", {"channel": channel})
