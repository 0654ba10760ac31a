"""Opens the local door beside a running bot, and sees who calls."""

from __future__ import annotations

import os
import secrets
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from aiohttp import web

from ironclaw.app import Ironclaw
from ironclaw.errors import IdentityError, IronclawError
from ironclaw_bot.local.door import METHODS, Door
from ironclaw_bot.local.names import SOCKET, login_name
from ironclaw_bot.local.screen import Screen, screen_of

LAST_CALLS = 0.5  #: Seconds that calls have to end when the bot stops.
UNFORESEEN = (
    "Something went wrong in the bot, and not with your command. Its log says what, at reference {0}."
)

log = structlog.get_logger(__name__)


async def listen(app: Ironclaw, data_dir: Path) -> web.AppRunner:
    """Open the door of a running bot."""
    site, screen = web.Application(), screen_of(app)
    site.add_routes([web.post(f"/{name}", _handler(app, screen, name)) for name in METHODS])
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=LAST_CALLS)
    await runner.setup()
    os.makedirs(data_dir, mode=0o700, exist_ok=True)  # Nobody did, where the database is elsewhere.
    path = data_dir / SOCKET
    path.unlink(missing_ok=True)
    await web.UnixSite(runner, str(path)).start()
    path.chmod(0o600)
    return runner


def _handler(app: Ironclaw, screen: Screen, name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            door = Door(app, _peer(request), screen)
            return web.json_response({"ok": await door.answer(name, await request.json())})
        except IronclawError as error:
            return _told(error, 400)
        except Exception:  # noqa: BLE001 - the last one before the caller: whatever it is, they get a sentence
            return _told(_noted(name), 500)

    return handle


def _told(error: IronclawError, status: int) -> web.Response:
    return web.json_response({"error": type(error).__name__, "message": str(error)}, status=status)


def _noted(method: str) -> IronclawError:
    """What the caller is told of a fault of ours; the log, which hides secrets, has the traceback."""
    reference = secrets.token_hex(6)
    log.exception("local_call_failed", method=method, reference=reference)
    return IronclawError(UNFORESEEN.format(reference))


def _peer(request: web.Request) -> str:
    end = request.transport.get_extra_info("socket") if request.transport else None
    if end is None or not hasattr(socket, "SO_PEERCRED"):
        raise IdentityError("This system does not say who calls; use the HTTP door.")
    _, uid, _ = struct.unpack("3i", end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if uid != os.getuid():
        raise IdentityError("Only the bot's own user may use this door.")
    return login_name(uid)
