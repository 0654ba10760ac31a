"""The workers: a bounded number, each bound to one tenant and component for life; and spares."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironclaw.errors import IronclawError, SandboxError
from ironclaw.sandbox.model import Profile
from ironclaw.sandbox.process import WorkerProcess, start
from ironclaw.sandbox.turns import Turns


@dataclass(frozen=True, slots=True)
class Kind:
    """What a worker is started for: it can become any tenant's under this root."""

    sha256: str
    profile: Profile
    root: Path  #: The folder above the tenants' folders.


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a worker is, for life."""

    tenant: str
    folder: tuple[int, int]  #: Device and inode: a folder that was made anew needs a new worker.
    may_grow: bool = True  #: Whether it may make files and write; a full folder is only read and emptied.


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker for one call, and what it is bound to."""

    worker: WorkerProcess
    kind: Kind
    owner: Owner


class Pool:
    """At most ``size`` bound workers, busy and idle together, and at most ``size`` spares.

    :param has_spares: whether a worker is started before a call needs it
    """

    def __init__(self, size: int, *, has_spares: bool = True) -> None:
        self._size, self._has_spares = size, has_spares
        self._turns = Turns(size)
        self._code: dict[tuple[str, Profile], int] = {}
        self._idle: list[Lease] = []  #: The least recently used first.
        self._spares: OrderedDict[Kind, asyncio.Task[WorkerProcess]] = OrderedDict()
        self._errands: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def add_code(self, sha256: str, profile: Profile, code: int) -> None:
        """Take over a descriptor of compiled code."""
        self._code[sha256, profile] = code

    def has_code(self, sha256: str, profile: Profile) -> bool:
        return (sha256, profile) in self._code

    def keep_spare(self, kind: Kind) -> None:
        """Have an unbound worker of this kind ready soon, in place of the spare longest without use."""
        if self._is_closed or not self._has_spares:
            return
        if kind not in self._spares:
            self._spares[kind] = asyncio.create_task(self._start(kind))
        self._spares.move_to_end(kind)
        while len(self._spares) > self._size:
            _kind, spare = self._spares.popitem(last=False)
            self._errand(_discard(spare))

    async def lease(self, kind: Kind, owner: Owner) -> Lease:
        """Wait for a turn, then for a worker of the tenant.

        :raises ToolboxError: the component cannot be started
        :raises SandboxError: no worker can be started, or the pool is closed
        """
        await self._turns.take(owner.tenant)
        try:
            self._require_open()
            return self._idle_worker(kind, owner) or Lease(await self._fresh(kind), kind, owner)
        except BaseException:
            self._turns.leave(owner.tenant)
            raise

    def lease_at_once(self, kind: Kind, owner: Owner) -> Lease | None:
        """The tenant's own worker, if it waits for work and nobody waits for a turn."""
        if self._is_closed or not self._turns.is_free:
            return None
        lease = self._idle_worker(kind, owner)
        if lease is not None:
            self._turns.take_at_once(owner.tenant)
        return lease

    def give_back(self, lease: Lease) -> None:
        """Keep the worker for its tenant's next call."""
        self._idle.append(lease)
        self._turns.leave(lease.owner.tenant)

    async def end(self, lease: Lease) -> None:
        """Kill the worker; returns when it is gone, and cancelling changes nothing."""
        await asyncio.shield(self._errand(self._end(lease)))

    async def _end(self, lease: Lease) -> None:
        try:
            await lease.worker.kill()
        finally:
            self._turns.leave(lease.owner.tenant)

    async def close(self) -> None:
        """Refuse the calls that wait, wait for those that run, and end every worker."""
        self._is_closed = True
        await self._turns.all_left()
        spares = [_discard(spare) for spare in self._spares.values()]
        workers = [lease.worker.kill() for lease in self._idle]
        self._spares.clear()
        self._idle.clear()
        await asyncio.gather(*spares, *workers, *self._errands)
        for code in self._code.values():
            os.close(code)
        self._code.clear()

    def _idle_worker(self, kind: Kind, owner: Owner) -> Lease | None:
        for lease in reversed(self._idle):
            if (lease.kind, lease.owner) == (kind, owner):
                self._idle.remove(lease)
                if lease.worker.is_waiting:
                    return lease
                self._errand(lease.worker.kill())
        return None

    async def _fresh(self, kind: Kind) -> WorkerProcess:
        """A worker that nobody used: the spare if it lives, else a new one; and the next spare after it."""
        while self._idle and self._turns.taken + len(self._idle) > self._size:
            self._errand(self._idle.pop(0).worker.kill())
        worker = await self._spare(kind) or await self._start(kind)
        self.keep_spare(kind)
        return worker

    async def _spare(self, kind: Kind) -> WorkerProcess | None:
        spare = self._spares.pop(kind, None)
        if spare is None:
            return None
        try:
            worker = await spare
        except asyncio.CancelledError:
            self._errand(_discard(spare))
            raise
        except IronclawError:  # It died in the making; whether that was an accident shows the next one.
            return None
        if worker.is_waiting:
            return worker
        await worker.kill()
        return None

    async def _start(self, kind: Kind) -> WorkerProcess:
        self._require_open()
        return await start(kind.profile, self._code[kind.sha256, kind.profile], kind.root)

    def _require_open(self) -> None:
        if self._is_closed:
            raise SandboxError("The sandbox is closed.")

    def _errand(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
        return task


async def _discard(spare: asyncio.Task[WorkerProcess]) -> None:
    spare.cancel()
    with contextlib.suppress(asyncio.CancelledError, IronclawError):
        await (await spare).kill()
