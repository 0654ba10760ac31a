"""Writes checkpoints while the bot runs, and a last one when it stops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import structlog

from ironclaw.audit.checkpoints import Checkpoints
from ironclaw.audit.kept import Restore
from ironclaw.errors import IronclawError, StoreError
from ironclaw.store import Store
from ironclaw.store.instances import Instance

ROLLED_BACK = (
    "The database is older than its newest checkpoint, or another one: its audit log lacks event {n} of "
    "tenant {tenant}. What ran already may wait in it again. {way_on}"
)
OTHER = "The database is not the one that `ironclaw restore` put in place last. {way_on}"
ON_SQLITE = (
    "Find out who put it there. If it is a backup to go on with: move ironclaw.db out of data_dir and run "
    "`ironclaw restore FILE` with that file."
)
ON_POSTGRES = (
    "Find out who put it there. If its server was put back to a backup: stop every bot and run `ironclaw "
    "restore --database-is-restored`."
)
LAST = (
    " Then nothing runs a second time. Only where that refuses, and you know that nothing in it has run "
    "since, move {file} away and keep it: without it nobody is asked about what may run again."
)
EVERY = 60.0  #: Seconds: what is younger than the last checkpoint can be cut off unseen.

log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def keep_checkpoints(
    store: Store, checkpoints: Checkpoints, clock: Callable[[], float]
) -> AsyncIterator[None]:
    """A checkpoint now, every minute, and at the end of the block.

    :raises StoreError: the database is not the one that the newest checkpoints were made of, or older
    """
    await _check_not_rolled_back(store, checkpoints)

    async def write() -> None:
        # The bot goes on without: its log says so, and `audit verify` shows the age of the newest.
        try:
            heads = await store.audit_heads()
            await asyncio.to_thread(checkpoints.write, heads, clock(), has_others=store.is_shared)
        except IronclawError as error:
            log.error("checkpoint_failed", error=str(error))

    async def for_ever() -> None:
        while True:
            await asyncio.sleep(EVERY)
            await write()

    await write()
    chore = asyncio.create_task(for_ever(), name="checkpoints")
    try:
        yield
    finally:
        chore.cancel()
        await asyncio.gather(chore, return_exceptions=True)
        await write()


async def _check_not_rolled_back(store: Store, checkpoints: Checkpoints) -> None:
    try:
        await asyncio.to_thread(checkpoints.settle, store.instance.id)
        signed = await asyncio.to_thread(checkpoints.newest)
        restores = await asyncio.to_thread(checkpoints.restores)
    except IronclawError:
        return  # The first write says so.
    if not _is_life(store.instance, restores):
        log.error("other_database", instance=store.instance.id)
        raise StoreError(OTHER.format(way_on=_way_on(store, checkpoints.name)))
    for head in signed:
        if not await store.has_event(head):
            log.error("audit_rolled_back", tenant=head.tenant, signed=head.n)
            way_on = _way_on(store, checkpoints.name)
            raise StoreError(ROLLED_BACK.format(n=head.n, tenant=head.tenant, way_on=way_on))


def _way_on(store: Store, file: str) -> str:
    return (ON_POSTGRES if store.is_shared else ON_SQLITE) + LAST.format(file=file)


def _is_life(now: Instance, restores: tuple[Restore, ...]) -> bool:
    """Whether a database is in the life that the last signed restore began.

    One that says that it never was restored, or longer ago, would have old seals and tokens count again.
    """
    if not restores:
        return True
    last = restores[-1]
    return now.id == last.instance and now.epoch > 0 and now.restored_at == last.at
