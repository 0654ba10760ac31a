"""Where one cell is played: a Slack and a ledger that stay, and a bot that is killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from ironclaw import delivery
from ironclaw_bot.playground import PRIMARY, SECOND, Playground
from tests.e2e.bot import Bot
from tests.e2e.workspace import APPROVERS, HTTP, Thread, Workspace
from tests.fakes.slack import SIGNING_SECRET, TOKENS
from tests.faults.databases import Database
from tests.faults.ledger import Ledger, ledger, write_toolbox

FAILPOINT = "IRONCLAW_FAILPOINT"
#: Seconds: beyond every lease that a killed process leaves behind, on a slow machine.
PATIENCE = delivery.LEASE + 30
Sleep = Callable[[float], Awaitable[None]]
MANY = 1_000_000  #: Cards for one requester: caps are not what is tried here.
POLL = 0.05  #: Seconds between looks at the rows.
#: Whatever is not at rest: a workflow that has not ended, a notice that was not told.
OPEN = """
SELECT id FROM workflows WHERE state NOT IN ('done', 'failed', 'cancelled')
UNION ALL SELECT 'notice' FROM outbox WHERE state = 'waiting'
"""


class Stage(Workspace):
    """
    :ivar ledger: where the effects arrive
    :ivar database: the bot's, seen from outside
    """

    def __init__(self, playground: Playground, bot: Bot, ledger: Ledger, database: Database) -> None:
        super().__init__(playground, bot, HTTP)
        self.ledger = ledger
        self.database = database

    def ask_for(self, tool: str, line: str) -> Thread:
        """Ask the bot to write one line into the ledger."""
        return self.ask(f"{tool} url={self.ledger.url}/{line}")

    async def settle(self) -> None:
        """Returns once no workflow is at work and everything was told.

        :raises TimeoutError: something is stuck
        """
        async with asyncio.timeout(PATIENCE):
            while await self.database.column(OPEN):  # noqa: ASYNC110 - rows have no event
                await asyncio.sleep(POLL)


@contextlib.asynccontextmanager
async def stage(folder: Path, database: Database, sleep: Sleep, **settings: Any) -> AsyncIterator[Stage]:
    """A stage whose bot is not yet started, and gone when the block ends.

    :param folder: the bot's
    :param sleep: how Slack waits before it delivers again
    :param settings: more of them; ``tenants`` beside the one in Slack
    """
    playground = Playground(
        signing_secret=SIGNING_SECRET,
        bot_token=TOKENS[PRIMARY],
        second_bot_token=TOKENS[SECOND],
        sleep=sleep,
        ack_seconds=20.0,
    )
    await playground.start()
    try:
        async with ledger() as counted:
            given = {"slack_api_url": f"{playground.url}/api/", "http_allow": [counted.url]}
            bot = _bot(folder, {**given, **database.settings, **settings})
            try:
                yield Stage(playground, bot, counted, database)
            finally:
                if bot.is_running:
                    await bot.kill()
    finally:
        await playground.stop()


def _bot(folder: Path, settings: dict[str, Any]) -> Bot:
    environ = {"SLACK_BOT_TOKEN": TOKENS[PRIMARY], "SLACK_SIGNING_SECRET": SIGNING_SECRET}
    if "PYTHONPATH" in os.environ:
        environ["PYTHONPATH"] = os.environ["PYTHONPATH"]
    acme = {"slack": [PRIMARY], "approvers": APPROVERS, "cards_per_hour": MANY}
    tenants = {"acme": acme, **settings.get("tenants", {})}
    more = {"toolboxes": [write_toolbox(folder / "ledger")], "workers": 1}
    return Bot(folder, environ, **{**more, **settings, "tenants": tenants})
