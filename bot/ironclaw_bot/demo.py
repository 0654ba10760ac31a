"""The demo: the bot and a local Slack workspace in one process, on embedded defaults."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from pydantic import SecretStr

from ironclaw.errors import SettingsError
from ironclaw.settings import Settings
from ironclaw.store import is_in_use
from ironclaw_bot import logs
from ironclaw_bot.demo_folder import BO, CY, in_demo
from ironclaw_bot.hints import called
from ironclaw_bot.playground import Playground
from ironclaw_bot.serve import GRACE, force_after, running, stopped

WELCOME = """
IronClaw is running, and so is a local Slack workspace to try it in.

As Ada, type:                         @ironclaw files.write path=notes/today.md text="hello"
Switch to Bo, approve it, then ask:   @ironclaw files.read path=notes/today.md

Nothing leaves this machine. Ctrl-C stops it; what waits is kept. Open it in a browser:

    {url}
"""


@contextlib.asynccontextmanager
async def demo(
    settings: Settings,
    port: int,
    folder: Path,
    progress: Callable[[str], None],
    reread: Callable[[], Settings] | None = None,
) -> AsyncIterator[Playground]:
    """Bot and playground, open until the block ends.

    :param port: of the playground's page; 0 takes a free one
    :param folder: keeps the workspace and the bot's data from one start to the next
    :param reread: gives the user's settings as they are now, for a reload of the tools
    :raises IronclawError: something is not right; nothing was opened
    """
    if is_in_use(folder / "data" / "ironclaw.db"):
        raise SettingsError(f"A demo still runs in {folder}. Stop that one, or: {_beside(port, folder)}")
    tokens = _tokens(folder)
    playground = Playground(
        signing_secret=tokens["signing_secret"],
        bot_token=tokens["bot_token"],
        snapshot=folder / "playground.json",
        labels={BO: "approver", CY: "approver"},
    )
    try:
        url = await playground.start(port=port)
    except OSError as error:
        raise SettingsError(_no_port(port, error)) from None
    except ValueError as error:
        raise SettingsError(f"{folder}: {error}.") from None
    try:
        settings = demo_settings(settings, tokens, url, folder)
        logs.configure(settings)
        anew = (lambda: in_demo(reread(), folder)) if reread else None
        async with running(settings, progress, anew) as bot:
            playground.send_to(f"{bot.url}/slack/events")
            yield playground
    finally:
        await playground.stop()


async def run_demo(
    settings: Settings,
    port: int,
    folder: Path,
    progress: Callable[[str], None],
    reread: Callable[[], Settings],
) -> None:
    """Until SIGTERM or SIGINT."""
    async with demo(settings, port, folder, progress, reread) as playground:
        print(WELCOME.format(url=playground.url), flush=True)
        await stopped()
        force_after(settings.drain_seconds + GRACE)


def demo_settings(settings: Settings, tokens: dict[str, str], url: str, folder: Path) -> Settings:
    """The user's settings, with the demo's workspace, data and approver in them."""
    chosen = settings.model_fields_set
    changes = {
        "slack_bot_token": SecretStr(tokens["bot_token"]),
        "slack_signing_secret": SecretStr(tokens["signing_secret"]),
        "slack_app_token": None,
        "slack_api_url": f"{url}/api/",
        # Nobody needs the gateway's address here, and a bot may already serve at the usual one.
        "port": settings.port if "port" in chosen else 0,
        "log_level": settings.log_level if "log_level" in chosen else "warning",
    }
    return in_demo(settings, folder).model_copy(update=changes)


def _no_port(port: int, error: OSError) -> str:
    if error.errno != errno.EADDRINUSE:
        return f"Port {port} cannot be opened: {error.strerror}. Choose another one with --port."
    again = f'{called("demo", "--port", _next(port))} (or: make demo ARGS="--port {_next(port)}")'
    return f"Port {port} is taken, perhaps by a demo that still runs. Stop that one, or: {again}"


def _beside(port: int, folder: Path) -> str:
    """What starts a second demo beside the one of this folder."""
    return called("demo", "--port", _next(port), "--folder", f"{folder}-2")


def _next(port: int) -> int:
    return port + 1 if port < 65535 else 0


def _tokens(folder: Path) -> dict[str, str]:
    """Made up once and kept, so that a restart still is the same workspace."""
    file = folder / "workspace.json"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = {"bot_token": f"xoxb-demo-{secrets.token_hex(12)}", "signing_secret": secrets.token_hex(16)}
        aside = file.with_suffix(".new")
        with open(os.open(aside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as out:
            json.dump(made, out)
        aside.replace(file)
    try:
        kept: dict[str, str] = json.loads(file.read_text())
    except ValueError:
        raise SettingsError(f"{file} is not what the demo wrote. Remove it.") from None
    return kept
