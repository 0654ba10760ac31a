"""Removes every byte of a tenant: step by step, each of which may be done again after a crash."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import stat
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from ironclaw.app.stopping import Stopping
from ironclaw.canonical import canonical_text
from ironclaw.errors import Conflict, IndexUnavailable, StoreError, TryLater
from ironclaw.orchestrator.holding import COPY, LOCK, SPOOL
from ironclaw.recall import MemoryIndexes
from ironclaw.sandbox.quota import DEEPEST
from ironclaw.sandbox.tree import Tree
from ironclaw.store import Store
from ironclaw.store.tenants import EMPTIED
from ironclaw.task import Json, TenantState
from ironclaw.tenancy import Tenancy

PATIENCE = 30.0  #: Seconds that a tool which runs may take to end.
TELLING = 5.0  #: Seconds that the doors have to show that what waited has ended.
STALE = 2.5  #: Seconds after which every process that shares the database knows what it says of a tenant.
POLL = 0.05
VECTORS, FILES, NAMES = (
    "vectors of the memory index",
    "files and folders of its scratch",
    "names beside its scratch",
)
#: What no program of ours can reach.
ELSEWHERE = (
    "Messages that stand in Slack, and what people copied from them",
    "Backups that were made before: remove them, or wait until you do",
    "Logs: they go where you send them, and hold ids and times; remove them by date",
    "What model servers, MCP servers and other hosts were sent",
    "Its table in ironclaw.toml, which is yours, and its id in the database and in signed checkpoints",
)
IN_POSTGRES = "PostgreSQL's own write-ahead log and its archives, until the server recycles them"
BUSY = (
    "A tool of the tenant {tenant} still runs. Nothing was removed yet; it is suspended. Run it again in a "
    "moment."
)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Grounds:
    """Where tenants have something, beside the database."""

    scratch: Path  #: The folder above their folders.
    indexes: MemoryIndexes | None  #: None where nothing finds memories again.
    runs: Callable[[str], bool]  #: Whether an MCP server is connected for a tenant, which may be a program.


class Forgetting:
    """Forgets tenants.

    :param at_work: the workflows that this process works on
    :param ring: has the outbox looked through
    """

    def __init__(
        self,
        store: Store,
        tenancy: Tenancy,
        grounds: Grounds,
        stopping: Stopping,
        at_work: Callable[[], tuple[str, ...]],
        ring: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._tenancy = tenancy
        self._grounds = grounds
        self._stopping = stopping
        self._at_work = at_work
        self._ring = ring
        self._clock = clock

    async def forget(self, tenant: str, actor: str) -> Json:
        """Remove all of a tenant that is suspended, or go on with it where a crash cut it short.

        :return: the receipt; of one that was forgotten before, that of then
        :raises Conflict: it is served
        :raises TryLater, StoreError, IndexUnavailable: it is not done yet, and may be run again
        """
        row = await self._store.tenants.row(tenant)
        if row.state is TenantState.SUSPENDED:
            await self._end_open(tenant, actor)
            change = (TenantState.SUSPENDED, TenantState.FORGETTING)
            await self._store.tenants.change(tenant, *change, actor, self._clock())
        elif row.state is TenantState.FORGOTTEN:
            return await self.receipt(tenant)
        elif row.state is TenantState.ACTIVE:
            raise Conflict(f"The tenant {tenant} is {row.state.value}: suspend it first.")
        self._tenancy.learn_states(await self._store.tenants.states())
        if self._store.is_shared:
            await asyncio.sleep(STALE)
        await self._rest(tenant)
        await self._remove_all(tenant)
        await self._store.rewrite()
        await self._clear_index(tenant)  # Once more: what was just being indexed has ended by now.
        await self._store.tenants.end(tenant, actor, self._clock())
        self._tenancy.learn_states(await self._store.tenants.states())
        log.warning("tenant_forgotten", tenant=tenant)
        return await self.receipt(tenant)

    async def receipt(self, tenant: str) -> Json:
        """How much was removed of what, what stays where, and a digest of this.

        :raises NotFound: no such tenant was ever here
        """
        row = await self._store.tenants.row(tenant)
        removed = await self._store.tenants.receipt(tenant)
        stays = [*ELSEWHERE, *([IN_POSTGRES] if self._store.is_shared else [])]
        body = {"tenant": tenant, "by": row.changed_by, "at": round(row.changed_at, 3), "removed": removed}
        digest = hashlib.sha256(canonical_text(body).encode()).hexdigest()
        return {**body, "sha256": digest, "stays": stays, "state": row.state.value}

    async def _end_open(self, tenant: str, actor: str) -> None:
        """Cancel what has not ended, and give the doors a moment to show it."""
        await self._rest(tenant)
        for workflow_id in await self._store.tenants.open_ids(tenant):
            with contextlib.suppress(Conflict):  # It has ended by itself.
                await self._stopping.end(tenant, workflow_id, actor)
        self._ring()
        with contextlib.suppress(TryLater):
            await _until(lambda: self._store.tenants.is_told(tenant), TELLING, "")

    async def _rest(self, tenant: str) -> None:
        """Wait until nobody works for it.

        :raises TryLater: somebody still does
        """

        async def rests() -> bool:
            going = await self._store.tenants.at_work(tenant, self._clock())
            open_ones = await self._store.tenants.open_ids(tenant)
            is_idle = not set(open_ones).intersection(self._at_work()) and not self._grounds.runs(tenant)
            return not going and is_idle

        await _until(rests, PATIENCE, BUSY.format(tenant=tenant))

    async def _remove_all(self, tenant: str) -> None:
        """
        :raises IndexUnavailable, StoreError: not all of it could be removed
        """
        await self._clear_files(tenant)
        for table in EMPTIED:
            await self._store.tenants.empty(tenant, table)
        await self._clear_index(tenant)
        await self._store.tenants.empty_events(tenant, self._clock())

    async def _clear_index(self, tenant: str) -> None:
        if self._grounds.indexes is None:
            return
        index, count = self._grounds.indexes.of(tenant), 0
        with contextlib.suppress(IndexUnavailable):  # What cannot be counted can be removed.
            count = await index.count()
        await index.clear()
        await self._store.tenants.note_removed(tenant, VECTORS, count)

    async def _clear_files(self, tenant: str) -> None:
        try:
            files, names = await asyncio.to_thread(remove_files, self._grounds.scratch, tenant)
        except OSError as error:
            raise StoreError(
                f"The files of the tenant {tenant} could not all be removed: {error.strerror or error}. "
                "Run it again when that is mended."
            ) from None
        await self._store.tenants.note_removed(tenant, FILES, files)
        await self._store.tenants.note_removed(tenant, NAMES, names)


def remove_files(root: Path, tenant: str) -> tuple[int, int]:
    """Remove a tenant's folder, its copies and locks, and follow no link out of them.

    :return: entries of the folder, and how many copies, locks and bytes on their way stood beside it
    :raises OSError: something could not be removed
    """
    entries = _remove(root / tenant)
    beside = [path for path in _beside(root, tenant) if os.path.lexists(path)]
    for path in beside:
        _remove(path)
    return entries, len(beside)


def _beside(root: Path, tenant: str) -> Iterator[Path]:
    """Another tenant's id may begin with this one's, but it holds no dot."""
    yield root / f"{LOCK}{tenant}"
    for prefix in (COPY, SPOOL):
        yield from root.glob(f"{prefix}{tenant}.*")


def _remove(path: Path) -> int:
    """:return: how many entries a folder had, however deep"""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return 0
    if not stat.S_ISDIR(mode):
        path.unlink()  # A link itself, and not what it names.
        return 1
    with Tree.at(path) as tree:
        count = len(_counted(tree))
        tree.clear()
    path.rmdir()
    return count


def _counted(tree: Tree) -> tuple[str, ...]:
    """Its entries; none where it is too deep or too odd to be read through, which clearing it is not."""
    try:
        return tuple(tree.states())
    except OSError:
        log.warning("forgotten_files_not_counted", deepest=DEEPEST)
        return ()


async def _until(is_so: Callable[[], Awaitable[bool]], seconds: float, late: str) -> None:
    """
    :raises TryLater: it is not so after the seconds
    """
    end = time.monotonic() + seconds
    while not await is_so():
        if time.monotonic() > end:
            raise TryLater(late)
        await asyncio.sleep(POLL)
