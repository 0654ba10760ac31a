"""All configured servers: kept connected in the background, their approved tools merged into the registry."""

from __future__ import annotations

import asyncio
import functools
import importlib
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import structlog

from ironclaw.errors import IronclawError, NotFound, SettingsError
from ironclaw.mcp.listing import Listing, differences
from ironclaw.mcp.names import clashes
from ironclaw.mcp.offering import Absent
from ironclaw.mcp.seals import Seals
from ironclaw.mcp.served import Served
from ironclaw.registry import Registry, Tool, Where
from ironclaw.settings import McpServer
from ironclaw.store import McpListing
from ironclaw.store.mcp_tools import McpTools, State
from ironclaw.task import Json
from ironclaw.tenancy import Tenancy

if TYPE_CHECKING:
    from ironclaw.mcp.opening import Opener

KEEP_UP = 5.0  #: Seconds between two looks at what other processes decided.
MISSING = (
    "mcp_servers: tools of MCP servers need the package {name}. "
    "In the clone: .venv/bin/pip install -e '.[mcp]'."
)

log = structlog.get_logger(__name__)


def check_installed() -> None:
    """
    :raises SettingsError: the package that speaks the protocol is not there; says how to get it
    """
    try:
        importlib.import_module("ironclaw.mcp.session")
    except ImportError as error:
        raise SettingsError(MISSING.format(name=error.name)) from None


