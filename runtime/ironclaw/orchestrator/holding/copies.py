"""The files of a held run: written into a copy of the tenant's folder, and taken over from there."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
import weakref
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ironclaw.capabilities import Quota
from ironclaw.envelope import GONE, FileEffect, Preview
from ironclaw.errors import SandboxError
from ironclaw.orchestrator.holding import files
from ironclaw.orchestrator.holding.leaving import outside, stopped
from ironclaw.orchestrator.holding.locks import LIFE, locked, remove_of_dead, turn
from ironclaw.sandbox.folders import identity
from ironclaw.sandbox.tree import States
from ironclaw.task import FailureKind, ToolFailure, ToolResult

COPY = ".held-"  #: Before a tenant's id: the copy that a held run gets.  No tenant's id has a dot.
SPOOL = ".new-"  #: Likewise: bytes on their way into the tenant's folder.
LOCK = ".turn-"  #: Likewise: the file whose lock is the right to put something into the folder.

BeforeEffect = Callable[[], Awaitable[None]]


class Holding:
    """Runs calls on copies.  One at a time for each tenant: they share the copy's place.

    Each process has copies of its own; those that a dead one left are removed.
    """

    def __init__(self, scratch_root: Path) -> None:
        self._root = scratch_root
        self._life = secrets.token_hex(4)
        self._turns: dict[str, asyncio.Lock] = {}
        self._seen: set[str] = set()  #: Tenants that have had a copy here.
        self._making = threading.Lock()

    async def changed(self, tenant: str, preview: Preview) -> str:
        """The file that is not any more what people saw, "" for none.

        One that is already as it was approved is none: an earlier attempt of the same call did that.

        :raises SandboxError: the folder cannot be read
        """
        if not preview.files:
            return ""
        try:
            return await asyncio.to_thread(files.first_changed, self._folder(tenant), preview.files)
        except OSError:
            raise SandboxError("The workspace cannot be read.") from None

    async def run(
        self,
        tenant: str,
        preview: Preview,
        quota: Quota,
        before_effect: BeforeEffect,
        on: Callable[[Path], Awaitable[ToolResult]],
    ) -> ToolResult:
        """What came of a run whose files are held to the preview.

        :param before_effect: awaited before the first file changes
        :param on: runs the call with this folder in the place of the tenant's
        :raises SandboxError: the folder cannot be copied or changed, or another process has it for too long
        """
        async with self._turns.setdefault(tenant, asyncio.Lock()):
            try:
                copy = await asyncio.to_thread(self._copy, tenant)
            except OSError:
                raise SandboxError("The workspace cannot be copied.") from None
            try:
                before = await asyncio.to_thread(files.copied, self._folder(tenant), copy)
                result = await on(copy)
                if result.failure:
                    return result
                return await self._taken_over(tenant, preview, quota, before_effect, before, result)
            except OSError:
                raise SandboxError("The workspace cannot be copied or changed.") from None
            finally:
                with suppress(OSError):
                    await asyncio.to_thread(files.emptied, copy)

    async def _taken_over(
        self,
        tenant: str,
        preview: Preview,
        quota: Quota,
        before_effect: BeforeEffect,
        before: States,
        result: ToolResult,
    ) -> ToolResult:
        """The result, once the approved changes of the copy are those of the folder too."""
        copy = self._place(tenant)
        after = await asyncio.to_thread(files.states, copy)
        if path := outside(preview.files, before, after):
            return stopped(f"what it did to {path[:200]!r} was not approved", result)
        made = [each for each in preview.files if after.get(each.path, GONE) == each.after]
        if not made:
            return result
        await before_effect()
        try:
            fits = await asyncio.to_thread(self._apply, tenant, made, quota)
        except files.Changed as changed:
            return stopped(f"{changed.path!r} was changed after it was approved", result)
        return result if fits else replace(result, output=None, failure=_FULL)

    def _folder(self, tenant: str) -> Path:
        return self._root / tenant

    def _place(self, tenant: str) -> Path:
        return self._root / f"{COPY}{tenant}.{self._life}"

    # In a thread

    def _copy(self, tenant: str) -> Path:
        """This process's own copy of a tenant's folder, empty or as it was left.

        :raises OSError: it cannot be made
        """
        with self._making:
            if tenant not in self._seen:
                self._begin(tenant)
                self._seen.add(tenant)
        identity(self._place(tenant))
        return self._place(tenant)

    def _begin(self, tenant: str) -> None:
        if not self._seen:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            weakref.finalize(self, os.close, locked(self._root / f"{LIFE}{self._life}"))
        for other in self._root.glob(f"{COPY}{tenant}.*"):
            remove_of_dead(other)

    def _apply(self, tenant: str, made: list[FileEffect], quota: Quota) -> bool:
        with turn(self._root / f"{LOCK}{tenant}"):
            spool = self._root / f"{SPOOL}{tenant}.{self._life}"
            return files.apply(self._place(tenant), self._folder(tenant), made, quota, spool)


_FULL = ToolFailure(
    FailureKind.DISK_FULL, "The workspace is too full for what was approved. No file was changed."
)
