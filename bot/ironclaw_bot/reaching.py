"""How a command reaches the bot: the one that runs, or an engine of its own where none does."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator

from ironclaw.settings import Settings, TenantSettings
from ironclaw_bot import logs
from ironclaw_bot.build import build, built_folder
from ironclaw_bot.local import LOCAL_TENANT, SOCKET, Here, Remote
from ironclaw_bot.progress import Progress


@contextlib.asynccontextmanager
async def reach(settings: Settings) -> AsyncIterator[Remote | Here]:
    """The running bot's local door, or an engine of our own where no bot runs."""
    remote = Remote(settings.data_dir / SOCKET)
    if await remote.is_there():
        yield remote
        return
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