class Servers:
    """The servers of the settings.  Until :meth:`begin` none is connected, and none has tools."""

    def __init__(self, settings: Mapping[str, McpServer]) -> None:
        """
        :raises SettingsError: there are some, and the package that speaks with them is not there
        """
        if settings:
            check_installed()
        self._settings = settings
        self.served: dict[str, Served] = {}
        self._renew: Callable[[], Awaitable[None]] = _nothing
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._store: McpTools | None = None
        self._clashes: dict[str, str] = {}  #: By server: why its name will not do beside the toolboxes.

    async def prepare(
        self,
        opener: Opener,
        hide: Callable[[str], str],
        seal_key: bytes,
        tenancy: Tenancy,
    ) -> None:
        """Know what was approved: its tools are offered from here on, while their servers are connected.

        :param hide: takes secrets out of a text
        :raises StoreError: nobody can say
        """
        seals = Seals(seal_key)
        for name, server in self._settings.items():
            opening = functools.partial(opener.open, name, server)
            store, clock = opener.store.mcp_tools, opener.clock
            self.served[name] = Served(
                name, server, opening, hide, seals, store, tenancy, clock, self._changed.set
            )
        self._store = opener.store.mcp_tools
        await self._keep_up(self._store)

    def begin(self, renew: Callable[[], Awaitable[None]]) -> None:
        """Connect to all of them, in the background, for as long as this runs.

        :param renew: has the registry take up what is offered now
        """
        self._renew = renew
        if self._store is None:
            return
        chores = [served.run() for served in self.served.values()]
        chores += [self._renew_when_changed(), self._keep_up_for_ever(self._store)]
        self._tasks = [asyncio.create_task(chore) for chore in chores]

    async def close(self) -> None:
        """Let go of all of them; their programs are gone when this returns."""
        for task in self._tasks:
            task.cancel()
        ended = (served.close() for served in self.served.values())
        await asyncio.gather(*self._tasks, *ended, return_exceptions=True)

    def runs_for(self, tenant: str) -> bool:
        """Whether anything of the tenant's is connected to a server, or has not ended yet."""
        return any(served.runs_for(tenant) for served in self.served.values())

    def merged(self, registry: Registry) -> Registry:
        """The registry with the tools that servers offer now, and no others of theirs."""
        own = [tool for tool in registry.tools if tool.toolbox.where is not Where.MCP]
        left_out = [each for each in registry.left_out if not isinstance(each, Absent)]
        families = {family for tool in own for family in (tool.toolbox.name, tool.name.partition(".")[0])}
        self._clashes = clashes(self.served, families)
        for name, served in sorted(self.served.items()):
            if why := self._clashes.get(name):
                left_out.append(Absent(name, why))
                continue
            own += served.offer.tools
            left_out += served.absent
        return Registry(own, left_out)

    # For people

    def listed(self) -> list[dict[str, Json]]:
        """How each server stands."""
        return [self._shown(served) for _, served in sorted(self.served.items())]

    def shown(self, name: str) -> dict[str, Json]:
        """One server: its tools, and what of it waits for approval, word for word.

        :raises NotFound: there is none of this name
        """
        served = self._named(name)
        waiting, approved = served.waiting, served.approved
        was = Listing(approved.about, Listing.read(approved.listing)) if approved else None
        now = Listing(waiting.about, Listing.read(waiting.listing)) if waiting else None
        return {
            **self._shown(served),
            "tools": [
                {"name": tool.name, "risk": tool.risk.value, "description": tool.description}
                for tool in self._offered(served)
            ],
            "left_out": [str(each) for each in served.absent],
            "pending": _digests(waiting),
            "approved": _digests(approved),
            "differences": list(differences(was, now)) if now else [],
        }

    async def decide(self, name: str, component: str, manifest: str, state: State, actor: str) -> None:
        """
        :param component, manifest: of what :meth:`shown` showed
        :raises NotFound: there is no such server
        :raises Conflict: it lists something else by now
        """
        await self._named(name).decide(component, manifest, state, actor)
        await self._renew()

    async def settled(self, seconds: float) -> None:
        """Return when each server was tried once, or after the seconds, with their tools taken up."""
        tried = [asyncio.create_task(served.link.has_tried.wait()) for served in self.served.values()]
        if tried:
            _, late = await asyncio.wait(tried, timeout=seconds)
            for each in late:
                each.cancel()

    def _named(self, name: str) -> Served:
        if name not in self.served:
            known = ", ".join(sorted(self.served)) or "none"
            raise NotFound(f"There is no MCP server {name}. Configured: {known}.")
        return self.served[name]

    def _shown(self, served: Served) -> dict[str, Json]:
        approved = served.approved
        absence = self._clashes.get(served.name) or served.absence
        return {
            "name": served.name,
            "place": served.server.place,
            "state": absence or "its tools are offered",
            "is_well": not absence,
            "count": len(self._offered(served)),
            "unknown": list(served.unknown),
            "approved_by": approved.decided_by if approved else "",
            "approved_at": approved.decided_at if approved else 0,
        }

    def _offered(self, served: Served) -> tuple[Tool, ...]:
        return () if served.name in self._clashes else served.offer.tools

    # Behind

    async def _renew_when_changed(self) -> None:
        was = self._standing()
        while True:
            await self._changed.wait()
            self._changed.clear()
            if (now := self._standing()) == was:
                continue
            try:
                await self._renew()
                was = now
            except IronclawError as error:
                log.warning("mcp_tools_not_renewed", error=str(error))
                await asyncio.sleep(1)
                self._changed.set()

    def _standing(self) -> list[tuple[object, ...]]:
        """What makes a difference to the registry."""
        return [(served.offer.tools, served.absent) for served in self.served.values()]

    async def _keep_up_for_ever(self, store: McpTools) -> None:
        while True:
            await asyncio.sleep(KEEP_UP)
            try:
                await self._keep_up(store)
            except IronclawError as error:
                log.warning("mcp_approvals_not_read", error=str(error))

    async def _keep_up(self, store: McpTools) -> None:
        rows = await store.all() if self.served else ()
        for served in self.served.values():
            served.take(rows)


async def _nothing() -> None:
    """Before there is a registry to renew."""


def _digests(row: McpListing | None) -> dict[str, Json] | None:
    return {"component": row.component, "manifest": row.manifest} if row else None
