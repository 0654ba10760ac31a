"""A bot with all its doors, as one scenario of approvals sees it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironclaw.app import Ironclaw
from ironclaw.errors import StoreError
from ironclaw.settings import TenantSettings
from tests.cases._approval_bot import Doors, Script, bot_settings, open_bot, usual_tenants
from tests.cases._approval_stage import Stage

SECONDS = 20.0  #: For anything that a scenario waits for.


@dataclass
class World:
    """One scenario's bot: opened when first needed, restarted when its operator changes something."""

    stage: Stage
    logs: list[Any]
    brain: Script = field(default_factory=Script)
    changes: dict[str, Any] = field(default_factory=dict)  #: Of settings.
    tenants: dict[str, TenantSettings] = field(default_factory=usual_tenants)
    late: float = 0.0  #: Seconds that the bot's clock is ahead of ours.
    refusal: str = ""  #: Why the bot did not start.
    is_stale: bool = False  #: The operator changed settings since the start.
    held: bool = False  #: Nothing is carried out until the executor is let go.
    bot: Doors | None = None

    def __post_init__(self) -> None:
        self.stage.clear()
        self._stack = contextlib.AsyncExitStack()

    @property
    def database(self) -> Path:
        return self.stage.folder / "data" / "ironclaw.db"

    @property
    def port(self) -> int:
        """Of the doors; 0 while they are shut."""
        return self.bot.port if self.bot else 0

    def clock(self) -> float:
        return time.time() + self.late

    # The bot

    async def app(self) -> Ironclaw:
        """The engine, started when it is not there yet."""
        if self.bot is None:
            await self.start()
        assert self.bot is not None
        return self.bot.app

    async def start(self) -> None:
        """Open the engine and its doors; where it refuses to start, the reason is kept."""
        self.is_stale = self.held = False
        stage, self._stack = self.stage, contextlib.AsyncExitStack()
        chosen = bot_settings(stage.folder, stage.slack.url, stage.issuer, self.tenants, self.changes)
        try:
            self.bot = await open_bot(self._stack, chosen, self.brain, stage.internet, clock=self.clock)
        except StoreError as error:
            self.refusal = str(error)
            return await self.close()
        stage.slack.send_to(f"http://127.0.0.1:{self.port}/slack/events")
        return await self.settle()

    async def close(self) -> None:
        """Stop, as an operator does."""
        bot, self.bot = self.bot, None
        if bot:
            await bot.background.drain()
        await self._stack.aclose()

    async def restart(self) -> None:
        await self.close()
        await self.start()

    async def change(self, **changes: Any) -> None:
        """The operator changes settings: a bot that runs is restarted, or will be when it is let go."""
        self.changes |= changes
        self.is_stale = True
        if self.bot and not self.held:
            await self.restart()

    # Its executor

    def hold(self) -> None:
        """From now on nothing is carried out: the executor's queue is delayed."""
        assert self.bot is not None
        self.held = True
        self.bot.app._dispatcher.wake = lambda workflow_id, tenant: None  # type: ignore[method-assign]

    async def let_go(self) -> None:
        """The executor takes up what waits, with the settings of now."""
        if self.is_stale or self.bot is None:
            return await self.restart()
        dispatcher = self.bot.app._dispatcher
        if self.held:
            del dispatcher.wake
            self.held = False
        for row in self.query("SELECT id, tenant FROM workflows ORDER BY created_at, rowid"):
            dispatcher.wake(row["id"], row["tenant"])
        return await self.settle()

    async def settle(self) -> None:
        """Until nothing goes on by itself: events delivered, workflows at rest, everything told."""
        await self.stage.slack.courier.settle()
        app = self.bot.app if self.bot else None
        if self.bot is None or app is None:
            return
        async with asyncio.timeout(SECONDS):
            for workflow_id in self.workflows():
                await app._dispatcher.rest(workflow_id)
            while (at := await app._store.outbox.next_at(app._delivery._senders)) and at <= self.clock():
                app._delivery.ring()
                await asyncio.sleep(0.002)  # A notice is sent by a task of its own, which tells nobody.
        await self.bot.background.drain()

    # Its rows

    @contextlib.contextmanager
    def rows(self) -> Iterator[sqlite3.Connection]:
        """The database by a connection of our own: to look, or to do what a thief of the file does."""
        with closing(sqlite3.connect(self.database)) as c, c:
            c.row_factory = sqlite3.Row
            yield c

    def query(self, statement: str, *values: object) -> list[sqlite3.Row]:
        if not self.database.exists():
            return []
        with self.rows() as c:
            return list(c.execute(statement, values))

    def workflows(self) -> list[str]:
        """Their ids, oldest first."""
        return [row["id"] for row in self.query("SELECT id FROM workflows ORDER BY created_at, rowid")]

    def events(self, tenant: str = "T1") -> list[dict[str, Any]]:
        """The tenant's audit events, in order."""
        found = self.query("SELECT event FROM audit WHERE tenant = ? ORDER BY n", tenant)
        return [json.loads(row["event"]) for row in found]
