"""Holds a run to the effects that were approved: what lies outside never becomes visible.

Requests are compared before a byte of them is sent.  Files are written into a copy of the tenant's folder;
only what is byte for byte what people approved is then put into the folder itself, by the host: by one at a
time of all the processes that share it.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import secrets
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from ironclaw.capabilities import HttpRequest, HttpRule, Quota
from ironclaw.egress.rules import check
from ironclaw.egress.urls import parse_url
from ironclaw.envelope import FOLDER, GONE, FileEffect, Preview
from ironclaw.errors import EgressDenied, SandboxError
from ironclaw.orchestrator.dry_run import fingerprint
from ironclaw.sandbox.folders import identity
from ironclaw.sandbox.quota import count
from ironclaw.sandbox.tree import States, Tree
from ironclaw.task import FailureKind, ToolFailure, ToolResult

COPY = ".held-"  #: Before a tenant's id: the copy that a held run gets.  No tenant's id has a dot.
SPOOL = ".new-"  #: Likewise: bytes on their way into the tenant's folder.
LOCK = ".turn-"  #: Likewise: the file whose lock is the right to put something into the folder.
LIFE = ".life-"  #: Before the name of a process's life: the file that it locks as long as it lives.
PATIENCE = 20.0  #: Seconds for which another process may have that right.
POLL = 0.02
NOT_APPROVED = "This is not among the requests that were approved."
AGAIN = "Propose the call again if it is still needed: people are asked anew."

BeforeEffect = Callable[[], Awaitable[None]]


class Requests:
    """The requests that one run may send, each once."""

    def __init__(self, preview: Preview) -> None:
        self._left = list(preview.requests)
        self.sent = 0
        self.outside = ""  #: What it asked for beside them, in a few words.

    def settled(self, result: ToolResult) -> ToolResult:
        """The result of the run, if it asked for nothing else."""
        return stopped(f"it asked for {self.outside}", result, self.sent) if self.outside else result

    def admit(self, request: HttpRequest, rules: tuple[HttpRule, ...]) -> tuple[HttpRule, ...]:
        """What covers this request and nothing that it could be led to.

        :raises EgressDenied: it was not approved, or an earlier one was not
        """
        asked = fingerprint(request)
        match = next((each for each in self._left if replace(each, lines=(), note="") == asked), None)
        if match is None or self.outside:
            self.outside = (
                self.outside or f"{request.method} {parse_url(request.url).host}, which was not approved"
            )
            raise EgressDenied(NOT_APPROVED)
        target = parse_url(request.url)
        check(rules, request.method, target)
        self._left.remove(match)
        self.sent += 1
        only = HttpRule(
            target.host,
            frozenset({request.method}),
            (target.path,),
            frozenset({target.scheme}),
            frozenset({target.port}),
            is_exact=True,
        )
        return (only,)


class _Changed(Exception):
    """A file is not what people saw."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


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
        """
        if not preview.files:
            return ""
        try:
            return await asyncio.to_thread(_first_changed, self._folder(tenant), preview.files)
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
        """
        async with self._turns.setdefault(tenant, asyncio.Lock()):
            try:
                copy = await asyncio.to_thread(self._copy, tenant)
            except OSError:
                raise SandboxError("The workspace cannot be copied.") from None
            try:
                before = await asyncio.to_thread(_copied, self._folder(tenant), copy)
                result = await on(copy)
                if result.failure:
                    return result
                return await self._taken_over(tenant, preview, quota, before_effect, before, result)
            except OSError:
                raise SandboxError("The workspace cannot be copied or changed.") from None
            finally:
                with suppress(OSError):
                    await asyncio.to_thread(_emptied, copy)

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
        after = await asyncio.to_thread(_states, copy)
        if path := outside(preview.files, before, after):
            return stopped(f"what it did to {path[:200]!r} was not approved", result)
        made = [each for each in preview.files if after.get(each.path, GONE) == each.after]
        if not made:
            return result
        await before_effect()
        try:
            fits = await asyncio.to_thread(self._apply, tenant, made, quota)
        except _Changed as changed:
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
            weakref.finalize(self, os.close, _locked(self._root / f"{LIFE}{self._life}"))
        for other in self._root.glob(f"{COPY}{tenant}.*"):
            _remove_of_dead(other)

    def _apply(self, tenant: str, made: list[FileEffect], quota: Quota) -> bool:
        with _turn(self._root / f"{LOCK}{tenant}"):
            spool = self._root / f"{SPOOL}{tenant}.{self._life}"
            return _apply(self._place(tenant), self._folder(tenant), made, quota, spool)


