"""Calls as a kill leaves them, and what the rows then say."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from tests.integration.engine import Moves, approver, ask, engine, moves, wants

from ironclaw import audit
from ironclaw.app import Ironclaw
from ironclaw.store.chain import note
from ironclaw.task import Decision, DoubtView

BEGUN = 1_700_000_000.0


@dataclass(slots=True)
class Receiver:
    """An HTTP service that keeps the keys of what reaches it, and answers unless it is silent."""

    port: int = 0
    keys: list[str] = field(default_factory=list)
    is_silent: bool = False
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def post(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("Idempotency-Key", ""))
        self.reached.set()
        if self.is_silent:
            await asyncio.Event().wait()
        return web.json_response({"got": await request.text()})


@asynccontextmanager
async def a_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    site = web.Application()
    site.router.add_post("/orders", receiver.post)
    runner = web.AppRunner(site, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.port = runner.addresses[0][1]
    yield receiver
    await runner.cleanup()


def interrupt(folder: Path, *, effect_begun: bool = False, attempts: int = 1) -> None:
    """The rows as a kill in the middle of the call leaves them, the audit log among them."""
    with closing(sqlite3.connect(folder / "data/ironclaw.db")) as c, c:
        begun = BEGUN + 1 if effect_begun else None
        c.execute(
            "UPDATE tool_calls SET state = 'executing', attempts = ?, effect_begun_at = ?", (attempts, begun)
        )
        c.execute("UPDATE workflows SET state = 'running'")
        [(workflow, seq, tenant)] = c.execute(
            "SELECT t.workflow_id, t.seq, w.tenant FROM tool_calls t JOIN workflows w ON w.id = t.workflow_id"
        )
        c.row_factory = sqlite3.Row
        note(c, tenant, BEGUN, "call_executing", "host", workflow=workflow, seq=seq)
        if effect_begun:
            note(c, tenant, BEGUN + 1, "call_effect_begun", "host", workflow=workflow, seq=seq)


async def approved(folder: Path, toolboxes: Path, brain: Moves, **changes: Any) -> str:
    """A high-risk call that somebody approved; the host stops before it runs."""
    async with engine(folder, brain, toolboxes, **changes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        await app._veto.decide(approver(), view.approval.id, Decision.APPROVE)
    return view.id


def post(port: int) -> Moves:
    return Moves(moves(wants("http.post", url=f"http://localhost:{port}/orders", text="1 coffee")))


def allow(port: int) -> dict[str, Any]:
    return {"http_allow": (f"http://localhost:{port}",)}


async def doubted(app: Ironclaw, workflow_id: str, tenant: str = "T1") -> DoubtView:
    """The workflow's open doubt, once it waits for it."""
    view = await app.wait(tenant, workflow_id, 30)
    assert view.doubt is not None, view
    return view.doubt


def events(folder: Path, tenant: str = "T1") -> list[str]:
    return [str(each["event"]) for each in audit.events(folder / "data/ironclaw.db", tenant)]


def told(brain: Moves) -> list[Any]:
    """What the brain was last shown of the tools."""
    return [json.loads(each.text) for each in brain.seen[-1].messages if each.role.value == "tool"]
