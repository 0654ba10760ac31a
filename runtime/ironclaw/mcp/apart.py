"""A connection for each tenant, and a program behind it: what one of them says no other one hears."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import structlog

from ironclaw.errors import BadRequest
from ironclaw.mcp.link import Link

IDLE = 300.0  #: Seconds without a call after which a tenant's connection is let go.
MOST = 32  #: Tenants that are connected to one server at once; whoever is idle makes room for the next.

Closing = Callable[[str], Awaitable[None]]  #: Returns once nothing is done for a tenant any more.


async def until_first(*chores: Awaitable[Any]) -> None:
    """Run all of them until one of them ends; returns when the others have been let go.

    :raises Exception: what that one raised
    """
    tasks = [asyncio.ensure_future(chore) for chore in chores]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


class TenantLink:
    """A link of one tenant's, and the calls on it."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.used_at = time.monotonic()
        self._calls = 0
        self._is_free = asyncio.Event()
        self._is_free.set()

    @property
    def is_free(self) -> bool:
        """Whether no call runs."""
        return self._is_free.is_set()

    @contextlib.contextmanager
    def using(self) -> Iterator[Link]:
        """For a call."""
        self._calls += 1
        self._is_free.clear()
        try:
            yield self.link
        finally:
            self._calls -= 1
            self.used_at = time.monotonic()
            if not self._calls:
                self._is_free.set()

    async def idle(self) -> None:
        """Return when nobody has used it for a while."""
        while (left := self.used_at + IDLE - time.monotonic()) > 0:
            await asyncio.sleep(left)
            await self._is_free.wait()

    async def closed(self, closing: Awaitable[None]) -> None:
        """Return when its tenant is not served any more, and what runs has ended."""
        await closing
        await self._is_free.wait()


class Apart:
    """One server's connections, by tenant: each from a tenant's first call until it is idle or not served."""

    def __init__(self, make: Callable[[], Link], closing: Closing) -> None:
        """
        :param make: a connection that nobody has had
        """
        self._make, self._closing = make, closing
        self._links: dict[str, tuple[TenantLink, asyncio.Task[None]]] = {}
        self._tasks: dict[asyncio.Task[None], str] = {}  #: Also those that are ending; with their tenants.

    def of(self, tenant: str) -> TenantLink:
        """The tenant's own.

        :raises BadRequest: too many other tenants' calls run now
        """
        if tenant not in self._links:
            self._begin(tenant)
        return self._links[tenant][0]

    def has(self, tenant: str) -> bool:
        """Whether anything of the tenant's is connected, or has not ended yet."""
        return tenant in self._tasks.values()

    async def close(self) -> None:
        """Let go of all of them; their programs are gone when this returns."""
        for tenant in list(self._links):
            self._end(tenant)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, tenant: str) -> None:
        if len(self._links) >= MOST:
            self._make_room()
        own = TenantLink(self._make())
        task = asyncio.create_task(self._keep(tenant, own))
        self._links[tenant], self._tasks[task] = (own, task), tenant
        task.add_done_callback(self._tasks.pop)

    async def _keep(self, tenant: str, own: TenantLink) -> None:
        structlog.contextvars.clear_contextvars()  # Of the call that brought it about.
        structlog.contextvars.bind_contextvars(tenant=tenant)
        await until_first(own.link.run(), self._over(tenant, own))

    async def _over(self, tenant: str, own: TenantLink) -> None:
        """Return when nobody needs or may have it; who calls while it ends has another one."""
        try:
            await until_first(own.idle(), own.closed(self._closing(tenant)))
        finally:
            if tenant in self._links and self._links[tenant][0] is own:
                del self._links[tenant]

    def _make_room(self) -> None:
        idle = {tenant: own.used_at for tenant, (own, _) in self._links.items() if own.is_free}
        if not idle:
            raise BadRequest(f"{MOST} other tenants are calling it")
        self._end(min(idle, key=idle.__getitem__))

    def _end(self, tenant: str) -> None:
        _, task = self._links.pop(tenant)
        task.cancel()
