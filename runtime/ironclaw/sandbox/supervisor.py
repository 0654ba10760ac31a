"""The sandbox as the engine sees it: prepare components, call tools.  No wasm runs in this process."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import structlog

from ironclaw.errors import SandboxError, ToolboxError
from ironclaw.sandbox import caps, check
from ironclaw.sandbox.codecache import CodeCache
from ironclaw.sandbox.conversation import Conversation
from ironclaw.sandbox.folders import Folders, Room, identity, may_grow
from ironclaw.sandbox.model import Call, Component, Host, Profile
from ironclaw.sandbox.pool import Kind, Lease, Owner, Pool
from ironclaw.sandbox.preparing import Progress, prepared_code
from ironclaw.sandbox.process import WorkerGone
from ironclaw.sandbox.watch import Watch
from ironclaw.task import FailureKind, ToolFailure, ToolResult, Usage

log = structlog.get_logger(__name__)

_IS_FULL = "The workspace is full: the tool could only read and delete. Delete files first."
_MADE_FULL = "The tool filled the workspace beyond its quota and was ended. Delete files before the next one."


def _silent(_text: str) -> None:
    pass


class Sandbox:
    """Made by :meth:`open`.  One per process; belongs to the event loop that opened it."""

    def __init__(self, cache: CodeCache, pool: Pool, scratch_root: Path | None) -> None:
        self._cache, self._pool = cache, pool
        self._folders = Folders(scratch_root)
        self._preparing: dict[tuple[str, Profile], asyncio.Lock] = {}
        self._clocks: set[asyncio.Timeout] = set()  #: Of the calls that run.
        self._is_closed = False

    @classmethod
    async def open(
        cls,
        *,
        cache_dir: Path,
        cache_key: bytes,
        workers: int = 2,
        scratch_root: Path | None = None,
        layers: check.Missing = "require",
        spares: bool = True,
    ) -> Sandbox:
        """
        :param cache_dir: folder for compiled code, made (0700) where missing
        :param cache_key: at least 16 bytes, kept outside that folder
        :param workers: how many calls run at once, and how many tenants' workers are kept
        :param scratch_root: the folder above the tenants' folders; given, a worker is ready before a call,
            and a folder that does not lie directly in it is refused
        :param spares: whether that worker is there; without it a tenant's first call waits 0.1 s for its own
        :param layers: what a layer that this machine lacks means; shadows are always required
        :raises SandboxError: the folder or the key will not do, or a layer is missing
        """
        if workers < 1:
            raise SandboxError("The sandbox needs at least one worker.")
        cache = await asyncio.to_thread(CodeCache, cache_dir, cache_key)
        for layer in await asyncio.to_thread(check.require, layers):
            log.warning("sandbox_layer_missing", layer=layer)
        if scratch_root is not None:
            await asyncio.to_thread(scratch_root.mkdir, mode=0o700, parents=True, exist_ok=True)
        return cls(cache, Pool(workers, has_spares=spares), scratch_root)

    async def prepare(self, component: Component, progress: Progress = _silent) -> None:
        """Check and compile the component, once.

        :param progress: gets a line when a slow step begins and ends
        :raises ToolboxError: it is not what was pinned, or cannot be a toolbox
        :raises SandboxError: the sandbox is closed
        """
        key = component.sha256, component.profile
        if self._is_closed:
            raise SandboxError("The sandbox is closed.")
        if self._pool.has_code(*key):
            return
        async with self._preparing.setdefault(key, asyncio.Lock()):
            if not self._pool.has_code(*key):
                self._pool.add_code(*key, await prepared_code(component, self._cache, progress))
        if self._folders.root is not None:
            self._pool.keep_spare(Kind(*key, self._folders.root))

    async def call(self, call: Call, host: Host) -> ToolResult:
        """Run one tool call.  Whatever the guest does ends in the result; cancelling ends the guest.

        :raises ToolboxError: the component, where nobody prepared it yet, is not what was pinned
        :raises SandboxError: no worker can run
        """
        fault = _input_fault(call.input)
        if fault:
            return ToolResult(failure=fault)
        await self.prepare(call.component)
        call = self._folders.resolved(call)
        kind = Kind(call.component.sha256, call.component.profile, self._folders.root_of(call))
        try:
            lease, room = await self._lease(kind, call)
        except ToolboxError as error:
            return ToolResult(failure=ToolFailure(FailureKind.CRASHED, str(error)))
        return await self._run(lease, call, host, room)

    async def close(self) -> None:
        """End every worker; calls that still run end as crashed, calls that wait raise SandboxError."""
        self._is_closed = True
        for clock in self._clocks:
            clock.reschedule(0)
        await self._pool.close()
        self._folders.close()

    async def _lease(self, kind: Kind, call: Call) -> tuple[Lease, Room | None]:
        """A worker of the tenant; where its folder is full, one that can only read it and empty it."""
        folder = identity(call.scratch)
        room = await self._folders.room(call, folder)
        owner = Owner(call.tenant, folder, may_grow(room))
        lease = self._pool.lease_at_once(kind, owner)
        if lease is not None:
            return lease, room
        lease = await self._pool.lease(kind, owner)
        try:
            room = await self._folders.room(call, folder)  # Others may have filled it while this call waited.
        except BaseException:
            self._pool.give_back(lease)
            raise
        if may_grow(room) or not lease.owner.may_grow:
            return lease, room
        self._pool.give_back(lease)
        return await self._pool.lease(kind, Owner(call.tenant, folder, may_grow=False)), room

    async def _run(self, lease: Lease, call: Call, host: Host, room: Room | None) -> ToolResult:
        started = time.perf_counter()
        seconds = call.capabilities.limits.seconds
        watch = Watch(lease.worker, room) if room and room.is_left else None
        try:
            result = await self._timed(Conversation(lease.worker, call, host, room), seconds)
            if watch and await watch.last_look():
                raise WorkerGone
        except (TimeoutError, WorkerGone) as error:
            await self._pool.end(lease)
            result = ToolResult(failure=self._sudden_end(error, seconds))
        except BaseException:
            await self._pool.end(lease)
            raise
        else:
            self._pool.give_back(lease)
        finally:
            if watch:
                watch.end()
        return _measured(_within(result, room, watch), call, time.perf_counter() - started)

    async def _timed(self, conversation: Conversation, seconds: float) -> ToolResult:
        """:raises TimeoutError: the wall clock ran out, or the sandbox was closed"""
        async with asyncio.timeout(seconds) as clock:
            self._clocks.add(clock)
            try:
                return await conversation.hold()
            finally:
                self._clocks.discard(clock)

    def _sudden_end(self, error: Exception, seconds: float) -> ToolFailure:
        if self._is_closed:
            return ToolFailure(FailureKind.CRASHED, "The sandbox was closed while the tool ran.")
        if isinstance(error, TimeoutError):
            return ToolFailure(FailureKind.TIMEOUT, f"The tool ran longer than {seconds:g} s and was ended.")
        return ToolFailure(FailureKind.CRASHED, "The tool's worker process died.")


def _within(result: ToolResult, room: Room | None, watch: Watch | None) -> ToolResult:
    """The result, or that there is no room: what the tool makes of a full folder is not its own failure."""
    if watch and watch.is_over:
        return ToolResult(failure=ToolFailure(FailureKind.DISK_FULL, _MADE_FULL), usage=result.usage)
    if not may_grow(room) and result.failure:
        return ToolResult(failure=ToolFailure(FailureKind.DISK_FULL, _IS_FULL), usage=result.usage)
    return result


def _measured(result: ToolResult, call: Call, seconds: float) -> ToolResult:
    usage = Usage(
        fuel=result.usage.fuel,
        memory_bytes=result.usage.memory_bytes,
        seconds=seconds,
        bytes_in=len(call.input.encode()),
        bytes_out=len((result.output or "").encode()),
    )
    return ToolResult(result.output, result.failure, usage)


def _input_fault(text: str) -> ToolFailure | None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return ToolFailure(FailureKind.INVALID_INPUT, "The input holds half a character (a lone surrogate).")
    if size > caps.MAX_INPUT:
        return ToolFailure(FailureKind.INVALID_INPUT, f"The input is longer than {caps.MAX_INPUT} bytes.")
    return None
