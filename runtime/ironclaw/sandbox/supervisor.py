"""The sandbox as the engine sees it: prepare components, call tools.  No wasm runs in this process."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import stat
import time
from pathlib import Path

from ironclaw.errors import SandboxError, ToolboxError
from ironclaw.sandbox import caps, check
from ironclaw.sandbox.codecache import CodeCache
from ironclaw.sandbox.conversation import Conversation
from ironclaw.sandbox.model import Call, Component, Host, Profile
from ironclaw.sandbox.pool import Kind, Lease, Owner, Pool
from ironclaw.sandbox.preparing import Progress, prepared_code
from ironclaw.sandbox.process import WorkerGone
from ironclaw.task import FailureKind, ToolFailure, ToolResult


def _silent(_text: str) -> None:
    pass


class Sandbox:
    """Made by :meth:`open`.  One per process; belongs to the event loop that opened it."""

    def __init__(self, cache: CodeCache, pool: Pool, scratch_root: Path | None) -> None:
        self._cache, self._pool = cache, pool
        self._roots: dict[Path, Path] = {}
        self._root = scratch_root and self._real_root(scratch_root)
        self._preparing: dict[tuple[str, Profile], asyncio.Lock] = {}
        self._clocks: set[asyncio.Timeout] = set()  #: Of the calls that run.
        self._is_closed = False

    @classmethod
    async def open(
        cls, *, cache_dir: Path, cache_key: bytes, workers: int = 2, scratch_root: Path | None = None
    ) -> Sandbox:
        """
        :param cache_dir: folder for compiled code, made (0700) where missing
        :param cache_key: at least 16 bytes, kept outside that folder
        :param workers: how many calls run at once, and how many tenants' workers are kept
        :param scratch_root: the folder above the tenants' folders; given, a worker is ready before a call,
            and a folder that does not lie directly in it is refused
        :raises SandboxError: the folder or the key will not do, or a guest could sleep
        """
        if workers < 1:
            raise SandboxError("The sandbox needs at least one worker.")
        cache = await asyncio.to_thread(CodeCache, cache_dir, cache_key)
        await asyncio.to_thread(check.require_shadows)
        if scratch_root is not None:
            await asyncio.to_thread(scratch_root.mkdir, mode=0o700, parents=True, exist_ok=True)
        return cls(cache, Pool(workers), scratch_root)

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
        if self._root is not None:
            self._pool.keep_spare(Kind(*key, self._root))

    async def call(self, call: Call, host: Host) -> ToolResult:
        """Run one tool call.  Whatever the guest does ends in the result; cancelling ends the guest.

        :raises ToolboxError: the component, where nobody prepared it yet, is not what was pinned
        :raises SandboxError: no worker can run
        """
        fault = _input_fault(call.input)
        if fault:
            return ToolResult(failure=fault)
        await self.prepare(call.component)
        call = self._resolved(call)
        kind = Kind(call.component.sha256, call.component.profile, call.scratch.parent)
        try:
            lease = await self._pool.lease(kind, Owner(call.tenant, _folder_of(call)))
        except ToolboxError as error:
            return ToolResult(failure=ToolFailure(FailureKind.CRASHED, str(error)))
        return await self._run(lease, call, host)

    async def close(self) -> None:
        """End every worker; calls that still run end as crashed, calls that wait raise SandboxError."""
        self._is_closed = True
        for clock in self._clocks:
            clock.reschedule(0)
        await self._pool.close()

    def _resolved(self, call: Call) -> Call:
        """The same call with a path that holds for a process with another working directory."""
        root = self._real_root(call.scratch.parent)
        if call.scratch.name in ("", "..") or self._root not in (None, root):
            raise SandboxError("A tenant's scratch folder must lie directly in the scratch root.")
        return dataclasses.replace(call, scratch=root / call.scratch.name)

    def _real_root(self, root: Path) -> Path:
        """The root absolute and without links, found out once."""
        if root not in self._roots:
            self._roots[root] = Path(os.path.realpath(root))
        return self._roots[root]

    async def _run(self, lease: Lease, call: Call, host: Host) -> ToolResult:
        started = time.perf_counter()
        seconds = call.capabilities.limits.seconds
        try:
            result = await self._timed(Conversation(lease.worker, call, host), seconds)
        except (TimeoutError, WorkerGone) as error:
            await self._pool.end(lease)
            result = ToolResult(failure=self._sudden_end(error, seconds))
        except BaseException:
            await self._pool.end(lease)
            raise
        else:
            self._pool.give_back(lease)
        return _measured(result, call, time.perf_counter() - started)

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


def _measured(result: ToolResult, call: Call, seconds: float) -> ToolResult:
    sizes = len(call.input.encode()), len((result.output or "").encode())
    usage = dataclasses.replace(result.usage, seconds=seconds, bytes_in=sizes[0], bytes_out=sizes[1])
    return dataclasses.replace(result, usage=usage)


def _input_fault(text: str) -> ToolFailure | None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return ToolFailure(FailureKind.INVALID_INPUT, "The input holds half a character (a lone surrogate).")
    if size > caps.MAX_INPUT:
        return ToolFailure(FailureKind.INVALID_INPUT, f"The input is longer than {caps.MAX_INPUT} bytes.")
    return None


def _folder_of(call: Call) -> tuple[int, int]:
    """Device and inode of the tenant's folder, which is made where missing.

    :raises SandboxError: something else is in its place
    """
    folder = call.scratch
    try:
        if not os.path.lexists(folder):
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise ValueError
    except (OSError, ValueError):
        raise SandboxError("A tenant's scratch folder cannot be used: it must be a real folder.") from None
    return found.st_dev, found.st_ino
