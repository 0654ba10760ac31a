"""Three real bots on one PostgreSQL, with callers over HTTP and a ledger that says what they did."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.bot import Bot
from tests.e2e.callers import Callers
from tests.fakes.postgres import Cluster
from tests.faults.ledger import Ledger, ledger, write_toolbox

LEASE = 3.0  #: Seconds without a sign of life after which another one takes over.
TAKEN_OVER = LEASE + 10.0  #: Seconds in which what a dead one had must be finished.
POLL = 0.05


@dataclass(slots=True)
class Fleet:
    """
    :ivar database: its name in the server
    """

    bots: list[Bot]
    callers: Callers
    ledger: Ledger
    server: Cluster
    database: str

    async def asked(self, bot: Bot, effect: str, line: str) -> tuple[str, str]:
        """A workflow that waits for approval to write one line: its id, and the approval's."""
        task = f"ledger.{effect} url={self.ledger.url}/{line}"
        reply = await self.callers.run(bot, task, tenant_id="T1")
        assert 202 == reply.status, reply.body
        return reply.json["workflow_id"], reply.json["approval"]["id"]

    async def approve(self, bot: Bot, approval: str) -> asyncio.Task[Any]:
        """Somebody says yes; what comes of it is waited for in the background."""
        return asyncio.create_task(self.callers.approve(bot, approval, tenant_id="T1"))

    async def until(self, bot: Bot, workflow: str, status: str) -> dict[str, Any]:
        async with asyncio.timeout(TAKEN_OVER):
            return await self.callers.until(bot, workflow, status, tenant_id="T1")

    async def in_the_step(self, line: str, times: int = 1) -> Bot:
        """The bot whose request for this line has reached the ledger, as soon as it has."""
        async with asyncio.timeout(TAKEN_OVER):
            while len(self.ledger.lines.get(line, ())) < times:  # noqa: ASYNC110 - any of three may come
                await asyncio.sleep(POLL)
        inode = _inode(self.ledger.ports[-1])
        return next(bot for bot in self.bots if bot.is_running and _has(bot.pid, inode))

    def others(self, bot: Bot) -> list[Bot]:
        return [each for each in self.bots if each is not bot and each.is_running]

    def count(self, statement: str) -> int:
        return int(self.server.run(self.database, statement))

    def events(self, workflow: str) -> list[str]:
        """What the audit log says of a workflow, by the names of the events."""
        of_it = f'event LIKE \'%"workflow":"{workflow}"%\''
        found = self.server.run(
            self.database, f"SELECT event::json->>'event' FROM audit WHERE {of_it} ORDER BY n"
        )
        return found.split()


def _inode(port: int) -> str:
    """Of the socket on this port of loopback, as Linux says."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if int(words[1].rpartition(":")[2], 16) == port:
            return f"socket:[{words[9]}]"
    raise AssertionError(f"no socket has port {port}")


def _has(pid: int, inode: str) -> bool:
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if os.readlink(each) == inode:
                return True
    return False


@contextlib.asynccontextmanager
async def fleet(folder: Path, server: Cluster) -> AsyncIterator[Fleet]:
    """Three of them, started, and gone when the block ends."""
    callers = Callers(folder)
    url = server.new_database()
    async with ledger() as counted:
        tenants = callers.settings(http_allow=[counted.url])
        toolbox = write_toolbox(folder / "ledger")
        more = {"database_url": url, "scratch_dir": folder / "shared", "lease_seconds": LEASE}
        more |= {"toolboxes": [toolbox], "workers": 1, "brain": "commands", **tenants}
        bots = [Bot(folder / name, **more) for name in ("one", "two", "three")]
        found = Fleet(bots, callers, counted, server, url.rpartition("/")[2])
        try:
            await asyncio.gather(*(bot.start() for bot in bots))
            yield found
        finally:
            counted.answers.set()
            for bot in bots:
                if bot.is_running:
                    bot.send(signal.SIGCONT)
                    await bot.kill()
