"""How a command reaches the bot: the one that runs, or an engine of its own where none does."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator

from ironclaw.errors import StoreError
from ironclaw.settings import Settings, TenantSettings
from ironclaw.store import is_there
from ironclaw_bot import logs
from ironclaw_bot.build import build, built_folder
from ironclaw_bot.local import LOCAL_TENANT, SOCKET, Here, Remote
from ironclaw_bot.progress import Progress

NOTHING_HERE = (
    "No bot has run here: there is no database in {where}. Go to the bot's folder, or set data_dir to its "
    "own. A new one begins with `ironclaw serve`."
)


@contextlib.asynccontextmanager
async def reach(settings: Settings, *, begins: bool = False) -> AsyncIterator[Remote | Here]:
    """The running bot's local door, or an engine of our own where no bot runs.

    :param begins: whether a database may begin with this: whoever looks at one, or decides something in it,
        and has none before them is in the wrong folder
    :raises StoreError: there is none to look at
    """
    remote = Remote(settings.data_dir / SOCKET)
    if await remote.is_there():
        yield remote
        return
    if not begins and not is_there(settings.data_dir / "ironclaw.db", settings.postgres):
        raise StoreError(NOTHING_HERE.format(where=settings.data_dir.absolute()))
    from ironclaw.app import open_app  # noqa: PLC0415 - wasmtime's modules cost a second of every command

    need_toolbox()
    if not settings.tenants:
        local = TenantSettings(approvers=settings.local_approvers)
        settings = settings.model_copy(update={"tenants": {LOCAL_TENANT: local}})
    toolboxes = [built_folder() / "standard"]
    async with open_app(settings, toolboxes=toolboxes, progress=say, spares=False) as app:
        logs.configure(logs.of_one_command(settings), lambda text: app.redact("", text))
        yield Here(app)


async def is_running(settings: Settings) -> bool:
    """Whether a bot runs on this data_dir."""
    return await Remote(settings.data_dir / SOCKET).is_there()


def need_toolbox() -> None:
    """Build the standard toolbox where there is none: a wheel brings it, a fresh clone does not."""
    build(("standard",), Progress(sys.stderr))


def say(line: str) -> None:
    """To whoever sits there, beside what a command gives."""
    print(line, file=sys.stderr, flush=True)
