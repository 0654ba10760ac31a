"""Puts everything together, in one place: ``open_app(settings)`` gives an :class:`Ironclaw`."""

from __future__ import annotations

import contextlib
import functools
import importlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from ironclaw.app.engine import Clock, Ironclaw, Parts
from ironclaw.app.remembering import Remembering
from ironclaw.app.scratch import bind, scratch_root
from ironclaw.app.tools import ReloadedTools, facts, prepare_all, warn
from ironclaw.audit import Checkpoints, keep_checkpoints
from ironclaw.canonical import subkey
from ironclaw.dispatcher import Dispatcher, LocalDispatcher
from ironclaw.egress import Egress, allows_localhost
from ironclaw.errors import SettingsError
from ironclaw.factors import Factors
from ironclaw.mcp.confining import Guarded
from ironclaw.mcp.runner import Runner as McpRunner
from ironclaw.mcp.servers import Servers
from ironclaw.one_call import ONE_CALL, OneCall
from ironclaw.orchestrator import Body, Editor, Orchestrator
from ironclaw.orchestrator.asking import Asking
from ironclaw.orchestrator.body import Runner
from ironclaw.orchestrator.drafting import Drafts
from ironclaw.orchestrator.results import Results
from ironclaw.plugin_manager import Factory, Hooks, load
from ironclaw.registry import Installed, Registry, Where
from ironclaw.registry.installed import FOLDER
from ironclaw.registry.trust import Trust
from ironclaw.sandbox import Sandbox
from ironclaw.sandbox.contents import Contents
from ironclaw.secrets import Keyring, Lender, Vault, unlock
from ironclaw.settings import Settings, TenantSettings
from ironclaw.store import Flow, Store, owning
from ironclaw.task import Address, Brain
from ironclaw.tenancy import Tenancy
from ironclaw.turns import Gate
from ironclaw.veto import Links, Veto


