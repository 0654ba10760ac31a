"""The tenants' folders: where they are, what they hold, and what a call finds room for."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ironclaw.capabilities import Quota, Scratch
from ironclaw.errors import SandboxError
from ironclaw.sandbox.caps import MAX_FILE
from ironclaw.sandbox.model import Call
from ironclaw.sandbox.quota import Used, count

SMALL = 100  #: Entries that are counted on the event loop: 0.2 ms, hardly more than a thread costs.
QUICK = 0.005  #: Seconds that a count on the event loop may have taken the last time.

STALE = 1.0  #: Seconds after which a count says nothing of what others than tools put there.
PLANTED = (
    "A tenant's scratch folder holds a pipe, a socket or a device. No tool can make one: look who did, and "
    "remove it."
)

Identity = tuple[int, int]  #: Device and inode.


class Folders:
    """One root, where it is known, with the tenants' folders directly in it."""

    def __init__(self, root: Path | None) -> None:
        self._roots: dict[Path, Path] = {}
        self._places: dict[str, Path] = {}  #: By the folder as given.
        self.root = root and self._real_root(root)
        self._meters: dict[Identity, Meter] = {}
        # Threads of its own: names that are looked up must not keep a folder from being counted.
        self._threads = ThreadPoolExecutor(2, "ironclaw-count")

    def close(self) -> None:
        self._threads.shutdown(wait=False)

    def resolved(self, call: Call) -> Call:
        """The same call with a path that holds for a process with another working directory.

        :raises SandboxError: its folder does not lie directly in the root
        """
        given = str(call.scratch)
        place = self._places.get(given) or self._new_place(call.scratch)
        return call if str(place) == given else dataclasses.replace(call, scratch=place)

    def root_of(self, call: Call) -> Path:
        """The folder above a resolved call's own."""
        return self.root or call.scratch.parent

    async def room(self, call: Call, folder: Identity) -> Room | None:
        """What the call finds; None where it cannot write anyway.

        :raises SandboxError: the folder cannot be counted, or holds what is not to be opened
        """
        if call.capabilities.scratch is Scratch.NONE:
            return None
        meter = self._meters.get(folder) or self._new_meter(call, folder)
        try:
            used = await meter.known(call.quota)
        except OSError:
            raise SandboxError("A tenant's scratch folder cannot be read through and counted.") from None
        if used.is_planted:
            raise SandboxError(PLANTED)
        return Room(meter, call.quota, used) if call.capabilities.scratch is Scratch.WRITE else None

    def _new_place(self, folder: Path) -> Path:
        root = self._real_root(folder.parent)
        if folder.name in ("", "..") or self.root not in (None, root):
            raise SandboxError("A tenant's scratch folder must lie directly in the scratch root.")
        self._places[str(folder)] = place = root / folder.name
        return place

    def _new_meter(self, call: Call, folder: Identity) -> Meter:
        self._meters[folder] = meter = Meter(call.scratch, self._threads)
        return meter

    def _real_root(self, root: Path) -> Path:
        """The root absolute and without links, found out once."""
        if root not in self._roots:
            self._roots[root] = Path(os.path.realpath(root))
        return self._roots[root]


def identity(folder: Path) -> Identity:
    """The folder, which is made where missing.

    :raises SandboxError: something else is in its place
    """
    try:
        try:
            found = os.lstat(folder)
        except FileNotFoundError:
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode):
            raise ValueError
    except (OSError, ValueError):
        raise SandboxError("A tenant's scratch folder cannot be used: it must be a real folder.") from None
    return found.st_dev, found.st_ino


class Meter:
    """What one folder holds, as last counted."""

    def __init__(self, folder: Path, threads: ThreadPoolExecutor) -> None:
        self._folder, self._threads = folder, threads
        self._known: Used | None = None
        self._due: Quota | None = None  #: Of a count that is to come.
        self._errand: asyncio.Task[None] | None = None
        self.took = 0.0  #: Seconds of the last count.
        self._at = 0.0  #: When it began.

    async def known(self, quota: Quota) -> Used:
        """What the folder held after its last call.

        :raises OSError: it cannot be counted
        """
        await self._settle()
        # Who would be refused is counted anew: somebody may have made room by hand.
        if self._known is None or self._known.is_full(quota) or self._is_stale(self._known):
            return await self.count(quota)
        return self._known

    def _is_stale(self, known: Used) -> bool:
        """Whether others may have been there: the folder has changed since, or it is long ago."""
        is_changed = os.lstat(self._folder).st_mtime_ns != known.changed
        return is_changed or known.is_planted or time.perf_counter() - self._at > STALE

    async def count(self, quota: Quota) -> Used:
        """Count now.

        :raises OSError: it cannot be counted
        """
        return self._count_at_once(quota) or await self._count_in_thread(quota)

    def count_soon(self, quota: Quota) -> None:
        """Know what the call that ends now left behind before the next one asks, but after its answer."""
        self._due = quota
        asyncio.get_running_loop().call_soon(self._count_due)

    async def _settle(self) -> None:
        """Have no count outstanding."""
        self._count_due()
        while self._errand is not None and not self._errand.done():
            await asyncio.wait([self._errand])
            self._count_due()

    def _count_due(self) -> None:
        quota, self._due = self._due, None
        if quota is None:  # The next call asked first.
            return
        with contextlib.suppress(OSError):
            if self._count_at_once(quota):
                return
        self._errand = asyncio.create_task(self._recount(quota))

    async def _recount(self, quota: Quota) -> None:
        try:
            await self.count(quota)
        except OSError:
            self._known = None  # The next call says it.

    def _count_at_once(self, quota: Quota) -> Used | None:
        """The count of a folder that was small and quick a moment ago; None where it no longer is."""
        if self._known is None or self._known.files > SMALL or self.took > QUICK:
            return None
        began = time.perf_counter()
        used = count(self._folder, Quota(quota.bytes, SMALL))
        if used.files > SMALL:
            return None
        self._keep(used, began)
        return used

    async def _count_in_thread(self, quota: Quota) -> Used:
        began = time.perf_counter()
        loop = asyncio.get_running_loop()
        used = await loop.run_in_executor(self._threads, count, self._folder, quota)
        self._keep(used, began)
        return used

    def _keep(self, used: Used, began: float) -> None:
        self._known, self._at, self.took = used, began, time.perf_counter() - began


@dataclass(frozen=True, slots=True)
class Room:
    """What one call that may write finds."""

    meter: Meter
    quota: Quota
    used: Used

    @property
    def is_left(self) -> bool:
        return not self.used.is_full(self.quota)

    @property
    def file_bytes(self) -> int:
        """How long any one file may be: the largest one can grow by what is left."""
        return min(MAX_FILE, self.used.largest + max(0, self.quota.bytes - self.used.bytes))


def may_grow(room: Room | None) -> bool:
    """Whether a call's worker may write at all, as far as the quota is concerned."""
    return room is None or room.is_left
