"""What all the rest stands on: the database, the host's key, the tenants, their secrets, the plugins."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ironclaw.app.scratch import bind, scratch_root
from ironclaw.app.services import PluginServices
from ironclaw.plugin_manager import Factory, Hooks, load
from ironclaw.secrets import Keyring, Vault, unlock
from ironclaw.settings import Settings
from ironclaw.store import Store, owning
from ironclaw.tenancy import Tenancy

Clock = Callable[[], float]  #: Unix seconds.


@dataclass(frozen=True, slots=True)
class Foundation:
    """Open, and shared by all parts of the engine."""

    settings: Settings
    clock: Clock
    scratch: Path  #: The folder above the tenants' folders.
    store: Store
    key: bytes = field(repr=False)  #: The host's own: what it seals outlives a restore.
    tenancy: Tenancy
    vault: Vault
    hooks: Hooks

    @property
    def seal_key(self) -> bytes:
        """Of this database: after a restore what was sealed before counts no more."""
        return self.store.instance.key(self.key)

    @classmethod
    async def laid(
        cls,
        settings: Settings,
        plugins: Mapping[str, Factory],
        clock: Clock | None,
        stack: contextlib.AsyncExitStack,
    ) -> Foundation:
        """
        :param plugins: beside those that the settings name
        :param clock: None for the database's
        :param stack: closes what this opens
        :raises SettingsError, StoreError: something is somebody else's, or cannot be used
        """
        scratch = scratch_root(settings)
        store = await _open_store(settings, stack)
        key = await unlock(settings, store)
        clock = clock or store.clock
        tenancy = Tenancy(settings, clock)
        vault = await Vault.open(store, Keyring(settings), clock)
        await vault.learn()
        hooks = load(settings.plugins, PluginServices(settings, tenancy, store, vault, clock), plugins)
        return cls(settings, clock, scratch, store, key, tenancy, vault, hooks)


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
