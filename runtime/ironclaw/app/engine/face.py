"""The engine's face: what a door may ask of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from ironclaw.app.backups import back_up
from ironclaw.app.doubts import Doubts
from ironclaw.app.engine.parts import Parts
from ironclaw.app.engine.reviews import Reviews
from ironclaw.app.engine.work import Work
from ironclaw.app.forgetting import Forgetting, Grounds
from ironclaw.app.questions import Questions
from ironclaw.app.retrying import Retrying
from ironclaw.app.step_ups import StepUps
from ironclaw.app.tenants import Tenants
from ironclaw.app.tools import HOST
from ironclaw.registry import Tool
from ironclaw.settings import TenantSettings
from ironclaw.task import Address, Bearer, Credential, Drafter, Principal, Sender, ToolOffer
from ironclaw.veto import Doubts as Testimonies
from ironclaw.veto import Links, new_id

log = structlog.get_logger(__name__)


class Ironclaw(Work, Reviews):
    """The engine as the doors see it."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        base, factors, links = parts.base, self.factors, Links(parts.base.seal_key)
        store, tenancy, clock = base.store, base.tenancy, base.clock
        self._well: dict[str, Callable[[], bool]] = {}  #: By door.
        self.step_ups = StepUps(store, tenancy, factors, links, self.decide, clock)
        self.doubts = Doubts(
            store,
            tenancy,
            Testimonies(store, parts.veto, tenancy, clock),
            self.cards,
            factors,
            links.words,
            lambda: self.step_ups.base_url,
            self._dispatcher.wake,
            clock,
        )
        self.questions = Questions(
            store, tenancy, base.hooks, parts.veto.seals, self.cards, self._dispatcher.wake, clock
        )
        self.retrying = Retrying(store, tenancy, self.submit)
        grounds = Grounds(base.scratch, parts.remembering.indexes, parts.mcp.runs_for)
        forgetting = Forgetting(
            store,
            tenancy,
            grounds,
            self.stopping,
            lambda: self._dispatcher.at_work,
            self._delivery.ring,
            clock,
        )
        self.tenants = Tenants(
            store,
            tenancy,
            forgetting,
            base.scratch,
            parts.reread,
            self._know_tenants,
            self._reconcile,
            clock,
        )

    # Who

    async def authenticate(self, credential: Credential) -> Principal:
        """
        :raises IdentityError: nobody we know
        :raises Suspended: of a token, whose door can only refuse: nothing is done for its tenant now
        :raises StoreError: nobody can say now
        """
        principal = await self._hooks.authenticate(credential)
        structlog.contextvars.bind_contextvars(tenant=principal.tenant)  # For each log line from here on.
        if isinstance(credential, Bearer):
            self._tenancy.check_served(principal.tenant)
        return principal

    def is_suspended(self, tenant_id: str) -> bool:
        """Whether the operator has closed the tenant's doors: whoever asks is told so."""
        return not self._tenancy.serves(tenant_id)

    @property
    def tenant_ids(self) -> frozenset[str]:
        """Every tenant there is."""
        return self._tenancy.ids

    def tenant(self, tenant_id: str) -> TenantSettings | None:
        """The tenant's settings, or None for no such tenant."""
        return self._tenancy.tenant(tenant_id)

    def roles(self, tenant_id: str, principal_id: str) -> frozenset[str]:
        """What the settings make of somebody whom a door knows by itself: "approver", "group:NAME"."""
        return self._tenancy.roles(tenant_id, principal_id)

    async def map_workspace(self, team_id: str) -> str:
        """Adopt the bot's own workspace.

        :return: its tenant's id
        """
        tenant = self._tenancy.adopt(team_id)
        await self._know_tenants()
        await self._reconcile()  # Its workflows waited for it.
        return tenant

    async def _know_tenants(self) -> None:
        """Have the database, the audit log and policy know of the tenants there are."""
        await self._store.map_tenants(self._tenancy.workspaces, self._tenancy.ids, self._clock())
        await self._tools.record()

    # Telling

    def speak(self, door: str, sender: Sender, is_well: Callable[[], bool] | None = None) -> None:
        """From now on, notices for ``door`` go through ``sender``.

        :param is_well: whether its other side takes them, where the door can say
        """
        self._delivery.speak(door, sender)
        self._drafts.speak(door, sender)
        if is_well:
            self._well[door] = is_well

    def show_drafts(self, door: str, drafter: Drafter) -> None:
        """From now on, what models write for ``door``, which is told nothing else, goes to ``drafter``."""
        self._drafts.speak(door, drafter)

    def hurry(self, door: str) -> None:
        """The door's other side is well again: what was put off is told now."""
        self._delivery.hurry(door)

    async def refuse(
        self, tenant: str, address: Address, text: str, delivery: tuple[str, str] | None = None
    ) -> None:
        """Tell somebody durably that their task was not accepted."""
        await self._store.outbox.refuse(tenant, address, text, f"refusal:{new_id()}", delivery, self._clock())
        self._delivery.ring()

    def redact(self, tenant: str, text: str) -> str:
        """The text without what must not be seen."""
        return self._hooks.redact(tenant, text)

    # Itself

    @property
    def tool_count(self) -> int:
        """How many tools there are, of all tenants."""
        return len(self._registry.tools)

    def tools(self, tenant: str) -> tuple[ToolOffer, ...]:
        """A tenant's tools, as its brain sees them."""
        return self._registry.offers(tenant)

    def registered(self, tenant: str) -> tuple[Tool, ...]:
        """A tenant's tools, with all that is known of them."""
        return self._registry.of(tenant)

    async def reload(self, actor: str = HOST) -> None:
        """Take up toolboxes that were added, upgraded or removed, and whose signatures count now.

        :param actor: who asks, for the audit log
        :raises ToolboxError, SandboxError, SettingsError, StoreError: the tools are those of before
        """
        await self._tools.reload(actor)
        await self._supersede()
        log.info("tools_reloaded", tools=len(self._registry.tools))

    async def renew_tools(self) -> None:
        """Take up what MCP servers offer now, and end what waits for a tool that is not offered any more.

        :raises StoreError: the tools are changed; what waits is looked at again later
        """
        try:
            await self._tools.renew(self.mcp.merged)
        finally:
            await self._supersede()

    async def back_up(self, file: Path, actor: str) -> None:
        """Write a copy of the database as it is, while everybody goes on.

        :param actor: who asks, for the audit log
        :raises Conflict, StoreError: see :func:`ironclaw.app.backups.back_up`
        """
        await back_up(self._store, file, actor, self._clock())

    async def ready(self) -> dict[str, bool]:
        """What must work before tasks are taken."""
        found = {"database": await self._answering.is_well(), "tools": bool(self._registry.tools)}
        found |= {door: is_well() for door, is_well in self._well.items()}
        return found | ({"accepting": False} if self._is_draining else {})
