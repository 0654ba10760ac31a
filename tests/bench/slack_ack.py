"""How fast Slack gets its 200: the real bot in a process of its own, signed events over loopback.

The bot is ``ironclaw serve`` with its embedded defaults; the Web API that it posts to is a stub in this
process.  Every event is a mention that becomes a workflow and runs a tool in the sandbox, so the bot is at
work while it acknowledges; the events come on time whether it is slow or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from ironclaw_bot.slack.edge import PATH
from tests.bench.measure import Result, Samples, ms, say, times
from tests.cases.slack_signature import sign
from tests.fakes.wire import HOST, served
from tests.integration.engine import shared_code

SECRET = secrets.token_hex(16)
TOKEN = "-".join(("xoxb", "bench"))
SERVE = "import sys; from ironclaw_bot.cli import main; sys.exit(main(['serve']))"
FLOOR = ("-m", "tests.bench.ack_floor")
START_SECONDS = 120.0
RESULT = b"entries"  #: In every answer of files.list.
SLACK_SECONDS = 3.0  #: What Slack waits before it delivers again.


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    per_second: float = 50.0
    events: int = 1000
    warmup: int = 50
    drain: float = 60.0  #: Seconds that the bot may need after the last event to have told everybody.


@dataclass(slots=True)
class Workspace:
    """The stub of Slack's Web API: counts what is posted, answers what Slack would."""

    expected: int
    answers: int = 0  #: Results of the tool, statuses not counted.
    all_told: asyncio.Event = field(default_factory=asyncio.Event)
    _stamps: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def answer(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        body = await request.read()
        if method == "auth.test":
            return web.json_response({"ok": True, "team_id": "T0001", "user_id": "U1BOT", "bot_id": "B1"})
        if method == "users.info":
            user = {"id": request.query["user"], "team_id": "T0001"}
            return web.json_response({"ok": True, "user": user})
        self.answers += method == "chat.postMessage" and RESULT in body
        if self.answers == self.expected:
            self.all_told.set()
        stamp = f"1800000000.{next(self._stamps):06d}"
        return web.json_response({"ok": True, "channel": "C1GENERAL", "ts": stamp})

    def site(self) -> web.Application:
        site = web.Application()
        site.router.add_route("*", "/api/{method}", self.answer)
        return site


@dataclass(slots=True)
class Taken:
    """Seconds from the first byte of an event to the whole answer."""

    bot: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    drained: float = 0.0  #: From the last event until every answer was posted.


async def measure(size: Size = Size()) -> Result:
    """The table of acknowledgements."""
    say(f"Slack: {size.events} events at {size.per_second:g} a second")
    workspace = Workspace(expected=size.warmup + size.events)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            served(workspace.site()) as api,
            _bot(Path(folder), api) as bot,
            _floor(folder) as floor,
            aiohttp.ClientSession() as session,
        ):
            return _result(await _take(session, workspace, (bot, floor), size), size)


@asynccontextmanager
async def _bot(folder: Path, api: int) -> AsyncIterator[str]:
    """The url for events of a bot in a process of its own."""
    environ = {
        **_environment(),
        "SLACK_BOT_TOKEN": TOKEN,
        "SLACK_SIGNING_SECRET": SECRET,
        "IRONCLAW_SLACK_API_URL": f"http://{HOST}:{api}/api/",
        "IRONCLAW_PORT": "0",
        "IRONCLAW_DATA_DIR": str(folder / "data"),
        "IRONCLAW_CHECKPOINTS": str(folder / "checkpoints.jsonl"),
        "IRONCLAW_BRAIN": "commands",
        "IRONCLAW_LOG_FORMAT": "json",
        **{f"IRONCLAW_{name.upper()}": str(path) for name, path in shared_code().items()},
    }
    async with _process(("-c", SERVE), environ, folder) as lines:
        url = await _ready(lines)
        draining = asyncio.create_task(_drain(lines))
        yield url + PATH
    await draining


async def _ready(lines: asyncio.StreamReader) -> str:
    """The url that the bot says."""
    said = b""
    async with asyncio.timeout(START_SECONDS):
        async for line in lines:
            if b'"ready"' in line:
                return str(json.loads(line)["url"])
            said = (said + line)[-2000:]
    raise RuntimeError(f"the bot did not start: {said.decode()}")


