"""One replica, bound to a core: ``python -m tests.bench.replica FOLDER CORE [DATABASE_URL]`` takes orders.

A task is one call that computes in the sandbox, of a tool that nobody is asked for.  Without a database only
that is computed, by wasmtime alone in this process: what the machine itself can do.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ironclaw.app import Ironclaw, open_app
from ironclaw.canonical import subkey
from ironclaw.keys import load_key
from ironclaw.sandbox import Component, Profile
from ironclaw.sandbox.codecache import CodeCache
from ironclaw.sandbox.preparing import prepared_code
from ironclaw.settings import TenantSettings
from ironclaw.task import WorkflowState
from tests.bench.in_process import InProcess
from tests.bench.measure import say
from tests.bench.peer_programs.lanes import HISTORY, serve
from tests.bench.workflows import Listener, written
from tests.cases.__main__ import hush
from tests.fakes.sandbox import ECHO, toolbox
from tests.integration.engine import BrainPlugin, Moves, ask, moves, settings, shared_code, wants

TOOL = "bench.count"
TURNS = 850_000_000  #: Of a loop: some 0.3 s.
FUEL = 10_000_000_000  #: More than that takes.
COUNT = f"""(local $n i32) (local.set $n (i32.const {TURNS}))
  (loop (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1))))) {ECHO}"""
MANIFEST = """
name = "bench"
version = "1.0.0"
component = "component.wasm"
sha256 = "{sha256}"
[tools."bench.count"]
description = "Count, and give the arguments back."
risk = "low"
effect = "pure"
limits = {{ fuel = 10000000000, seconds = 60 }}
[tools."bench.count".schema]
type = "object"
additionalProperties = false
[tools."bench.count".schema.properties]
text = {{ type = "string", description = "Given back when it has counted." }}
"""
ANSWER = "counted"  #: Given to the tool, which gives it back.
TENANTS = ("T1", "T2", "T3", "T4")
PATIENCE = 200.0  #: Seconds for one task, with those before it.


async def main(folder: Path, url: str | None) -> None:
    """Until the orders end."""
    if url:
        await _replica(folder, url)
    else:
        await _alone(folder)


async def _replica(folder: Path, url: str) -> None:
    turns = itertools.cycle(TENANTS)
    async with _engine(folder, url) as app:

        async def work() -> None:
            await _done(app, next(turns))

        await serve(work, None, ["ironclaw"])


@asynccontextmanager
async def _engine(folder: Path, url: str) -> AsyncIterator[Ironclaw]:
    """As many workers as the machine has cores: one."""
    box = written(folder / "bench", MANIFEST, toolbox(COUNT))
    brain = Moves(moves(wants(TOOL, text=ANSWER)))
    chosen = settings(
        folder,
        database_url=url,
        scratch_dir=folder.parent / "scratch",
        tenants={name: TenantSettings(slack=(name,)) for name in TENANTS},
    )
    plugins = {"test_brain": lambda _services: BrainPlugin(brain)}
    async with open_app(chosen, toolboxes=[box], plugins=plugins) as app:
        app.speak("test", Listener())
        yield app


async def _done(app: Ironclaw, tenant: str) -> None:
    """A task is accepted, done by one of the replicas, and its tool has answered.

    :raises RuntimeError: it has not
    """
    task = ask(HISTORY, requester=f"slack:{tenant}:U_ADA", tenant=tenant)
    view = await app.wait(tenant, await app.submit(task), PATIENCE)
    if view.state is not WorkflowState.DONE or ANSWER not in view.outcome:
        raise RuntimeError(f"the task was not done: {view.state}, {view.outcome}")


async def _alone(folder: Path) -> None:
    wasm = toolbox(COUNT)
    path = written(folder / "bench", MANIFEST, wasm) / "component.wasm"
    known = shared_code()
    cache = CodeCache(known["cache_dir"], subkey(load_key(known["key_file"]), "code cache"))
    component = Component(path, hashlib.sha256(wasm).hexdigest(), Profile.PURE)
    floor = InProcess(await prepared_code(component, cache, say), FUEL)

    async def work() -> None:
        floor.cold(TOOL, '{"text": "hello"}')

    await serve(work, None, ["wasmtime"])


if __name__ == "__main__":
    hush()
    os.sched_setaffinity(0, {int(sys.argv[2])})  # Before anything: what it starts stays there too.
    asyncio.run(main(Path(sys.argv[1]), sys.argv[3] if len(sys.argv) > 3 else None))
