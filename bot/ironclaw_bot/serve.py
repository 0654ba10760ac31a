"""Puts the doors before the engine and runs until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import aiohttp
import structlog
from aiohttp import web
from slack_sdk.errors import SlackApiError

from ironclaw.app import Ironclaw, open_app
from ironclaw.errors import SettingsError
from ironclaw.settings import Settings
from ironclaw_bot import local, logs
from ironclaw_bot.build import built_folder
from ironclaw_bot.http.gateway import make_gateway
from ironclaw_bot.slack.client import DEAD, MISSING, later, missing_scopes, reason, web_client
from ironclaw_bot.slack.door import SlackDoor

NO_DOOR = (
    "no door takes tasks: neither Slack nor JWT is configured; "
    "set SLACK_BOT_TOKEN or IRONCLAW_JWT_ISSUER, or use `ironclaw run`"
)
STOPS = (signal.SIGTERM, signal.SIGINT)
GRACE = 4.0  #: Seconds, after what runs was waited for, until a stop is forced.
LAST_REQUESTS = 0.5  #: Seconds that requests have to end when the gateway closes.
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """A bot whose doors are open."""

    app: Ironclaw
    url: str  #: Of the gateway.


@contextlib.asynccontextmanager
async def running(
    settings: Settings,
    progress: Callable[[str], None] = lambda _: None,
    reread: Callable[[], Settings] | None = None,
) -> AsyncIterator[Running]:
    """The whole bot, its doors open until the block ends.

    :param reread: gives the settings as they are now, for a reload of the tools
    :raises IronclawError: something is not right yet; nothing was opened
    """
    async with contextlib.AsyncExitStack() as stack:
        # Outlives the engine, which tells things until it is closed.
        session = await stack.enter_async_context(aiohttp.ClientSession())
        app = await stack.enter_async_context(
            open_app(settings, toolboxes=[built_folder() / "standard"], progress=progress, reread=reread)
        )
        logs.configure(settings, lambda text: app.redact("", text))
        slack = await _slack(app, settings, session)
        if slack:
            stack.push_async_callback(slack.close)
        site = make_gateway(app, slack.add_routes if slack else None)
        url = await _listen(site, settings, stack)
        app.step_ups.base_url = app.step_ups.base_url or url
        control = await local.listen(app, settings.data_dir)
        stack.push_async_callback(control.cleanup)
        stack.push_async_callback(_drain, app, slack, settings.drain_seconds)
        if slack:
            await slack.open()
        if not slack and not settings.jwt_issuer:
            log.warning(NO_DOOR)
        log.info("ready", url=url, slack=bool(slack), tools=app.tool_count, brain=settings.brain_name)
        yield Running(app, url)


async def serve(
    settings: Settings, reread: Callable[[], Settings], progress: Callable[[str], None] = lambda _: None
) -> None:
    """Until SIGTERM or SIGINT.  Then it takes nothing more, lets end what runs, and goes."""
    async with running(settings, progress, reread):
        await stopped()
        log.info("stopping")
        force_after(settings.drain_seconds + GRACE)
    log.info("stopped")


async def stopped() -> None:
    """Wait for SIGTERM or SIGINT.  From then on a second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOPS:
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    for number in STOPS:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)


async def _drain(app: Ironclaw, slack: SlackDoor | None, seconds: float) -> None:
    """Let what runs come to a rest, while every door says that it takes no task."""
    if slack:
        await slack.stop_hearing()
    await app.drain(seconds)


def force_after(seconds: float) -> None:
    """End this process then, whatever hangs: nothing is waited for for ever."""
    last_resort = threading.Timer(seconds, _give_up)
    last_resort.daemon = True
    last_resort.start()


def _give_up() -> None:
    """Something hangs that no task can be cancelled out of.  The rows say where to go on."""
    log.error("stop_forced")
    os._exit(0)


async def _listen(site: web.Application, settings: Settings, stack: contextlib.AsyncExitStack) -> str:
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=LAST_REQUESTS)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as error:
        raise SettingsError(_no_port(settings, error)) from None
    return f"http://{settings.host}:{runner.addresses[0][1]}"


def _no_port(settings: Settings, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {settings.port} is taken. Set IRONCLAW_PORT to another one, or to 0 for any free one."
    where = f"{settings.host}, port {settings.port}"
    return f"{where}: cannot be opened: {error.strerror}. Set IRONCLAW_HOST or IRONCLAW_PORT."


async def _slack(app: Ironclaw, settings: Settings, session: aiohttp.ClientSession) -> SlackDoor | None:
    if not settings.slack_bot_token:
        return None
    if not settings.slack_signing_secret and not settings.slack_app_token:
        raise SettingsError(
            "slack: set SLACK_SIGNING_SECRET (events over HTTP) or SLACK_APP_TOKEN (Socket Mode)."
        )
    client = web_client(settings.slack_bot_token.get_secret_value(), settings.slack_api_url, session)
    try:
        me = await client.auth_test()
    except SlackApiError as error:
        if reason(error) not in DEAD and later(error):
            raise SettingsError("slack: Slack has a fault just now. Start again in a minute.") from None
        raise SettingsError(f"slack_bot_token: Slack refused it: {reason(error)}.") from None
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise SettingsError(
            f"slack: {settings.slack_api_url} cannot be reached: {type(error).__name__}."
        ) from None
    if missing := missing_scopes(me):
        log.warning("slack_scopes_missing", scopes=missing, what=MISSING)
    team = str(me["team_id"])
    tenant = await app.map_workspace(team)
    return SlackDoor(app, settings, client, {team: str(me.get("team") or "")} if tenant == team else {})
