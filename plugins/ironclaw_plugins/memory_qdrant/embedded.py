"""The index in files of this process: a shard of Qdrant Edge for each tenant, in folders of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import structlog

from ironclaw.errors import IndexUnavailable
from ironclaw_plugins.memory_qdrant import folders
from ironclaw_plugins.memory_qdrant.lexical import Encoder
from ironclaw_plugins.memory_qdrant.naming import checked
from ironclaw_plugins.memory_qdrant.shard import Shard
from ironclaw_plugins.memory_qdrant.shelf import Entry, Wanted

MOST_OPEN = 128  #: Shards: about 1 MB and a thread each.
THREADS = 3
#: Up to so many memories, for so long a question of words only, a search is done at once: 0.02 to 0.6 ms
#: (27 of the commonest words in 100,000), where the way to a thread and back takes 0.04 to 0.3.
SMALL, SHORT = 100_000, 200

TAKEN = "Another process has the index of memories open: one process uses a data_dir."
BROKEN = "The index of memories failed, and is opened anew; if it stays so: ironclaw memory reindex."
CLOSED = "The index of memories is closed."

T = TypeVar("T")
log = structlog.get_logger(__name__)


class EdgeShelf:
    """Opens shards when they are asked for, and keeps those asked last.

    One call at a time for each tenant; those of others go on meanwhile, in threads.

    :param root: folder of all tenants' indexes, owned by one process
    :param name: of the version
    :param dimensions: of meanings; 0 for none
    """

    def __init__(self, root: Path, name: str, dimensions: int, most_open: int = MOST_OPEN) -> None:
        self._root = root
        self._name = name
        self._dimensions = dimensions
        self._most_open = most_open
        self._encoder = Encoder()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="memory")
        self._open: OrderedDict[str, Shard | None] = OrderedDict()  # None: known to have nothing.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._claiming = asyncio.Lock()
        self._claim: int | None = None
        self._is_closed = False

    async def put(self, tenant: str, entries: Sequence[Entry]) -> None:
        """On disk when it returns."""
        await self._ask(tenant, lambda shard: shard.put(entries), None, is_made=True)

    async def remove(self, tenant: str, ids: Sequence[str]) -> None:
        """Gone from every file when it returns; costs a copy of all the tenant's other points."""
        await self._ask(tenant, lambda shard: shard.remove(ids), None)

    async def search(self, tenant: str, wanted: Wanted) -> tuple[str, ...]:
        """Ids, best first."""
        shard = self._open.get(checked(tenant))
        if shard and _is_quick(shard, wanted) and not self._turns[tenant].locked():
            self._open.move_to_end(tenant)
            with contextlib.suppress(Exception):  # What failed is asked again below, which mends it.
                return shard.search(wanted)
        return await self._ask(tenant, lambda shard: shard.search(wanted), ())

    async def count(self, tenant: str) -> int:
        """How many points the tenant has."""
        return await self._ask(tenant, lambda shard: shard.points, 0)

    async def clear(self, tenant: str) -> None:
        """Without opening it: what cannot be read any more can be removed."""
        await asyncio.shield(self._clear(checked(tenant)))

    async def close(self) -> None:
        """Close every shard once its call has ended, and give the folder free."""
        self._is_closed = True
        for tenant in list(self._turns):
            async with self._turns[tenant]:
                await self._shut(tenant)
        async with self._claiming:
            if self._claim is not None:
                os.close(self._claim)
                self._claim = None
        self._threads.shutdown(wait=False)

    async def _ask(
        self, tenant: str, question: Callable[[Shard], T], nothing: T, *, is_made: bool = False
    ) -> T:
        """What the shard answers, in a thread, when it is this tenant's turn.

        :param nothing: the answer where the tenant has none
        :param is_made: whether it is made where there is none
        :raises IndexUnavailable: it failed
        """
        # Whoever gives up waiting does not end it: the thread goes on, and so must its turn.
        return await asyncio.shield(self._in_turn(checked(tenant), question, nothing, is_made))

    async def _in_turn(self, tenant: str, question: Callable[[Shard], T], nothing: T, is_made: bool) -> T:
        async with self._turns[tenant]:
            await self._claimed()
            try:
                shard = await self._opened(tenant, is_made)
                found = await self._run(question, shard) if shard else nothing
            except Exception as error:  # noqa: BLE001  # the library raises nothing finer
                log.warning("memory_index_failed", tenant=tenant, why=str(error)[:300])
                # The next call opens it anew: nothing that was flushed is lost.
                await self._shut(tenant)
                raise IndexUnavailable(BROKEN) from None
        await self._make_room()
        return found

    async def _opened(self, tenant: str, is_made: bool) -> Shard | None:
        """The tenant's shard; None where it has none, which nothing but a put changes."""
        shard = self._open.get(tenant)
        if shard is None and (is_made or tenant not in self._open):
            shard = await self._run(self._loaded, tenant, is_made)
            self._open[tenant] = shard
        self._open.move_to_end(tenant)
        return shard

    def _loaded(self, tenant: str, is_made: bool) -> Shard | None:
        is_there = folders.current(self._home(tenant)) is not None
        return self._shard(tenant) if is_there or is_made else None

    def _shard(self, tenant: str) -> Shard:
        return Shard(self._home(tenant), tenant, self._dimensions, self._encoder)

    def _home(self, tenant: str) -> Path:
        return self._root / checked(tenant) / self._name

    async def _claimed(self) -> None:
        """
        :raises IndexUnavailable: another process has the folder, or nobody can
        """
        async with self._claiming:
            if self._is_closed:
                raise IndexUnavailable(CLOSED)
            if self._claim is not None:
                return
            try:
                self._claim = await self._run(folders.claim, self._root)
            except BlockingIOError:
                raise IndexUnavailable(TAKEN) from None
            except OSError as error:
                log.warning("memory_index_unusable", why=error.strerror or type(error).__name__)
                raise IndexUnavailable(
                    f"The folder data_dir/memory cannot be used: {error.strerror}."
                ) from None

    async def _clear(self, tenant: str) -> None:
        async with self._turns[tenant]:
            await self._claimed()
            await self._shut(tenant)
            try:
                await self._run(folders.remove, self._root, tenant)
            except OSError as error:
                raise IndexUnavailable(f"Not all of the index could be removed: {error.strerror}.") from None

    async def _make_room(self) -> None:
        """Close the shards that were asked longest ago, but none that is at work."""
        surplus = len(self._open) - self._most_open
        if surplus <= 0:
            return
        for tenant in list(self._open)[:surplus]:
            if not self._turns[tenant].locked():
                async with self._turns[tenant]:
                    await self._shut(tenant)

    async def _shut(self, tenant: str) -> None:
        shard = self._open.pop(tenant, None)
        if shard:
            await self._run(_close_quietly, shard)

    async def _run(self, function: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)


def _is_quick(shard: Shard, wanted: Wanted) -> bool:
    return wanted.meaning is None and shard.points <= SMALL and len(wanted.text) <= SHORT


def _close_quietly(shard: Shard) -> None:
    try:
        shard.close()
    except Exception:
        log.exception("memory_index_not_closed")  # It is dropped anyway, and its lock with it.