_FULL = ToolFailure(
    FailureKind.DISK_FULL, "The workspace is too full for what was approved. No file was changed."
)


def stopped(why: str, result: ToolResult, sent: int = 0) -> ToolResult:
    """Of a run that left its envelope.

    :param sent: how many approved requests were sent before
    """
    before = f" {sent} of the approved requests had been sent before." if sent else ""
    text = f"Stopped, and no file was changed: {why}.{before} {AGAIN}"
    return ToolResult(failure=ToolFailure(FailureKind.OUTSIDE_ENVELOPE, text), usage=result.usage)


def outside(files: tuple[FileEffect, ...], before: States, after: States) -> str:
    """The first path that is neither as it was nor as it was approved; "" for none.

    A folder that was made for an approved file is as approved as the file.
    """
    approved = {each.path: each.after for each in files}
    for path in sorted(before.keys() | after.keys()):
        now = after.get(path, GONE)
        if now in (before.get(path, GONE), approved.get(path)):
            continue
        is_new_folder = now == FOLDER and path not in before
        if not (is_new_folder and any(p.startswith(f"{path}/") and a for p, a in approved.items())):
            return path
    return ""


# In a thread


@contextmanager
def _turn(file: Path) -> Iterator[None]:
    """Nobody else puts anything into the folder until the block ends, on any machine.

    :raises SandboxError: somebody else has the right for too long
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            handle = _locked(file)
            break
        except BlockingIOError:
            if time.monotonic() > until:
                raise SandboxError("Another process is changing this workspace for too long.") from None
        time.sleep(POLL)
    try:
        yield
    finally:
        os.close(handle)


def _locked(file: Path) -> int:
    """
    :raises BlockingIOError: another one has it
    """
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def _remove_of_dead(copy: Path) -> None:
    """Remove a copy, unless the process whose it is may still work in it."""
    life = copy.with_name(f"{LIFE}{copy.name.rpartition('.')[2]}")
    with suppress(OSError):
        handle = _locked(life)
        try:
            _emptied(copy)
            copy.rmdir()
            life.unlink()
        finally:
            os.close(handle)


def _copied(folder: Path, copy: Path) -> States:
    """:raises OSError: it cannot be copied"""
    identity(folder)
    identity(copy)
    with Tree.at(folder) as source, Tree.at(copy) as target:
        target.clear()
        return source.copy_to(target)


def _emptied(copy: Path) -> None:
    with Tree.at(copy) as target:
        target.clear()


def _states(copy: Path) -> States:
    with Tree.at(copy) as tree:
        return tree.states()


def _first_changed(folder: Path, files: tuple[FileEffect, ...]) -> str:
    identity(folder)
    with Tree.at(folder) as tree:
        return next((e.path for e in files if tree.state(e.path) not in (e.before, e.after)), "")


def _apply(copy: Path, folder: Path, files: list[FileEffect], quota: Quota, spool: Path) -> bool:
    """Put what was made into the folder; what is there already is left.

    :return: False where there is no room, and nothing was changed
    :raises _Changed: something is not what people saw; nothing was changed
    """
    with Tree.at(copy) as source, Tree.at(folder) as target:
        for each in files:
            if target.state(each.path) not in (each.before, each.after):
                raise _Changed(each.path)
        if not _has_room(folder, files, quota):
            return False
        for each in sorted(files, key=lambda each: each.after == GONE):
            _apply_one(source, target, each, spool)
    return True


def _has_room(folder: Path, files: list[FileEffect], quota: Quota) -> bool:
    used = count(folder, quota)
    more = sum(each.size for each in files)
    return not more or not (
        used.is_over(quota) or used.bytes + more > quota.bytes or used.files + len(files) > quota.files
    )


def _apply_one(source: Tree, target: Tree, effect: FileEffect, spool: Path) -> None:
    now = target.state(effect.path)
    if now not in (effect.before, effect.after):
        raise _Changed(effect.path)
    if now == effect.after:
        return
    if effect.after == GONE:
        target.remove(effect.path, effect.before)
        return
    # Read once, and these very bytes are compared and written: whatever becomes of the copy meanwhile.
    content = source.read(effect.path)
    if hashlib.sha256(content).hexdigest() != effect.after:
        raise _Changed(effect.path)
    try:
        target.put(effect.path, content, is_new=effect.before == GONE, spool=spool)
    except FileExistsError:
        raise _Changed(effect.path) from None
