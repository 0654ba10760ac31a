"""The engine's face: what a door may ask of it, and the chores behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from ironclaw.app.answering import Answering
from ironclaw.app.backups import back_up
from ironclaw.app.cards import Cards
from ironclaw.app.doubts import Doubts
from ironclaw.app.policies import Policies
from ironclaw.app.recovery import Recovery
from ironclaw.app.retrying import Retrying
from ironclaw.app.schedules import Schedules
from ironclaw.app.slack_groups import SlackGroups
from ironclaw.app.step_ups import StepUps
from ironclaw.app.stopping import Stopping, is_theirs
from ironclaw.app.tools import HOST, ReloadedTools
from ironclaw.deciders import Deciders, deciders
from ironclaw.delivery import Delivery
from ironclaw.dispatcher import Dispatcher
from ironclaw.errors import BadRequest, Conflict, NotFound, StoreError, TryLater
from ironclaw.factors import Factors
from ironclaw.failpoints import Point, reached
from ironclaw.orchestrator import Editor, Orchestrator
from ironclaw.plugin_manager import Hooks
from ironclaw.secrets import Vault
from ironclaw.settings import TenantSettings
from ironclaw.store import Store
from ironclaw.task import (
    Address,
    ApprovalView,
    Credential,
    Decision,
    GrantView,
    Principal,
    Sender,
    Task,
    ToolOffer,
    WorkflowView,
)
from ironclaw.tenancy import Tenancy
from ironclaw.terms import GrantScope
from ironclaw.veto import Doubts as Testimonies
from ironclaw.veto import Links, Reminding, Veto, new_id

log = structlog.get_logger(__name__)

MAX_TASK = 16_000  #: Characters of a task.
WATCH = 2.0  #: Seconds between looks at the files of policy.
SWEEP = 1.0  #: Seconds between looks for expired approvals.
STOPPING = "IronClaw is stopping just now. Send it again in a moment."
RECONCILE = 30.0  #: Seconds between looks for workflows that nobody advances.

Clock = Callable[[], float]


class Ironclaw:
    """The engine as the doors see it."""

    def __init__(
        self,
        tenancy: Tenancy,
        store: Store,
        hooks: Hooks,
        tools: ReloadedTools,
        veto: Veto,
        orchestrator: Orchestrator,
        editor: Editor,
        brains: frozenset[str],
        vault: Vault,
        factors: Factors,
        links: Links,
        dispatch: Callable[[Callable[[], None]], Dispatcher],
        lease: float,
        clock: Clock,
    ) -> None:
        self.vault = vault
        self.factors = factors
        self.step_ups = StepUps(store, tenancy, factors, links, self.decide, clock)
        self.cards = Cards(store, hooks, veto)
        self.slack_groups = SlackGroups(store, tenancy, clock)
        self._tenancy = tenancy
        self._store = store
        self._hooks = hooks
        self._tools = tools
        self._registry = tools.registry
        self._veto = veto
        self._editor = editor
        self._brains = brains
        self._clock = clock
        self._well: dict[str, Callable[[], bool]] = {}  #: By door.
        self._delivery = Delivery(store, clock, lease)
        self._reminding = Reminding(store, tenancy, clock)
        self._dispatcher = dispatch(self._delivery.ring)
        self._orchestrator = orchestrator
        self._is_draining = False
        self._answering = Answering(store)
        self.schedules = Schedules(store, tenancy, self._check, self._dispatcher.wake, clock)
        testimonies = Testimonies(store, veto, tenancy, clock)
        self.doubts = Doubts(
            store,
            tenancy,
            testimonies,
            self.cards,
            factors,
            links.words,
            lambda: self.step_ups.base_url,
            self._dispatcher.wake,
            clock,
        )
        self.retrying = Retrying(store, tenancy, self.submit)
        self.recovery = Recovery(store, tenancy, clock)
        self.stopping = Stopping(store, tenancy, self._dispatcher.wake, clock)
        self.policies = Policies(hooks, veto, store, tenancy, self._dispatcher.wake, clock)
        self._chores: list[asyncio.Task[None]] = []

    # Who

    async def authenticate(self, credential: Credential) -> Principal:
        """
        :raises IdentityError: nobody we know
        :raises StoreError: nobody can say now
        """
        principal = await self._hooks.authenticate(credential)
        structlog.contextvars.bind_contextvars(tenant=principal.tenant)  # For each log line from here on.
        return principal

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
        await self._store.map_tenants(self._tenancy.workspaces, self._tenancy.ids, self._clock())
        await self._tools.record()
        await self._reconcile()  # Its workflows waited for it.
        return tenant

    # Work

    async def submit(self, task: Task) -> str:
        """Accept a task: durable when this returns, and at work in the background.

        :return: the workflow's id; the same delivery gives the same one and does not run again
        :raises BadRequest: an empty or endless task, or tools that nobody knows
        :raises QueueFull: too many tasks of this tenant, or of all, are at work or in the queue
        :raises TryLater: this process is stopping
        """
        if self._is_draining:
            raise TryLater(STOPPING, 5)
        self._check(task)
        reached(Point.RECEIVED)
        workflow_id, is_new = await self._store.workflows.add(
            task, new_id(), self._clock(), self._tenancy.room(task.tenant)
        )
        if is_new:
            reached(Point.INBOX_COMMITTED)
            self._dispatcher.wake(workflow_id, task.tenant)
        return workflow_id

    async def wait(self, tenant: str, workflow_id: str, seconds: float) -> WorkflowView:
        """The workflow once it is final or paused, or as it is after the seconds.

        :raises NotFound: no such workflow of this tenant
        """
        await self._store.workflows.check(tenant, workflow_id)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._dispatcher.rest(workflow_id)
        return await self.workflow(tenant, workflow_id)

    async def workflow(self, tenant: str, workflow_id: str) -> WorkflowView:
        """
        :raises NotFound: no such workflow of this tenant
        """
        return await self._store.workflows.view(tenant, workflow_id)

    async def workflows(self, tenant: str, limit: int = 20) -> tuple[WorkflowView, ...]:
        """The tenant's workflows, newest first."""
        return await self._store.workflows.latest(tenant, limit)

    async def workflow_for(self, principal: Principal, workflow_id: str) -> WorkflowView:
        """One of those that a person may see in a list.

        :raises NotFound: there is no such one
        """
        view = await self.workflow(principal.tenant, workflow_id)
        if not is_theirs(self._tenancy, principal, view):
            raise NotFound("There is no such workflow.")
        return view

    async def workflows_for(self, principal: Principal, limit: int = 20) -> tuple[WorkflowView, ...]:
        """Those that a person may see in a list, newest first: their own, and for an approver all."""
        if principal.is_approver:
            return await self.workflows(principal.tenant, limit)
        mine = self._tenancy.identities(principal.tenant, principal.id)
        return await self._store.workflows.latest_of(principal.tenant, mine, limit)

    # Approvals

    async def approvals(self, tenant: str) -> tuple[ApprovalView, ...]:
        """What waits for people, oldest first."""
        return await self._store.approvals.pending(tenant)

    async def approval(self, tenant: str, approval_id: str) -> ApprovalView:
        """
        :raises NotFound: no such approval of this tenant
        """
        return await self._store.approvals.view(tenant, approval_id)

    def deciders(self, approval: ApprovalView) -> Deciders:
        """Whom to name as those whose yes would count, or why there is nobody."""
        return deciders(self._tenancy, approval)

    async def card(self, tenant: str, card: str) -> tuple[ApprovalView, ...]:
        """What one card shows: the reviews of one turn, in order; none of another tenant's."""
        return await self._store.approvals.on_card(tenant, card)

    async def decide(
        self,
        principal: Principal,
        approval_id: str,
        decision: Decision,
        *,
        version: int | None = None,
        reason: str = "",
        factor: str = "",
        grant: GrantScope | None = None,
    ) -> ApprovalView:
        """One person's decision; the workflow goes on in the background.

        :raises NotFound, Refused, StepUpNeeded, Conflict, Expired: see :meth:`ironclaw.veto.Veto.decide`
        """
        return await self._decided(
            self._veto.decide(
                principal, approval_id, decision, version=version, reason=reason, factor=factor, grant=grant
            )
        )

    async def edit(
        self, principal: Principal, approval_id: str, arguments: str, *, version: int | None = None
    ) -> ApprovalView:
        """Put a person's arguments in the place of those that wait: a new version, which waits too.

        :param arguments: JSON text, an object
        :raises NotFound, Refused, BadRequest, Conflict, Expired: see :meth:`Editor.edit`
        """
        return await self._decided(self._editor.edit(principal, approval_id, arguments, version))

    def button(self, approval: ApprovalView) -> str:
        """The opaque value of a card's buttons."""
        return self._veto.button(approval)

    async def press(
        self,
        principal: Principal,
        value: str,
        decision: Decision,
        reason: str = "",
        *,
        factor: str = "",
        grant: GrantScope | None = None,
    ) -> ApprovalView:
        """A decision by a card's button.

        :raises NotFound, Refused, Conflict, Expired: see :meth:`ironclaw.veto.Veto.press`
        """
        return await self._decided(
            self._veto.press(principal, value, decision, reason, factor=factor, grant=grant)
        )

    # Grants

    async def grants(self, tenant: str) -> tuple[GrantView, ...]:
        """What may run without asking, because somebody said so; newest first."""
        return await self._veto.grants.of(tenant)

    async def revoke(self, principal: Principal, grant_id: str) -> GrantView:
        """Take a grant back.

        :raises NotFound, Refused, Conflict: see :meth:`ironclaw.veto.grants.Grants.revoke`
        """
        return await self._veto.grants.revoke(principal, grant_id)

    # Telling

    def speak(self, door: str, sender: Sender, is_well: Callable[[], bool] | None = None) -> None:
        """From now on, notices for ``door`` go through ``sender``.

        :param is_well: whether its other side takes them, where the door can say
        """
        self._delivery.speak(door, sender)
        if is_well:
            self._well[door] = is_well

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

    async def reload(self, actor: str = HOST) -> None:
        """Take up toolboxes that were added, upgraded or removed, and whose signatures count now.

        :param actor: who asks, for the audit log
        :raises ToolboxError, SandboxError, SettingsError, StoreError: the tools are those of before
        """
        await self._tools.reload(actor)
        await self._supersede()
        log.info("tools_reloaded", tools=len(self._registry.tools))

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

    async def start(self) -> None:
        """Take up what a stop or a crash left, and begin the chores."""
        await self._store.map_tenants(self._tenancy.workspaces, self._tenancy.ids, self._clock())
        await self.policies.begin()
        await self._tools.record()
        await self.recovery.begin()
        await self._dispatcher.start()
        await self._dispatcher.take_up()
        chores = (
            self._delivery.run(),
            self.policies.look_through(),
            self._every(WATCH, self.policies.watch),
            self._every(SWEEP, self.vault.keep_up),
            self._every(SWEEP, self._expire),
            self._every(SWEEP, self._remind),
            self._every(SWEEP, self.schedules.sweep),
            self._every(RECONCILE, self._reconcile),
        )
        self._chores = [asyncio.create_task(chore) for chore in chores]

    async def drain(self, seconds: float) -> None:
        """Take no task any more; let each step that runs end, then tell what is to be told.

        What has not ended is parked: the next start takes it up.

        :param seconds: for all of it
        """
        self._is_draining = True
        self._orchestrator.park()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._dispatcher.drain(seconds)
                await self._delivery.emptied()
        if left := self._dispatcher.at_work:
            log.warning("cut_off", seconds=seconds, workflows=left)

    async def close(self) -> None:
        """Stop: what runs is cut off and taken up at the next start."""
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        await self._answering.close()
        await self._dispatcher.close()

    # Inside

    def _check(self, task: Task) -> None:
        if self._tenancy.tenant(task.tenant) is None:
            raise NotFound("There is no such tenant here.")
        if not task.text.strip():
            raise BadRequest("The task is empty: say what you want.", "/task")
        if "\0" in task.text + task.thread:
            raise BadRequest("The task holds the character U+0000, which is no text. Leave it out.", "/task")
        if len(task.text) > MAX_TASK:
            raise BadRequest(f"The task is longer than {MAX_TASK} characters.", "/task")
        if task.brain and task.brain not in self._brains:
            raise BadRequest(f"There is no brain called {task.brain!r}.", "/brain")
        if not self._may_speak(task):
            raise BadRequest("This tenant has no Slack workspace here to answer in.", "/reply_to")
        known = {tool.name for tool in self._registry.of(task.tenant)}
        unknown = [name for name in task.tools or () if name not in known]
        if unknown:
            raise BadRequest(f"There is no tool called {unknown[0]!r}.", "/tools")

    def _may_speak(self, task: Task) -> bool:
        """A place without a team is one of the bot's own workspace: only that one's tenant may name it."""
        place = task.reply_to.place
        return task.reply_to.door != "slack" or "team" in place or task.tenant == self._tenancy.own

    async def _decided(self, decision: Awaitable[ApprovalView]) -> ApprovalView:
        try:
            approval = await decision
        except Conflict:
            await self._reconcile()  # A call that was superseded moves its workflow too.
            raise
        reached(Point.CLICK_COMMITTED)
        self._dispatcher.wake(approval.workflow_id, approval.tenant)
        return approval

    async def _expire(self) -> None:
        for approval in await self._veto.expire():
            self._dispatcher.wake(approval.workflow_id, approval.tenant)

    async def _supersede(self) -> None:
        for approval in await self._veto.tighten():
            self._dispatcher.wake(approval.workflow_id, approval.tenant)

    async def _remind(self) -> None:
        if await self._reminding.sweep():
            self._delivery.ring()

    async def _reconcile(self) -> None:
        if await self._tools.drop_expired(self._clock()):
            await self._supersede()
        await self._store.tidy(self._clock())
        await self._store.workflows.end_unreadable_reviews(self._clock())
        await self._dispatcher.take_up()

    async def _every(self, seconds: float, chore: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await chore()
            except StoreError as error:
                log.warning("chore_failed", error=str(error))
            except Exception:  # Whatever it was, the next round must come.
                log.exception("chore_failed")
            await asyncio.sleep(seconds)
