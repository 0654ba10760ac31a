"""One server: what people approved of it, what it lists now, and so what of it is offered."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from ironclaw.errors import Conflict, NotFound
from ironclaw.mcp.apart import Apart, TenantLink, until_first
from ironclaw.mcp.link import Link, Open
from ironclaw.mcp.listing import Listing, config_digest
from ironclaw.mcp.offering import Absent, Offer, offer
from ironclaw.mcp.seals import Seals
from ironclaw.settings import McpServer
from ironclaw.store import McpListing
from ironclaw.store.mcp_tools import McpTools, State
from ironclaw.task import Json, TenantState
from ironclaw.tenancy import Tenancy

GRACE = (
    60.0  #: Seconds that a server may be away before its tools are: a call waits for it as long as it may.
)
#: Seconds between two new beginnings for what a tenant's own lists: who took hold of that may list anything,
#: and everybody's tools would be away with the one that is known.
ANEW_EVERY = 600.0


class Served:
    """What becomes of one server's tools."""

    def __init__(
        self,
        name: str,
        server: McpServer,
        open_session: Open,
        hide: Callable[[str], str],
        seals: Seals,
        store: McpTools,
        tenancy: Tenancy,
        clock: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        """
        :param hide: takes secrets out of a text
        :param changed: called when something else is offered than before
        """
        self.name, self.server = name, server
        #: By it is known what the server lists.  No tenant's words go there, but those of its only one.
        self.link = Link(name, open_session, hide, self._told, self._lost)
        self._owner = server.tenants[0] if server.tenants and len(server.tenants) == 1 else ""
        self._own = TenantLink(self.link)
        self._is_up = False
        self._apart = Apart(lambda: Link(name, open_session, hide, self._heard, _nothing), tenancy.closing)
        self._config = config_digest(name, server)
        self._seals, self._store, self._tenancy, self._clock = seals, store, tenancy, clock
        self._changed = changed
        self._rows: tuple[McpListing, ...] = ()
        self._now: Listing | None = None  #: What it lists, while it is connected.
        self._away_since = time.monotonic()
        self._anew_at = float("-inf")  #: When it was begun anew for what a tenant's own lists.
        self._offer: tuple[McpListing, Offer] | None = None  #: Of which row it was made.

    # Connected

    async def run(self) -> None:
        """For ever: know what it lists.  A server with one tenant rests while that one is not served."""
        while self._owner:
            if self._tenancy.state(self._owner) is not TenantState.ACTIVE:
                self.link.rest(f"its tenant {self._owner} is not served")
                self._lost()
            await self._tenancy.opening(self._owner)
            self._is_up = True
            try:
                closing = self._tenancy.closing(self._owner)
                await until_first(self.link.run(), self._own.closed(closing))
            finally:
                self._is_up = False
        await self.link.run()

    async def close(self) -> None:
        """Let go of what tenants have of their own; gone when this returns."""
        await self._apart.close()

    @contextlib.contextmanager
    def using(self, tenant: str) -> Iterator[Link]:
        """The tenant's own connection, for a call.

        :raises BadRequest: too many other tenants' calls run now
        """
        own = self._own if tenant == self._owner else self._apart.of(tenant)
        with own.using() as link:
            yield link

    def runs_for(self, tenant: str) -> bool:
        """Whether anything of the tenant's is connected, or has not ended yet."""
        return self._apart.has(tenant) or (tenant == self._owner and self._is_up)

    # What is offered

    @property
    def approved(self) -> McpListing | None:
        """What people approved, if it is of the server as it is configured now, and their last word on it."""
        mine = (row for row in self._rows if row.state == "approved" and row.config == self._config)
        return next((row for row in mine if self._seals.holds(row) and not row.is_outlived), None)

    @property
    def waiting(self) -> McpListing | None:
        """What it listed last, if that is not approved."""
        approved = self.approved
        others = [row for row in self._rows if row.config == self._config and row != approved]
        return others[-1] if others else None

    @property
    def offer(self) -> Offer:
        """Its tools as they may be offered now; none where :attr:`absence` says why."""
        approved = self.approved
        if approved is None or self.absence:
            return Offer()
        if self._offer is None or self._offer[0] != approved:
            self._offer = approved, offer(self.name, self.server, approved)
        return self._offer[1]

    @property
    def absence(self) -> str:
        """Why its tools are not offered; "" where they are."""
        approved, now = self.approved, self._now
        look = f"see them with: ironclaw mcp-server approve {self.name}"
        if now is None and time.monotonic() - self._away_since >= GRACE:
            return f"it is not connected: {self.link.why}"
        if approved is None:
            return self._undecided(look)
        if now and not self.is_pinned(approved, now):
            return f"its tools are not those that were approved; {look}"
        return ""

    def _undecided(self, look: str) -> str:
        waiting = self.waiting
        if waiting is None:
            return self.link.why
        if waiting.state == "rejected":
            return f"{waiting.decided_by} rejected its tools; {look}"
        return f"nobody has approved its tools; {look}"

    @property
    def unknown(self) -> tuple[str, ...]:
        """Names in ``low``, ``pure`` and ``keyed`` that no tool of its has: most likely typing errors."""
        listed = self._now.tools if self._now else self._kept()
        if not listed:
            return ()
        there = {str(tool["name"]) for tool in listed}
        named = {*self.server.low, *self.server.pure, *self.server.keyed}
        return tuple(sorted(named - there))

    def _kept(self) -> tuple[Mapping[str, Json], ...]:
        row = self.approved or self.waiting
        return Listing.read(row.listing) if row else ()

    @property
    def absent(self) -> tuple[Absent, ...]:
        """What is not offered, and why."""
        return (Absent(self.name, self.absence),) if self.absence else self.offer.refused

    def is_pinned(self, row: McpListing, listing: Listing) -> bool:
        """Whether a listing is, word for word, the one that is kept."""
        return (row.component, row.manifest) == (listing.component(self._config), listing.manifest)

    # What people say

    async def decide(self, component: str, manifest: str, state: State, actor: str) -> None:
        """Approve or reject what somebody was shown.

        :param component, manifest: of exactly that
        :raises Conflict: it is not kept any more
        """
        row = next((r for r in self._rows if (r.component, r.manifest) == (component, manifest)), None)
        if row is None or row.config != self._config or not self.is_pinned(row, _kept_in(row)):
            raise Conflict(f"The tools of {self.name} have changed since they were shown. Look again.")
        now = round(max(self._clock(), row.last_word + 0.001), 3)  # A clock may be set back.
        decided = replace(row, state=state, decided_by=actor, decided_at=now)
        await self._store.decide(self._seals.sealed(decided), self._audience())
        await self.refresh()

    def pending(self) -> McpListing:
        """
        :raises NotFound: nothing waits
        """
        if row := self.waiting:
            return row
        raise NotFound(f"Nothing of {self.name} waits for approval. {self.absence}".strip())

    # What is kept

    async def refresh(self) -> None:
        """Have what is kept, as other processes may have changed it."""
        self.take(await self._store.all())

    def take(self, rows: Iterable[McpListing]) -> None:
        """
        :param rows: of all servers
        """
        mine = tuple(row for row in rows if row.server == self.name)
        if mine != self._rows:
            self._rows = mine
            self._changed()

    async def _told(self, listing: Listing) -> None:
        row = McpListing(
            self.name,
            self._config,
            listing.component(self._config),
            listing.manifest,
            listing.about,
            listing.text,
        )
        await self.refresh()
        if row.key not in {each.key for each in self._rows} or len(self._rows) > 1:
            await self._store.seen(row, self._audience(), self._clock())
            await self.refresh()
        self._now = listing
        self._changed()

    async def _heard(self, listing: Listing) -> None:
        """What a tenant's own lists: where that is something else, the one that is known begins anew."""
        if self._now not in (None, listing) and time.monotonic() - self._anew_at >= ANEW_EVERY:
            self._anew_at = time.monotonic()
            self.link.drop("it lists other tools elsewhere")

    def _lost(self) -> None:
        if self._now is not None:
            self._now, self._away_since = None, time.monotonic()
            asyncio.get_running_loop().call_later(GRACE, self._changed)
        self._changed()

    def _audience(self) -> frozenset[str]:
        """Whose audit logs say what becomes of it."""
        return self._tenancy.ids if self.server.tenants is None else frozenset(self.server.tenants)


def _kept_in(row: McpListing) -> Listing:
    """What a row shows people, which is what its digests are over, unless somebody has changed the row."""
    return Listing(row.about, Listing.read(row.listing))


def _nothing() -> None:
    """A tenant's own is over: what is offered stays."""
