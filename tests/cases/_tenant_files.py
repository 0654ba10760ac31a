"""Files: a real guest tries each path, and the host reads, lists and clears what a guest has left."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ironclaw.app.forgetting import remove_files
from ironclaw.capabilities import Quota
from ironclaw.errors import SandboxError
from ironclaw.registry import Registry
from ironclaw.sandbox import Component, Profile, Sandbox
from ironclaw.sandbox.model import Call
from ironclaw.sandbox.tree import Tree
from ironclaw.task import ToolResult
from ironclaw_bot.build import Progress, build, built_folder
from tests.fakes.sandbox import KEY, Recorder
from tests.integration.engine import SHARED

SECRET = "the rival keeps this"  # a file's content
RIVAL = "T2"
RACES = 2_000


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Any]:
    build(("probe",), Progress(io.StringIO()))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data" / "mnt" / "scratch"
        (root / RIVAL).mkdir(parents=True)
        (root / RIVAL / "secret.txt").write_text(SECRET)
        (Path(folder) / "data" / "ironclaw.db").write_text(SECRET)
        sandbox = await Sandbox.open(cache_dir=SHARED / "cases", cache_key=KEY, scratch_root=root)
        try:
            guests = Guests(sandbox, root)
            await guests.check()
            yield guests.play
        finally:
            await sandbox.close()


class Guests:
    """Each case in a folder of a tenant of its own, beside the rival's."""

    def __init__(self, sandbox: Sandbox, root: Path) -> None:
        self._sandbox, self._root = sandbox, root
        self._tools = {tool.name: tool for tool in Registry.load([built_folder() / "probe"]).tools}
        box = self._tools["probe.echo"].toolbox
        self._component = Component(box.component, box.component_sha256, Profile(box.profile))
        self._own = root / "T1"
        self._behaviours: dict[str, Callable[[], Awaitable[str | None]]] = {
            "02": self._race,
            "03": self._hard_link,
            "05": self._many_files,
            "06": self._next_tenant,
            "08": self._cache,
            "10": self._database,
            "11": self._link,
            "12": self._cleaning,
            "13": self._odd_names,
            "14": self._read_only,
        }

    async def check(self) -> None:
        """That a guest which does nothing wrong is served: else every refusal would prove nothing."""
        self._own.mkdir()
        await self._run("write", name="own.txt", text="mine")
        result = await self._run("read", name="own.txt")
        if result is None or "mine" not in (result.output or ""):
            raise AssertionError("a guest cannot read its own file")

    async def play(self, case: Mapping[str, str]) -> str | None:
        number = case["id"].rpartition("-")[2]
        self._own = self._root / f"{case['cat'][:2]}-{number}"
        self._own.mkdir()
        if case["cat"] == "fs_behaviour":
            return await self._behaviours[number]() or self._disturbed()
        return await self._path(case["path"])

    # Paths

    async def _path(self, path: str) -> str | None:
        """Neither reading nor writing by it reaches anything but the guest's own."""
        self._plant(path.split("/")[0])
        climbing = f"../..{path}" if path.startswith("/") else path
        results = [
            await self._run(verb, name=name, **more)
            for name in dict.fromkeys((path, climbing))
            for verb, more in (("read", {}), ("write", {"text": "x"}))
        ]
        results += [await self._run("passwd"), await self._run("proc")]
        said = " ".join(each.output or "" for each in results if each)
        if SECRET in said or "root:" in said or "PATH=" in said:
            return f"{path[:40]!r} reached {said[:80]}"
        return self._disturbed()

    def _plant(self, name: str) -> None:
        """What a host may have left in the folder."""
        targets = {"link_to_T2": f"../{RIVAL}", "link_abs": "/etc", "loop": "loop"}
        if name in targets:
            (self._own / name).symlink_to(targets[name])
        if name == "fifo":
            os.mkfifo(self._own / name)

    def _disturbed(self) -> str | None:
        """What is not as it was outside the guest's own folder."""
        theirs = sorted(each.name for each in (self._root / RIVAL).iterdir())
        outside = sorted(each.name for each in self._root.parents[1].iterdir())
        is_same = (self._root / RIVAL / "secret.txt").read_text() == SECRET
        if theirs != ["secret.txt"] or outside != ["ironclaw.db", "mnt"] or not is_same:
            return f"the rival has {theirs}, the host {outside}"
        return None

    # What guests leave

    async def _race(self) -> str | None:
        """The host reads a path whose folder becomes a link and back, all the time."""
        (self._own / "d").mkdir()
        (self._own / "d" / "secret.txt").write_text("own")
        (self._own / "link").symlink_to(f"../{RIVAL}")
        stop = threading.Event()
        swapping = asyncio.create_task(asyncio.to_thread(self._swap, stop))
        try:
            return await asyncio.to_thread(self._read_all)
        finally:
            stop.set()
            await swapping

    def _swap(self, stop: threading.Event) -> None:
        while not stop.is_set():
            for one, other in (("d", "aside"), ("link", "d"), ("d", "link"), ("aside", "d")):
                (self._own / one).rename(self._own / other)

    def _read_all(self) -> str | None:
        seen = set()
        with Tree.at(self._own) as tree:
            for _ in range(RACES):
                with contextlib.suppress(OSError):
                    seen.add(tree.read("d/secret.txt"))
        return None if seen <= {b"own"} else "the host followed a link"

    async def _hard_link(self) -> str | None:
        return await self._refused("hardlink") or await self._refused("steal", tenant=RIVAL)

    async def _many_files(self) -> str | None:
        """The quota ends it."""
        call = replace(self._call("many_files"), quota=Quota(files=200))
        with contextlib.suppress(SandboxError):
            await self._sandbox.call(call, Recorder())
        found = len(list(self._own.iterdir()))
        return None if found < 2_000 else f"{found} files were made"

    async def _next_tenant(self) -> str | None:
        """Another tenant's next instance, in whatever worker, sees none of it."""
        await self._run("write", name="kept.txt", text=SECRET)
        mine, self._own = self._own, self._root / "fs-06-next"
        result = await self._run("read", name="kept.txt")
        listed = await self._run("scratch")
        is_apart = bool(result and result.failure) and "kept" not in ((listed and listed.output) or "")
        return None if is_apart and (mine / "kept.txt").exists() else "the next tenant saw the file"

    async def _cache(self) -> str | None:
        names = ("../../../cache/x.cwasm", "../../cache/x.cwasm", "/cache/x.cwasm")
        results = [await self._run("write", name=name, text="x") for name in names]
        return None if all(each and each.failure for each in results) else "it wrote into the cache"

    async def _database(self) -> str | None:
        results = [await self._run("read", name=f"{up}ironclaw.db") for up in ("../../../", "../../", "")]
        return None if all(each and each.failure for each in results) else "it read the database"

    async def _link(self) -> str | None:
        """Made by the guest or planted: neither the host nor another guest follows it."""
        await self._run("symlink", tenant=RIVAL)
        if not (self._own / "link").is_symlink():
            (self._own / "link").symlink_to(f"../{RIVAL}/secret.txt")
        with Tree.at(self._own) as tree, contextlib.suppress(OSError):
            return f"the host read {tree.read('link')!r}"
        result = await self._run("read", name="link")
        return None if result is None or result.failure else "a guest followed it"

    async def _cleaning(self) -> str | None:
        """Neither copying nor removing the folder follows a link."""
        (self._own / "link").symlink_to(f"../{RIVAL}")
        copy = self._root / ".copy"
        copy.mkdir()
        with Tree.at(self._own) as tree, Tree.at(copy) as other:
            tree.copy_to(other)
        copied = list(copy.iterdir())
        copy.rmdir()
        remove_files(self._root, self._own.name)
        return None if not copied and not self._own.exists() else "it copied a link, or left the folder"

    async def _odd_names(self) -> str | None:
        """What the brain is shown of names is JSON: nothing of a name ends a line or a string."""
        await self._run("odd_names")
        with Tree.at(self._own) as tree:
            names = sorted(tree.states())
        shown = json.dumps(names)
        is_plain = shown.isascii() and shown.isprintable() and json.loads(shown) == names
        return None if is_plain and any("\n" in name for name in names) else f"shown as {shown[:80]}"

    async def _read_only(self) -> str | None:
        (self._own / "f.txt").write_text("before")
        result = await self._run("readonly", name="f.txt", text="after")
        is_kept = (self._own / "f.txt").read_text() == "before"
        return None if result and result.failure and is_kept else "it wrote where it may only read"

    async def _refused(self, tool: str, /, **arguments: str) -> str | None:
        result = await self._run(tool, **arguments)
        return None if result is None or result.failure else f"probe.{tool} was not refused"

    # Calls

    async def _run(self, tool: str, /, **arguments: Any) -> ToolResult | None:
        """None where the host itself would not begin."""
        try:
            return await self._sandbox.call(self._call(tool, **arguments), Recorder())
        except SandboxError:
            return None

    def _call(self, name: str, /, **arguments: Any) -> Call:
        tool = self._tools[f"probe.{name}"]
        text = json.dumps(arguments)
        return Call(self._component, tool.name, text, self._own.name, self._own, tool.capabilities)
