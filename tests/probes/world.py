"""Where attacks are made: the whole engine in this process, a sandbox beside it, and a neighbour at work."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironclaw import audit
from ironclaw.app import Ironclaw, open_app
from ironclaw.capabilities import HttpRule, Limits
from ironclaw.sandbox import Sandbox
from ironclaw.sandbox.codecache import CodeCache
from ironclaw.sandbox.pool import Kind, Pool
from ironclaw.settings import TenantSettings
from ironclaw.task import Conversation, Decision, Move, ProposedCall, Role, ToolResult, WorkflowState
from tests.fakes.sandbox import KEY, Caller, Recorder, saved
from tests.integration.engine import BrainPlugin, approver, ask, settings

TICK = 0.002  #: Seconds between two looks at the event loop.
SECRET = "the-rival-keeps-this"
VICTIM, NEIGHBOUR = "T1", "T2"
#: Small, so that a flood is over soon.
ALLOWED = ("tools.invalid",)  #: Nobody; but with nobody on the list, most requests never reach the sandbox.
ROOM = {"scratch_mb": 16, "scratch_files": 500, "max_call_seconds": 2}


class Dictation:
    """A brain that wants what the task says: JSON of a tool and its arguments."""

    async def plan(self, conversation: Conversation) -> Move:
        last = conversation.messages[-1]
        if last.role is Role.TOOL:
            return Move(answer=last.text)
        wanted = json.loads(last.text)
        call = ProposedCall("c1", wanted["tool"], json.dumps(wanted["arguments"]))
        return Move(calls=(call,), tokens=1)


@dataclass(frozen=True, slots=True)
class Stopped:
    """What came of one attack."""

    kind: str  #: The failure's kind, or the class of our error; "" where there was none: it escaped.
    message: str = ""


class WithoutSpares(Pool):
    """A pool for calls of a component each: nobody would need a second worker of it."""

    def keep_spare(self, kind: Kind) -> None:
        pass


class World:
    """Made by :func:`open_world`."""

    def __init__(self, app: Ironclaw, sandbox: Sandbox, folder: Path, port: int) -> None:
        self.app, self.sandbox, self.folder = app, sandbox, folder
        self.port = port  #: Of a server in this process that nobody may reach.
        self.planted: set[str] = set()  #: Names that stay in the victim's folder.
        self.reached = 0  #: How often somebody did.

    @property
    def scratch(self) -> Path:
        """The folder above the tenants' folders."""
        return self.folder / "data" / "mnt" / "scratch"

    async def ask(self, tool: str, tenant: str = VICTIM, /, **arguments: Any) -> Stopped:
        """One call from its task to its end, approved where it has to be."""
        if tenant == VICTIM:
            await asyncio.to_thread(self._empty)
        text = json.dumps({"tool": f"probe.{tool}", "arguments": arguments})
        task = ask(text, requester=f"slack:{tenant}:U_ADA", tenant=tenant)
        workflow_id = await self.app.submit(task)
        view = await self.app.wait(tenant, workflow_id, 30)
        if view.state is WorkflowState.PAUSED and view.approval:
            boss = approver(f"slack:{tenant}:U_BO", tenant)
            await self.app.decide(boss, view.approval.id, Decision.APPROVE)
            view = await self.app.wait(tenant, workflow_id, 30)
        return self._ended(tenant, workflow_id, view.outcome)

    def _empty(self) -> None:
        """Take away what an attack before this one left in the victim's folder."""
        folder = self.scratch / VICTIM
        remove(*(folder / name for name in os.listdir(folder) if name not in self.planted))

    def _ended(self, tenant: str, workflow_id: str, answer: str) -> Stopped:
        events = audit.events(self.folder / "data" / "ironclaw.db", tenant)
        own = [event for event in events if event.get("workflow") == workflow_id]
        failures = [str(event["failure"]) for event in own if event.get("failure")]
        denied = ["denied by policy" for event in own if event["event"] == "call_denied"]
        return Stopped((failures or denied or [""])[0], answer)

    async def call(
        self, wasm: bytes, http: tuple[HttpRule, ...] = (), fuel: int = 200_000_000, seconds: float = 5
    ) -> Stopped:
        """One call of a small component, below the engine."""
        component = saved(self.folder, wasm)
        caller = Caller(component, self.folder / "components")
        limits = Limits(fuel=fuel, memory_mb=16, seconds=seconds, output_bytes=65_536)
        return ended(await self.sandbox.call(caller.call(http=http, limits=limits), Recorder()))


