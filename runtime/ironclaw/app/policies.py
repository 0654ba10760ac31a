"""The policy in force: watched, noted where it changes, and held against what waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ironclaw.errors import SettingsError
from ironclaw.plugin_manager import Hooks
from ironclaw.store import Store
from ironclaw.task import Principal
from ironclaw.tenancy import Tenancy
from ironclaw.veto import Veto

UNHURRIED = 9.0  #: Times as long as it works, a look through everything rests.

log = structlog.get_logger(__name__)


class Policies:
    """What the plugins judge by, and what follows when that is another than before."""

    def __init__(
        self,
        hooks: Hooks,
        veto: Veto,
        store: Store,
        tenancy: Tenancy,
        wake: Callable[[str, str], None],
        clock: Callable[[], float],
    ) -> None:
        self._hooks = hooks
        self._veto = veto
        self._store = store
        self._tenancy = tenancy
        self._wake = wake
        self._clock = clock
        self._in_force: tuple[frozenset[str], str] = (frozenset(), "")
        self._complaint = ""
        self._turn = asyncio.Lock()

    @property
    def version(self) -> str:
        """Of the policy in force: a digest of all that verdicts depend on."""
        return self._hooks.policy_version()

    async def begin(self) -> None:
        """Put the policy in force that the plugins were built with.

        Where it is the one of before, nobody waits until all that waits is looked through.
        """
        now = (self._tenancy.ids, self.version)
        if await self._put_in_force(*now):
            await self.reload()
        self._in_force = now

    async def look_through(self) -> None:
        """End the reviews that could not run any more, in no hurry: each is looked at before it runs, too."""
        await self._end_forbidden(rest=UNHURRIED)

    async def reload(self) -> None:
        """Take up what changed in the files.

        :raises SettingsError: one cannot be used; the policy is the one of before
        """
        async with self._turn:
            await asyncio.to_thread(self._hooks.reload)
            await self._take_up()

    async def watch(self) -> None:
        """As :meth:`reload`, for ever: a file that cannot be used is complained of once."""
        try:
            await self.reload()
        except SettingsError as error:
            if str(error) != self._complaint:
                log.error("policy_refused", error=str(error), in_force=self.version)
            self._complaint = str(error)
        else:
            self._complaint = ""

    async def refuse_change(self, principal: Principal) -> None:
        """Note that somebody tried to change policy through a door: none does that."""
        log.warning("policy_change_refused", tenant=principal.tenant, principal=principal.id)
        await self._store.policies.refused_change(principal.tenant, principal.id, self._clock())

    async def _take_up(self) -> None:
        """Where the policy is another one, note it for each tenant and end the reviews that it forbids."""
        now = (self._tenancy.ids, self.version)
        if now == self._in_force:
            return
        await self._put_in_force(*now)
        await self._end_forbidden()
        self._in_force = now

    async def _end_forbidden(self, rest: float = 0.0) -> None:
        for approval in await self._veto.tighten(rest):
            self._wake(approval.workflow_id, approval.tenant)

    async def _put_in_force(self, tenants: frozenset[str], version: str) -> bool:
        """:return: whether it was another one"""
        has_changed = await self._store.policies.put_in_force(tenants, version, self._clock())
        if has_changed:
            log.warning("policy_changed", version=version)
        return has_changed
