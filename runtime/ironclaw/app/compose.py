"""Puts everything together, in one place: ``open_app(settings)`` gives an :class:`Ironclaw`."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from ironclaw.app.engine import Ironclaw, Parts
from ironclaw.app.foundation import Clock, Foundation
from ironclaw.app.mind import Mind
from ironclaw.app.remembering import Remembering
from ironclaw.app.tools import ReloadedTools, facts, prepare_all, warn
from ironclaw.audit import Checkpoints, keep_checkpoints
from ironclaw.canonical import subkey
from ironclaw.dispatcher import Dispatcher, LocalDispatcher
from ironclaw.egress import Egress, allows_localhost
from ironclaw.mcp.confining import Guarded
from ironclaw.mcp.quota import clear_left
from ironclaw.mcp.runner import Runner as McpRunner
from ironclaw.mcp.servers import Servers
from ironclaw.orchestrator import Body, Orchestrator
from ironclaw.orchestrator.body import Runner
from ironclaw.orchestrator.results import Results
from ironclaw.plugin_manager import Factory
from ironclaw.registry import Installed, Registry, Where
from ironclaw.registry.installed import FOLDER
from ironclaw.registry.trust import Trust
from ironclaw.sandbox import Sandbox
from ironclaw.sandbox.contents import Contents
from ironclaw.secrets import Lender
from ironclaw.settings import Settings
from ironclaw.turns import Gate
from ironclaw.veto import Veto


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
    reread = reread or (lambda: settings)
    servers = Servers(settings.mcp_servers)
    read = functools.partial(_registry, settings, toolboxes, reread, clock or time.time)
    registry = read()
    warn(registry)
    async with contextlib.AsyncExitStack() as stack:
        base = await Foundation.laid(settings, plugins, clock, stack)
        sandbox = await _sandbox(base, spares)
        stack.push_async_callback(sandbox.close)
        await prepare_all(registry, sandbox, progress)
        egress = egress or Egress(allow_localhost=allows_localhost(base.tenancy.every_host()))
        stack.push_async_callback(egress.close)
        await _know_servers(servers, base, egress)
        results = Results(base.scratch, base.tenancy.quota)
        remembering = Remembering.over(base.store, base.hooks, base.tenancy, base.key, results, base.clock)
        stack.push_async_callback(remembering.close)
        tools = _tools(base, registry, read, servers, remembering, sandbox)
        veto = _veto(base, registry)
        body = _body(base, veto, sandbox, egress, servers, remembering)
        mind = Mind.over(base, registry, veto, body, results, remembering.recalling)
        dispatch = _dispatcher(base, mind.orchestrator)
        app = Ironclaw(Parts(base, tools, veto, mind, servers, remembering, dispatch, reread))
        await _start(app, base, servers, stack)
        yield app


def _registry(
    settings: Settings, toolboxes: Sequence[Path], reread: Callable[[], Settings], clock: Clock
) -> Registry:
    """Every toolbox as it lies in its folder now, and counts by whom the settings trust now."""
    added = Installed(settings.data_dir / FOLDER, Trust.of(reread()), clock())
    return Registry.load([*toolboxes, *settings.toolboxes], added)


async def _sandbox(base: Foundation, spares: bool) -> Sandbox:
    settings = base.settings
    return await Sandbox.open(
        cache_dir=settings.cache_dir or settings.data_dir / "cache",
        cache_key=subkey(base.key, "code cache"),
        workers=settings.workers,
        scratch_root=base.scratch,
        layers=settings.sandbox_layers,
        spares=spares,
    )


async def _know_servers(servers: Servers, base: Foundation, egress: Egress) -> None:
    """Know the MCP servers of the settings; where there are none, nothing of them is loaded.

    :raises StoreError: nobody can say what was approved of them
    :raises SettingsError: what programs of a bot that was killed have left cannot be removed
    """
    settings, vault = base.settings, base.vault
    await asyncio.to_thread(clear_left, settings.data_dir)
    if not settings.mcp_servers:
        return
    opener = importlib.import_module("ironclaw.mcp.opening").Opener(
        settings.data_dir,
        Guarded(settings, base.scratch),
        settings.sandbox_layers == "require",
        vault,
        egress,
        base.store,
        base.clock,
    )
    await servers.prepare(opener, lambda text: vault.values("").redact(text), base.seal_key, base.tenancy)


def _tools(
    base: Foundation,
    registry: Registry,
    read: Callable[[], Registry],
    servers: Servers,
    remembering: Remembering,
    sandbox: Sandbox,
) -> ReloadedTools:
    """The registry, with the tools beside those of toolboxes, for each tenant those that it has."""

    def offered(own: Registry) -> Registry:
        return remembering.offered(servers.merged(own))

    registry.replace(offered(registry))
    registry.restrict(base.tenancy.has_toolbox)
    return ReloadedTools(registry, lambda: offered(read()), sandbox, functools.partial(_record, base))


async def _record(base: Foundation, found: Registry, actor: str) -> None:
    """Have every tenant's audit log say which toolboxes are in force."""
    why_not = {each.name: each.why for each in found.left_out}
    await base.store.toolboxes.in_force(base.tenancy.ids, facts(found), why_not, actor, base.clock())


def _veto(base: Foundation, registry: Registry) -> Veto:
    contents = Contents(base.scratch)
    return Veto(base.store, base.hooks, registry, base.tenancy, contents, base.seal_key, base.clock)


def _body(
    base: Foundation,
    veto: Veto,
    sandbox: Sandbox,
    egress: Egress,
    servers: Servers,
    remembering: Remembering,
) -> Body:
    lender = Lender(base.vault, egress)
    runners: dict[Where, Runner] = {Where.MCP: McpRunner(servers.served), Where.HOST: remembering.runner}
    return Body(sandbox, lender, base.hooks, base.scratch, base.tenancy, veto.take, runners)


def _dispatcher(base: Foundation, orchestrator: Orchestrator) -> Callable[[Callable[[], None]], Dispatcher]:
    """Makes what decides who advances a workflow; given whom to ring when there may be something to tell."""
    settings, store, tenancy, clock = base.settings, base.store, base.tenancy, base.clock
    gate = Gate(settings.max_running, tenancy.max_running)
    url, lease = settings.postgres, settings.lease_seconds
    if not url:
        return lambda ring: LocalDispatcher(orchestrator.run, store.workflows.open_ids, ring, gate)
    make = importlib.import_module("ironclaw.replicas").QueueDispatcher
    places = settings.max_running
    whose = (lambda: tenancy.ids, tenancy.max_running)  # Read anew: a workspace may be adopted.
    return lambda ring: make(url, store, orchestrator.run, ring, gate, places, *whose, lease, clock)


async def _start(app: Ironclaw, base: Foundation, servers: Servers, stack: contextlib.AsyncExitStack) -> None:
    """Take up what there is, and connect to the servers; the stack ends it all in turn."""
    app.step_ups.base_url = base.settings.public_url.rstrip("/")
    checkpoints = Checkpoints(base.settings.checkpoint_file, base.settings.key_file)
    await stack.enter_async_context(keep_checkpoints(base.store, checkpoints, base.clock))
    stack.push_async_callback(app.close)
    await app.start()
    stack.push_async_callback(servers.close)
    servers.begin(app.renew_tools)
