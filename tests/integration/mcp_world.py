"""A whole engine with MCP servers for tests, and how its operator sees and approves their tools."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from tests.integration.engine import Moves, engine

from ironclaw.app import Ironclaw
from ironclaw.settings import McpServer

SERVERS = Path(__file__).parents[1] / "fakes" / "mcp_servers"
PYTHON = (sys.prefix, sys.base_prefix, str(SERVERS))
SECONDS = 20.0


def polite(folder: Path, **more: Any) -> McpServer:
    """The well-behaved server; its notes go into ``folder``/notes/notes."""
    notes = folder / "notes"
    notes.mkdir(exist_ok=True)
    given = {"env": {"NOTES": str(notes / "notes")}, "read": PYTHON, "write": (str(notes),)}
    return program(SERVERS / "polite.py", **{**given, **more})


def hostile(how: str, *words: str, **more: Any) -> McpServer:
    """The one that is not."""
    return program(SERVERS / "hostile.py", how, *words, **more)


def program(file: Path, *words: str, **more: Any) -> McpServer:
    values = {"command": sys.executable, "args": (str(file), *words), "read": PYTHON, **more}
    return McpServer.model_validate(values)


@contextlib.asynccontextmanager
async def world(
    folder: Path, toolboxes: Path, brain: Moves | None = None, **servers: McpServer
) -> AsyncIterator[Ironclaw]:
    """The engine, once each server has been tried."""
    async with engine(folder, brain or Moves(), toolboxes, mcp_servers=servers) as app:
        await app.mcp.settled(SECONDS)
        yield app


async def approve(app: Ironclaw, name: str) -> None:
    """As an operator does who read all of it."""
    pending = app.mcp.shown(name)["pending"]
    await app.mcp.decide(name, pending["component"], pending["manifest"], "approved", "local:op")


def names(app: Ironclaw, tenant: str = "T1") -> list[str]:
    """The tools of servers that a tenant's brain may know of."""
    known = {served.name for served in app.mcp.served.values()}
    return [offer.name for offer in app.tools(tenant) if offer.name.partition(".")[0] in known]


async def until(holds: Callable[[], object]) -> None:
    """Return when something holds, which nobody tells."""
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether a process runs: one that nobody has looked after yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