def remove(*paths: Path) -> None:
    """Remove files and trees that may be deeper than Python's own rmtree goes."""
    subprocess.run(["/bin/rm", "-rf", "--", *map(str, paths)], check=True)


def ended(result: ToolResult) -> Stopped:
    """A result of the sandbox as what came of an attack."""
    return Stopped(result.failure.kind.value, result.failure.message) if result.failure else Stopped("")


@contextlib.asynccontextmanager
async def open_world(folder: Path, built: Path, code_cache: Path) -> AsyncIterator[World]:
    """The engine with the malicious toolbox, open until the block ends."""
    for name in (VICTIM, NEIGHBOUR):
        (folder / "data" / "mnt" / "scratch" / name).mkdir(parents=True)
    (folder / "data" / "mnt" / "scratch" / NEIGHBOUR / "secret.txt").write_text(SECRET)
    tenants = {
        name: TenantSettings(slack=(name,), approvers=(f"slack:{name}:U_BO",)) for name in (VICTIM, NEIGHBOUR)
    }
    chosen = settings(folder, workers=2, http_allow=ALLOWED, **ROOM).model_copy(update={"tenants": tenants})
    plugins = {"test_brain": lambda _services: BrainPlugin(Dictation())}
    async with contextlib.AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_app(chosen, toolboxes=[built / "probe"], plugins=plugins))
        sandbox = Sandbox(CodeCache(code_cache, KEY), WithoutSpares(2), None)
        stack.push_async_callback(sandbox.close)
        server = await asyncio.start_server(lambda _r, w: _reached(world, w), "127.0.0.1", 0)
        await stack.enter_async_context(server)
        world = World(app, sandbox, folder, server.sockets[0].getsockname()[1])
        stack.callback(remove, folder / "data" / "mnt")
        yield world


def _reached(world: World, writer: asyncio.StreamWriter) -> None:
    world.reached += 1
    writer.close()


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What the others noticed of an attack.  All in seconds."""

    took: float
    lag: float  #: The longest that the event loop was not there for.
    neighbour: float  #: From the neighbour's task to its answer.


async def watched(world: World, attack: Awaitable[Stopped]) -> tuple[Stopped, Meanwhile]:
    """Run the attack while somebody looks at the event loop and the neighbour has a task."""
    lag = Lag()
    began = time.perf_counter()
    neighbour = asyncio.create_task(_neighbour(world))
    try:
        stopped = await attack
        took = time.perf_counter() - began
        return stopped, Meanwhile(took, lag.longest, await neighbour)
    finally:
        lag.end()
        await asyncio.gather(neighbour, return_exceptions=True)


async def _neighbour(world: World) -> float:
    began = time.perf_counter()
    served = await world.ask("echo", NEIGHBOUR, text="still here")
    if served.kind or "still here" not in served.message:
        raise AssertionError(f"the neighbour was not served: {served}")
    return time.perf_counter() - began


class Lag:
    """Looks at the running event loop every TICK until it is ended."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._loop = asyncio.get_running_loop()
        self._next()

    def _next(self) -> None:
        self._due = self._loop.time() + TICK
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self.longest = max(self.longest, self._loop.time() - self._due)
        self._next()

    def end(self) -> None:
        self._timer.cancel()