@asynccontextmanager
async def _floor(folder: str) -> AsyncIterator[str]:
    environ = {**_environment(), "BENCH_SECRET": SECRET}
    async with _process((*FLOOR, folder), environ, Path.cwd()) as lines:
        yield f"http://{HOST}:{int(await lines.readline())}{PATH}"


def _environment() -> dict[str, str]:
    """Ours, without settings that a developer has set for their own bot."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("IRONCLAW_", "SLACK_"))}
    return {**ours, "PYTHONPATH": str(Path.cwd())}


@asynccontextmanager
async def _process(
    words: tuple[str, ...], environ: Mapping[str, str], folder: Path
) -> AsyncIterator[asyncio.StreamReader]:
    """A Python process, ended with the block, and what it prints."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, *words),
        cwd=folder,
        env=dict(environ),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert child.stdout is not None
    try:
        yield child.stdout
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        await child.wait()


async def _drain(lines: asyncio.StreamReader) -> None:
    while await lines.readline():
        pass


async def _take(
    session: aiohttp.ClientSession, workspace: Workspace, urls: tuple[str, str], size: Size
) -> Taken:
    taken = Taken()
    pending: list[Awaitable[None]] = []
    began = time.perf_counter()
    for number in range(size.warmup + size.events):
        into = taken if number >= size.warmup else Taken()
        for half, (url, samples) in enumerate(zip(urls, (into.bot, into.floor), strict=True)):
            due = began + (number + half / 2) / size.per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            pending.append(asyncio.create_task(_send(session, url, _event(number), samples)))
    await asyncio.gather(*pending)
    last = time.perf_counter()
    async with asyncio.timeout(size.drain):
        await workspace.all_told.wait()
    taken.drained = time.perf_counter() - last
    return taken


async def _send(session: aiohttp.ClientSession, url: str, body: bytes, samples: list[float]) -> None:
    stamp = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": str(stamp),
        "X-Slack-Signature": sign(body, SECRET, stamp),
    }
    began = time.perf_counter()
    async with session.post(url, data=body, headers=headers) as response:
        await response.read()
    samples.append(time.perf_counter() - began)
    if response.status != 200:
        raise RuntimeError(f"{url} answered {response.status}")


def _event(number: int) -> bytes:
    stamp = f"1800000000.{number:06d}"
    event = {"type": "app_mention", "user": "U1ADA", "text": "<@U1BOT> files.list", "ts": stamp}
    event |= {"channel": "C1GENERAL", "event_ts": stamp, "team": "T0001"}
    grant = {"team_id": "T0001", "user_id": "U1BOT", "is_bot": True, "is_enterprise_install": False}
    return json.dumps(
        {
            "type": "event_callback",
            "team_id": "T0001",
            "api_app_id": "A1",
            "event": event,
            "event_id": f"Ev{secrets.token_hex(8)}",
            "event_time": int(time.time()),
            "authorizations": [grant],
        }
    ).encode()


def _result(taken: Taken, size: Size) -> Result:
    bot, floor = Samples(tuple(taken.bot)), Samples(tuple(taken.floor))
    late = sum(each > SLACK_SECONDS for each in taken.bot)
    rows = tuple(
        (name, ms(each.p50), ms(each.p99), ms(1000 * max(each.seconds)), times(each.p50 / floor.p50))
        for name, each in (("bot", bot), ("floor: verify, one commit, 200", floor))
    )
    return Result(
        name="slack_ack",
        title=f"Slack acknowledgement at {size.per_second:g} events/s",
        head=("", "p50 ms", "p99 ms", "largest ms", "of floor"),
        rows=rows,
        numbers={
            "bot": bot.summary(),
            "floor": floor.summary(),
            "later_than_3_s": late,
            "drained_s": round(taken.drained, 3),
        },
        notes=(
            "Every event is a new workflow, durable before its 200, that runs files.list in the sandbox"
            " and posts its statuses and its answer to a stub of the Web API; the floor's requests come"
            " between the bot's.",
            f"Later than Slack's 3 s: {late} of {len(taken.bot)}. After the last event all answers were"
            f" posted within {taken.drained:.1f} s.",
        ),
    )