class PluginServices:
    """What plugins may ask of the engine (hookspecs.Services)."""

    def __init__(
        self, settings: Settings, tenancy: Tenancy, store: Store, vault: Vault, clock: Clock
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._tenancy = tenancy
        self._store = store
        self._vault = vault

    def tenant(self, tenant_id: str) -> TenantSettings | None:
        return self._tenancy.tenant(tenant_id)

    def tenant_of_workspace(self, team_id: str, enterprise_id: str = "") -> str | None:
        return self._tenancy.of_workspace(team_id, enterprise_id)

    def roles(self, tenant_id: str, principal_id: str) -> frozenset[str]:
        return self._tenancy.roles(tenant_id, principal_id)

    def person(self, tenant_id: str, principal_id: str) -> str:
        return self._tenancy.person(tenant_id, principal_id)

    def now(self) -> float:
        return self._clock()

    def restored_at(self) -> float:
        return self._store.instance.restored_at

    async def remember(self, source: str, event_id: str, until: float) -> bool:
        return await self._store.outbox.remember(source, event_id, until)

    def hide_secrets(self, tenant: str, text: str) -> str:
        return self._vault.values(tenant).redact(text)


@contextlib.asynccontextmanager
async def open_app(
    settings: Settings,
    *,
    toolboxes: Sequence[Path] = (),
    clock: Clock | None = None,
    progress: Callable[[str], None] = lambda _: None,
    egress: Egress | None = None,
    plugins: Mapping[str, Factory] = MappingProxyType({}),
    reread: Callable[[], Settings] | None = None,
    spares: bool = True,
) -> AsyncIterator[Ironclaw]:
    """The whole engine, open until the block ends.

    :param toolboxes: folders of built toolboxes beside those of the settings
    :param progress: told what start-up is waiting for
    :param egress: the one door to the network, where a test has its own
    :param plugins: beside those that the settings name
    :param reread: gives the settings as they are now: whose signatures count is asked on each reload
    :param spares: whether a sandbox worker is kept ready for the next tenant; who makes one call needs none
    :raises SettingsError, StoreError, ToolboxError, SandboxError: nothing was started
    """
    scratch = scratch_root(settings)
    servers = Servers(settings.mcp_servers)
    own = functools.partial(_registry, settings, toolboxes, reread or (lambda: settings), clock or time.time)
    registry = own()
    warn(registry)
    async with contextlib.AsyncExitStack() as stack:
        store = await _open_store(settings, stack)
        key = await unlock(settings, store)
        clock = clock or store.clock
        tenancy = Tenancy(settings, clock)
        vault = await Vault.open(store, Keyring(settings), clock)
        await vault.learn()
        hooks = load(settings.plugins, PluginServices(settings, tenancy, store, vault, clock), plugins)
        sandbox = await _sandbox(settings, scratch, key, spares)
        stack.push_async_callback(sandbox.close)
        await prepare_all(registry, sandbox, progress)
        egress = egress or Egress(allow_localhost=allows_localhost(tenancy.every_host()))
        stack.push_async_callback(egress.close)
        seal_key = store.instance.key(key)  # After a restore what was sealed before counts no more.
        veto = Veto(store, hooks, registry, tenancy, Contents(scratch), seal_key, clock)
        await _prepare(servers, settings, scratch, vault, egress, store, seal_key, tenancy, clock)
        registry.replace(servers.merged(registry))
        registry.restrict(tenancy.has_toolbox)
        results = Results(scratch, tenancy.quota)
        remembering = Remembering.over(store, hooks, tenancy, key, results, clock)
        stack.push_async_callback(remembering.close)
        registry.replace(remembering.offered(registry))
        runners: dict[Where, Runner] = {Where.MCP: McpRunner(servers.served), Where.HOST: remembering.runner}
        body = Body(sandbox, Lender(vault, egress), hooks, scratch, tenancy, veto.take, runners)
        brains = _brains(settings, hooks)
        places, hosts = functools.partial(_card_places, tenancy), tenancy.http_allow
        remind = remembering.recalling.remind
        asking = Asking(store, hooks, tenancy.approval_minutes, clock)
        orchestrator = Orchestrator(
            store,
            veto,
            registry,
            body,
            brains,
            hooks,
            tenancy.budgets,
            places,
            hosts,
            results,
            remind,
            asking,
            drafts := Drafts(store, hooks.redact),
            clock,
        )
        editor = Editor(store, veto, registry, hooks, hosts, body.preview, clock)
        record = functools.partial(_record, store, tenancy, clock)
        tools = ReloadedTools(registry, lambda: remembering.offered(servers.merged(own())), sandbox, record)
        factors, links = Factors(store, key, clock), Links(seal_key)
        parts = Parts(
            tenancy,
            store,
            hooks,
            tools,
            veto,
            orchestrator,
            editor,
            frozenset(brains),
            vault,
            factors,
            links,
            servers,
            _dispatcher(settings, store, orchestrator, tenancy, clock),
            settings.lease_seconds,
            clock,
            scratch,
            reread or (lambda: settings),
            remembering,
            drafts,
        )
        app = Ironclaw(parts)
        app.step_ups.base_url = settings.public_url.rstrip("/")
        checkpoints = Checkpoints(settings.checkpoint_file, settings.key_file)
        await stack.enter_async_context(keep_checkpoints(store, checkpoints, clock))
        stack.push_async_callback(app.close)
        await app.start()
        stack.push_async_callback(servers.close)
        servers.begin(app.renew_tools)
        yield app


async def _open_store(settings: Settings, stack: contextlib.AsyncExitStack) -> Store:
    """The database, and the folders that are its own.

    :raises SettingsError, StoreError: one of them is somebody else's, or cannot be used
    """
    path = settings.data_dir / "ironclaw.db"
    if settings.postgres:  # SQLite sees to it by itself: one process has a data_dir.
        stack.enter_context(owning(path))
    store = await Store.open(path, settings.postgres)
    stack.push_async_callback(store.close)
    await bind(settings, store)
    return store


async def _prepare(
    servers: Servers,
    settings: Settings,
    scratch: Path,
    vault: Vault,
    egress: Egress,
    store: Store,
    seal_key: bytes,
    tenancy: Tenancy,
    clock: Clock,
) -> None:
    """Know the MCP servers of the settings; where there are none, nothing of them is loaded.

    :raises StoreError: nobody can say what was approved of them
    """
    if not settings.mcp_servers:
        return
    opener = importlib.import_module("ironclaw.mcp.opening").Opener(
        settings.data_dir,
        Guarded(settings, scratch),
        settings.sandbox_layers == "require",
        vault,
        egress,
        store,
        clock,
    )
    await servers.prepare(opener, lambda text: vault.values("").redact(text), seal_key, lambda: tenancy.ids)


def _dispatcher(
    settings: Settings, store: Store, orchestrator: Orchestrator, tenancy: Tenancy, clock: Clock
) -> Callable[[Callable[[], None]], Dispatcher]:
    """Makes what decides who advances a workflow; given whom to ring when there may be something to tell."""
    gate = Gate(settings.max_running, tenancy.max_running)
    url, lease = settings.postgres, settings.lease_seconds
    if not url:
        return lambda ring: LocalDispatcher(orchestrator.run, store.workflows.open_ids, ring, gate)
    make = importlib.import_module("ironclaw.replicas").QueueDispatcher
    places = settings.max_running
    whose = (lambda: tenancy.ids, tenancy.max_running)  # Read anew: a workspace may be adopted.
    return lambda ring: make(url, store, orchestrator.run, ring, gate, places, *whose, lease, clock)


def _registry(
    settings: Settings, toolboxes: Sequence[Path], reread: Callable[[], Settings], clock: Clock
) -> Registry:
    """Every toolbox as it lies in its folder now, and counts by whom the settings trust now."""
    added = Installed(settings.data_dir / FOLDER, Trust.of(reread()), clock())
    return Registry.load([*toolboxes, *settings.toolboxes], added)


async def _record(store: Store, tenancy: Tenancy, clock: Clock, found: Registry, actor: str) -> None:
    """Have every tenant's audit log say which toolboxes are in force."""
    why_not = {each.name: each.why for each in found.left_out}
    await store.toolboxes.in_force(tenancy.ids, facts(found), why_not, actor, clock())


async def _sandbox(settings: Settings, scratch: Path, key: bytes, spares: bool) -> Sandbox:
    return await Sandbox.open(
        cache_dir=settings.cache_dir or settings.data_dir / "cache",
        cache_key=subkey(key, "code cache"),
        workers=settings.workers,
        scratch_root=scratch,
        layers=settings.sandbox_layers,
        spares=spares,
    )


def _brains(settings: Settings, hooks: Hooks) -> dict[str, Brain]:
    """Every brain by its name, and the one of the settings under ""; one is ours, whatever plugins offer."""
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
