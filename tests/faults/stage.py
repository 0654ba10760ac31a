"""Where one cell is played: a Slack and a ledger that stay, and a bot that is killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from ironclaw_bot.playground import PRIMARY, SECOND, Playground
from tests.e2e.bot import Bot
from tests.e2e.workspace import APPROVERS, HTTP, Thread, Workspace
from tests.fakes.slack import SIGNING_SECRET, TOKENS
from tests.faults.databases import Database
from tests.faults.ledger import Ledger, ledger, write_toolbox

FAILPOINT = "IRONCLAW_FAILPOINT"
PATIENCE = 60.0  #: Seconds: beyond the lease that a killed process leaves behind, and a slow machine.
Sleep = Callable[[float], Awaitable[None]]
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
async def stage(folder: Path, database: Database, sleep: Sleep) -> AsyncIterator[Stage]:
    """A stage whose bot is not yet started, and gone when the block ends.

    :param folder: the bot's
    :param sleep: how Slack waits before it delivers again
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
            bot = _bot(folder, f"{playground.url}/api/", counted.url, database)
            try:
                yield Stage(playground, bot, counted, database)
            finally:
                if bot.is_running:
                    await bot.kill()
    finally:
        await playground.stop()


def _bot(folder: Path, slack: str, ledger_url: str, database: Database) -> Bot:
    environ = {"SLACK_BOT_TOKEN": TOKENS[PRIMARY], "SLACK_SIGNING_SECRET": SIGNING_SECRET}
    if "PYTHONPATH" in os.environ:
        environ["PYTHONPATH"] = os.environ["PYTHONPATH"]
    toolbox = write_toolbox(folder / "ledger")
    tenant = {"slack": [PRIMARY], "approvers": APPROVERS, "http_allow": [ledger_url]}
    more = {"slack_api_url": slack, "toolboxes": [toolbox], "workers": 1, "tenants": {"acme": tenant}}
    return Bot(folder, environ, **more, **database.settings)
