"""What the operator does with tenants: looks, suspends, resumes, forgets, has settings taken up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from ironclaw.app.forgetting import Forgetting
from ironclaw.capabilities import Quota
from ironclaw.errors import Conflict, NotFound, SettingsError
from ironclaw.sandbox.quota import count
from ironclaw.settings import Settings, TenantSettings
from ironclaw.store import Store
from ironclaw.task import Json, TenantState
from ironclaw.tenancy import Tenancy

ALL = Quota(1 << 62, 1 << 62)  #: Nobody's: to count whatever is there.
NEEDS_START = (
    "tenants: the policy_file of {name} is read at the start: start the bot again. Nothing was changed."
)
log = structlog.get_logger(__name__)


class Tenants:
    """The operator's side of tenants.

    :param scratch: the folder above their folders
    :param reread: gives the settings as they are now
    :param taken_up: has the engine's other parts know of new tenants
    :param go_on: has what is open go on
    """

    def __init__(
        self,
        store: Store,
        tenancy: Tenancy,
        forgetting: Forgetting,
        scratch: Path,
        reread: Callable[[], Settings],
        taken_up: Callable[[], Awaitable[None]],
        go_on: Callable[[], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._tenancy = tenancy
        self._forgetting = forgetting
        self._scratch = scratch
        self._reread = reread
        self._taken_up = taken_up
        self._go_on = go_on
        self._clock = clock
        self._turn = asyncio.Lock()

    async def listed(self) -> Json:
        """Every tenant that is in the settings or was ever here, with its state."""
        states = await self._store.tenants.states()
        names = sorted(states.keys() | self._tenancy.ids)
        return [
            {
                "tenant": name,
                "state": states.get(name, TenantState.ACTIVE).value,
                "in_settings": self._tenancy.named(name) is not None,
            }
            for name in names
        ]

    async def shown(self, tenant: str) -> Json:
        """The settings in force of one tenant, what it has, and what it has used this month.

        :raises NotFound: there is none of this name
        """
        row = await self._store.tenants.row(tenant)
        settings, now = self._tenancy.named(tenant), self._clock()
        today = datetime.fromtimestamp(now, UTC)
        month = datetime(today.year, today.month, 1, tzinfo=UTC).timestamp()
        used = await asyncio.to_thread(_used, self._scratch / tenant)
        return {
            "tenant": tenant,
            "state": row.state.value,
            "changed_by": row.changed_by,
            "changed_at": row.changed_at,
            "settings": chosen(settings) if settings else None,
            "counts": {**await self._store.tenants.counts(tenant, month), "scratch_bytes": used},
            "receipt": await self._forgetting.receipt(tenant) if row.state.is_gone else None,
        }

    async def suspend(self, tenant: str, actor: str) -> None:
        """Do nothing more for a tenant, at once and at every door.

        A call that runs is cut off where it can run again without harm.  Of one that may have changed
        something the end is noted, its next request is refused, and nothing follows.

        :raises NotFound: there is none of this name
        :raises Conflict: it is suspended, or forgotten
        """
        await self._change(tenant, TenantState.ACTIVE, TenantState.SUSPENDED, actor)

    async def resume(self, tenant: str, actor: str) -> None:
        """Serve it again: what waits goes on.  One that was forgotten begins with nothing.

        :raises NotFound: there is none of this name
        :raises Conflict: it is served, or being forgotten
        """
        row = await self._store.tenants.row(tenant)
        if row.state is TenantState.FORGOTTEN:
            await self._store.tenants.return_(tenant, actor, self._clock())
            self._tenancy.learn_states(await self._store.tenants.states())
            await self._taken_up()
        else:
            await self._change(tenant, TenantState.SUSPENDED, TenantState.ACTIVE, actor)
        await self._go_on()

    async def forget(self, tenant: str, actor: str) -> Json:
        """Remove every byte of a tenant; one that is served is suspended first.

        :return: the receipt
        :raises NotFound: there is none of this name
        :raises TryLater, StoreError, IndexUnavailable: it is not done yet, and may be run again
        """
        async with self._turn:
            row = await self._store.tenants.row(tenant)
            if row.state is TenantState.ACTIVE:
                await self.suspend(tenant, actor)
            return await self._forgetting.forget(tenant, actor)

    async def reload(self, actor: str) -> Json:
        """Take up the tenants of the settings as they are now; who is missing stays until a restart.

        :return: names of new ones, of changed ones, and of those that the settings lack
        :raises SettingsError: they cannot be used; nothing was changed
        """
        async with self._turn:
            fresh = await asyncio.to_thread(self._reread)
            before = {name: self._tenancy.named(name) for name in self._tenancy.ids}
            _check_policies(before, fresh)
            self._tenancy.reread(fresh)
            after = {name: self._tenancy.named(name) for name in self._tenancy.ids}
            added = sorted(after.keys() - before.keys())
            changed = sorted(name for name in before if before[name] != after.get(name))
            await self._taken_up()
            await self._note(added, changed, before, actor)
        left = sorted(name for name in before if name not in fresh.tenants and name != self._tenancy.own)
        return {"added": added, "changed": changed, "left": left}

    async def _note(
        self,
        added: list[str],
        changed: list[str],
        before: Mapping[str, TenantSettings | None],
        actor: str,
    ) -> None:
        now, note = self._clock(), self._store.tenants.note_settings
        for name in added:
            await note(name, "tenant_added", actor, now, chosen(self._tenancy.named(name)))
        for name in changed:
            was, is_now = chosen(before[name]), chosen(self._tenancy.named(name))
            other = {key for key in was.keys() | is_now.keys() if was.get(key) != is_now.get(key)}
            detail = {key: {"was": was.get(key), "now": is_now.get(key)} for key in sorted(other)}
            await note(name, "tenant_changed", actor, now, detail)
        if added or changed:
            log.warning("tenants_read_anew", added=added, changed=changed)

    async def _change(self, tenant: str, was: TenantState, state: TenantState, actor: str) -> None:
        row = await self._store.tenants.row(tenant)
        if row.state is not was:
            raise Conflict(f"The tenant {tenant} is {row.state.value} already.")
        await self._store.tenants.change(tenant, was, state, actor, self._clock())
        self._tenancy.learn_states(await self._store.tenants.states())
        log.warning(f"tenant_{state.value}", tenant=tenant)


def chosen(settings: TenantSettings | None) -> dict[str, Any]:
    """What a tenant's table says otherwise than the defaults, as JSON.

    :raises NotFound: it has none
    """
    if settings is None:
        raise NotFound
    found: dict[str, Any] = settings.model_dump(mode="json", exclude_defaults=True)
    return found


def _check_policies(before: Mapping[str, TenantSettings | None], fresh: Settings) -> None:
    """
    :raises SettingsError: a tenant would be served without what its policy takes away
    """
    for name, tenant in fresh.tenants.items():
        known = before.get(name)
        if tenant.policy_file != (known.policy_file if known else None):
            raise SettingsError(NEEDS_START.format(name=name))


def _used(folder: Path) -> int:
    """Bytes of a tenant's files; 0 where there is no folder."""
    try:
        return count(folder, ALL).bytes
    except OSError:
        return 0
