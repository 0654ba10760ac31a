"""Puts everything together: ``open_app(settings)`` gives an :class:`Ironclaw`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import structlog

from ironclaw.canonical import subkey
from ironclaw.delivery import Delivery
from ironclaw.egress import Egress, allows_localhost
from ironclaw.errors import BadRequest, NotFound, SettingsError, StoreError
from ironclaw.keys import load_key
from ironclaw.orchestrator import Body, Budgets, Orchestrator
from ironclaw.orchestrator.body import component
from ironclaw.plugin_manager import Factory, Hooks, load
from ironclaw.registry import Registry
from ironclaw.sandbox import Sandbox
from ironclaw.settings import Settings, TenantSettings
from ironclaw.store import Flow, Store
from ironclaw.task import (
    Address,
    ApprovalView,
    Brain,
    Credential,
    Decision,
    Principal,
    Sender,
    Task,
    ToolOffer,
    WorkflowState,
    WorkflowView,
)
from ironclaw.tenancy import Tenancy
from ironclaw.veto import Veto, new_id

log = structlog.get_logger(__name__)

MAX_TASK = 16_000  #: Characters of a task.
SWEEP = 1.0  #: Seconds between looks for expired approvals.
RECONCILE = 30.0  #: Seconds between looks for workflows that nobody advances.

Clock = Callable[[], float]


class _Services:
    """What plugins may ask of the engine (hookspecs.Services)."""

    def __init__(self, settings: Settings, tenancy: Tenancy, store: Store) -> None:
        self.settings = settings
        self._tenancy = tenancy
        self._store = store

    def tenant(self, tenant_id: str) -> TenantSettings | None:
        return self._tenancy.tenant(tenant_id)

    def tenant_of_workspace(self, team_id: str, enterprise_id: str = "") -> str | None:
        return self._tenancy.of_workspace(team_id, enterprise_id)

    async def remember(self, source: str, event_id: str, until: float) -> bool:
        return await self._store.outbox.remember(source, event_id, until)


class Ironclaw:
    """The engine as the doors see it."""

    def __init__(
        self,
        settings: Settings,
        tenancy: Tenancy,
        store: Store,
        hooks: Hooks,
        registry: Registry,
        sandbox: Sandbox,
        veto: Veto,
        orchestrator: Orchestrator,
        brains: frozenset[str],
        clock: Clock,
    ) -> None:
        self.settings = settings
        self._tenancy = tenancy
        self._store = store
        self._hooks = hooks
        self._registry = registry
        self._sandbox = sandbox
        self._veto = veto
        self._orchestrator = orchestrator
        self._brains = brains
        self._clock = clock
        self._delivery = Delivery(store, clock)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._moved = asyncio.Condition()
        self._chores: list[asyncio.Task[None]] = []

    # Who

    async def authenticate(self, credential: Credential) -> Principal:
        """
        :raises IdentityError: nobody we know
        """
        return await self._hooks.authenticate(credential)

    @property
    def tenant_ids(self) -> frozenset[str]:
        return self._tenancy.ids

    def tenant(self, tenant_id: str) -> TenantSettings | None:
        return self._tenancy.tenant(tenant_id)

    def tenant_of_workspace(self, team_id: str, enterprise_id: str = "") -> str | None:
        return self._tenancy.of_workspace(team_id, enterprise_id)

    async def map_workspace(self, team_id: str) -> str:
        """Adopt the bot's own workspace.

        :return: its tenant's id
        """
        tenant = self._tenancy.adopt(team_id)
        await self._store.map_tenants(self._tenancy.workspaces, self._tenancy.ids, self._clock())
        return tenant

    # Work

    async def submit(self, task: Task) -> str:
        """Accept a task: durable when this returns, and at work in the background.

        :return: the workflow's id; the same delivery gives the same one and does not run again
        :raises BadRequest: an empty or endless task, or tools that nobody knows
        """
        self._check(task)
        workflow_id, is_new = await self._store.workflows.add(task, new_id(), self._clock())
        if is_new:
            self._wake(workflow_id)
        return workflow_id

    async def wait(self, tenant: str, workflow_id: str, seconds: float) -> WorkflowView:
        """The workflow once it is final or paused, or as it is after the seconds.

        :raises NotFound: no such workflow of this tenant
        """
        view = await self.workflow(tenant, workflow_id)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._moved:
                while not _rests(view) or workflow_id in self._running:
                    await self._moved.wait()
                    view = await self.workflow(tenant, workflow_id)
        return await self.workflow(tenant, workflow_id)

    async def workflow(self, tenant: str, workflow_id: str) -> WorkflowView:
        """
        :raises NotFound: no such workflow of this tenant
        """
        return await self._store.workflows.view(tenant, workflow_id)

    async def workflows(self, tenant: str, limit: int = 20) -> tuple[WorkflowView, ...]:
        """The tenant's workflows, newest first."""
        return await self._store.workflows.latest(tenant, limit)

    # Approvals

    async def approvals(self, tenant: str) -> tuple[ApprovalView, ...]:
        """What waits for people, oldest first."""
        return await self._store.approvals.pending(tenant)

    async def approval(self, tenant: str, approval_id: str) -> ApprovalView:
        """
        :raises NotFound: no such approval of this tenant
        """
        return await self._store.approvals.view(tenant, approval_id)

    async def decide(
        self,
        principal: Principal,
        approval_id: str,
        decision: Decision,
        *,
        version: int | None = None,
        reason: str = "",
    ) -> ApprovalView:
        """One person's decision; the workflow goes on in the background.

        :raises NotFound, Refused, Conflict, Expired: see :meth:`ironclaw.veto.Veto.decide`
        """
        return await self._decided(
            self._veto.decide(principal, approval_id, decision, version=version, reason=reason)
        )

    def button(self, approval: ApprovalView) -> str:
        """The opaque value of a card's buttons."""
        return self._veto.button(approval)

    async def press(
        self, principal: Principal, value: str, decision: Decision, reason: str = ""
    ) -> ApprovalView:
        """A decision by a card's button.

        :raises NotFound, Refused, Conflict, Expired: see :meth:`ironclaw.veto.Veto.press`
        """
        return await self._decided(self._veto.press(principal, value, decision, reason))

    # Telling

    def speak(self, door: str, sender: Sender) -> None:
        """From now on, notices for ``door`` go through ``sender``."""
        self._delivery.speak(door, sender)

    async def refuse(
        self, tenant: str, address: Address, text: str, delivery: tuple[str, str] | None = None
    ) -> None:
        """Tell somebody durably that their task was not accepted."""
        await self._store.outbox.refuse(tenant, address, text, f"refusal:{new_id()}", delivery, self._clock())
        self._delivery.ring()

    async def remember(self, source: str, event_id: str, until: float) -> bool:
        """Note an id that may come only once; True the first time."""
        return await self._store.outbox.remember(source, event_id, until)

    def redact(self, tenant: str, text: str) -> str:
        """The text without what must not be seen."""
        return self._hooks.redact(tenant, text)

    # Itself

    @property
    def tools(self) -> tuple[ToolOffer, ...]:
        """Every tool, as the brain sees it."""
        return self._registry.offers(None)

    @property
    def registry(self) -> Registry:
        return self._registry

    async def ready(self) -> dict[str, bool]:
        """What must work before tasks are taken."""
        try:
            database = await self._store.is_ready()
        except StoreError:
            database = False
        return {"database": database, "tools": bool(self._registry.tools)}

    async def start(self) -> None:
        """Take up what a stop or a crash left, and begin the chores."""
        await self._store.map_tenants(self._tenancy.workspaces, self._tenancy.ids, self._clock())
        for workflow_id in await self._store.workflows.open_ids():
            self._wake(workflow_id)
        chores = (
            self._delivery.run(),
            self._every(SWEEP, self._expire),
            self._every(RECONCILE, self._reconcile),
        )
        self._chores = [asyncio.create_task(chore) for chore in chores]

    async def close(self) -> None:
        """Stop: what runs is cut off and taken up at the next start."""
        tasks = [*self._chores, *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._sandbox.close()
        await self._store.close()

    # Inside

    def _check(self, task: Task) -> None:
        if self._tenancy.tenant(task.tenant) is None:
            raise NotFound("There is no such tenant here.")
        if not task.text.strip():
            raise BadRequest("The task is empty: say what you want.", "/task")
        if len(task.text) > MAX_TASK:
            raise BadRequest(f"The task is longer than {MAX_TASK} characters.", "/task")
        if task.brain and task.brain not in self._brains:
            raise BadRequest(f"There is no brain called {task.brain!r}.", "/brain")
        unknown = [name for name in task.tools or () if self._registry.get(name) is None]
        if unknown:
            raise BadRequest(f"There is no tool called {unknown[0]!r}.", "/tools")

    async def _decided(self, decision: object) -> ApprovalView:
        try:
            approval: ApprovalView = await decision  # type: ignore[misc]
        finally:
            self._delivery.ring()
        self._wake(approval.workflow_id)
        return approval

    def _wake(self, workflow_id: str) -> None:
        """Have ``run`` go on, once at a time for each workflow."""
        if workflow_id in self._running:
            self._again.add(workflow_id)
            return
        self._running[workflow_id] = asyncio.create_task(self._advance(workflow_id))

    async def _advance(self, workflow_id: str) -> None:
        self._delivery.ring()
        try:
            await self._orchestrator.run(workflow_id)
        except StoreError:
            log.exception("workflow_stalled", workflow=workflow_id)
        finally:
            del self._running[workflow_id]
        if workflow_id in self._again:
            self._again.discard(workflow_id)
            self._wake(workflow_id)
        self._delivery.ring()
        async with self._moved:
            self._moved.notify_all()

    async def _expire(self) -> None:
        for approval in await self._veto.expire():
            self._wake(approval.workflow_id)

    async def _reconcile(self) -> None:
        await self._store.tidy(self._clock())
        for workflow_id in await self._store.workflows.open_ids():
            if workflow_id not in self._running:
                self._wake(workflow_id)

    async def _every(self, seconds: float, chore: Callable[[], object]) -> None:
        while True:
            try:
                await chore()  # type: ignore[misc]
            except StoreError:
                log.exception("chore_failed")
            await asyncio.sleep(seconds)


def _rests(view: WorkflowView) -> bool:
    return view.state.is_final or view.state is WorkflowState.PAUSED


@contextlib.asynccontextmanager
async def open_app(
    settings: Settings,
    *,
    toolboxes: Sequence[Path] = (),
    clock: Clock = time.time,
    progress: Callable[[str], None] = lambda _: None,
    egress: Egress | None = None,
    plugins: Mapping[str, Factory] = MappingProxyType({}),
) -> AsyncIterator[Ironclaw]:
    """The whole engine, open until the block ends.

    :param toolboxes: folders of built toolboxes beside those of the settings
    :param progress: told what start-up is waiting for
    :param egress: the one door to the network, where a test has its own
    :param plugins: beside those that the settings name
    :raises SettingsError, StoreError, ToolboxError, SandboxError: nothing was started
    """
    key = load_key(settings.key_file)
    registry = Registry.load([*toolboxes, *settings.toolboxes])
    async with contextlib.AsyncExitStack() as stack:
        store = await Store.open(settings.data_dir / "ironclaw.db")
        stack.push_async_callback(store.close)
        tenancy = Tenancy(settings)
        hooks = load(settings.plugins, _Services(settings, tenancy, store), plugins)
        sandbox = await Sandbox.open(
            cache_dir=settings.cache_dir or settings.data_dir / "cache",
            cache_key=subkey(key, "code cache"),
            workers=settings.workers,
        )
        stack.push_async_callback(sandbox.close)
        for each in {tool.toolbox: tool for tool in registry.tools}.values():
            await sandbox.prepare(component(each), progress)
        door = egress or Egress(allow_localhost=allows_localhost(settings.http_allow))
        stack.push_async_callback(door.close)
        veto = Veto(store, hooks, registry, tenancy.tenant, key, clock)
        body = Body(sandbox, door, hooks, settings.data_dir / "mnt" / "scratch", tenancy.http_allow)
        brains = _brains(settings, hooks)
        orchestrator = Orchestrator(
            store,
            veto,
            registry,
            body,
            brains,
            hooks,
            Budgets(settings.max_steps, settings.max_tokens, settings.max_seconds, settings.history_tokens),
            lambda flow: _card_places(tenancy, flow),
            clock,
        )
        app = Ironclaw(
            settings, tenancy, store, hooks, registry, sandbox, veto, orchestrator, frozenset(brains), clock
        )
        stack.push_async_callback(app.close)
        await app.start()
        yield app


def _brains(settings: Settings, hooks: Hooks) -> dict[str, Brain]:
    """Every brain by its name, and the one of the settings under ""."""
    brains = hooks.brains()
    if settings.brain_name not in brains:
        known = ", ".join(sorted(brains)) or "none"
        raise SettingsError(f"brain: no plugin offers {settings.brain_name!r}. Offered: {known}.")
    return {**brains, "": brains[settings.brain_name]}


def _card_places(tenancy: Tenancy, flow: Flow) -> tuple[Address, ...]:
    """The requester's thread, and the tenant's approvals channel."""
    channel = tenancy.card_copies(flow.tenant)
    copies = (Address("slack", {"channel": channel}),) if channel else ()
    return (
        flow.address,
        *(copy for copy in copies if copy.place["channel"] != flow.address.place.get("channel")),
    )
