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
class Lease:
    """A worker for one call, and what it is bound to."""

    worker: WorkerProcess
    kind: Kind
    tenant: str


class Pool:
    """At most ``size`` bound workers, busy and idle together, and at most ``size`` spares."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._turns = Turns(size)
        self._code: dict[tuple[str, Profile], int] = {}
        self._busy: set[WorkerProcess] = set()
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
        if self._is_closed:
            return
        if kind not in self._spares:
            self._spares[kind] = asyncio.create_task(self._start(kind))
        self._spares.move_to_end(kind)
        while len(self._spares) > self._size:
            _kind, spare = self._spares.popitem(last=False)
            self._errand(_discard(spare))

    async def lease(self, kind: Kind, tenant: str) -> Lease:
        """Wait for a turn, then for a worker of the tenant.

        :raises ToolboxError: the component cannot be started
        :raises SandboxError: no worker can be started, or the pool is closed
        """
        await self._turns.take(tenant)
        try:
            if self._is_closed:
                raise SandboxError("The sandbox is closed.")
            lease = self._idle_worker(kind, tenant) or Lease(await self._fresh(kind), kind, tenant)
        except BaseException:
            self._turns.leave(tenant)
            raise
        self._busy.add(lease.worker)
        return lease

    async def give_back(self, lease: Lease, *, usable: bool) -> None:
        """Keep the worker for its tenant, or end it."""
        self._busy.discard(lease.worker)
        try:
            if usable and lease.worker.is_alive and not self._is_closed:
                self._idle.append(lease)
            else:
                await lease.worker.kill()
        finally:
            self._turns.leave(lease.tenant)

    async def close(self) -> None:
        """End every worker."""
        self._is_closed = True
        spares = [_discard(spare) for spare in self._spares.values()]
        workers = [worker.kill() for worker in (*self._busy, *(lease.worker for lease in self._idle))]
        self._spares.clear()
        self._idle.clear()
        await asyncio.gather(*spares, *workers, *self._errands)
        for code in self._code.values():
            os.close(code)
        self._code.clear()

    def _idle_worker(self, kind: Kind, tenant: str) -> Lease | None:
        for lease in reversed(self._idle):
            if (lease.kind, lease.tenant) == (kind, tenant):
                self._idle.remove(lease)
                if lease.worker.is_alive:
                    return lease
                self._errand(lease.worker.kill())
        return None

    async def _fresh(self, kind: Kind) -> WorkerProcess:
        """A worker that nobody used: the spare if it lives, else a new one; and the next spare after it."""
        if len(self._busy) + len(self._idle) >= self._size and self._idle:
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
        if worker.is_alive:
            return worker
        await worker.kill()
        return None

    async def _start(self, kind: Kind) -> WorkerProcess:
        return await start(kind.profile, self._code[kind.sha256, kind.profile], kind.root)

    def _errand(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)


async def _discard(spare: asyncio.Task[WorkerProcess]) -> None:
    spare.cancel()
    with contextlib.suppress(asyncio.CancelledError, IronclawError):
        await (await spare).kill()
