"""The real process: ``ironclaw serve`` in a folder of its own, started, killed and asked as by anybody."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.children import Child, start
from tests.fakes.wire import Reply, ask
from tests.integration.engine import shared_code

from ironclaw.store import reading

READY = re.compile(r'^\{"url": "(http://127\.0\.0\.1:(\d+))".*"event": "ready"')
START_SECONDS = 180.0  #: Generous: the first start on a machine compiles the tools.


@dataclass(frozen=True, slots=True)
class Said:
    """What a command that ended said."""

    code: int
    out: str
    err: str


class Bot:
    """
    One bot and its folder: killed and started again, it is the same bot.

    :ivar lines: everything it said since its last start
    :ivar url: of the gateway, new at each start
    """

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None, **settings: Any) -> None:
        """
        :param environ: beside what any process needs; nothing of this process's own is handed on
        :param settings: for ironclaw.toml
        """
        folder.mkdir(parents=True, exist_ok=True)
        defaults = {"port": 0, "log_format": "json", **shared_code()}
        defaults["checkpoints"] = folder / "checkpoints.jsonl"
        (folder / "ironclaw.toml").write_text(_toml({**defaults, **settings}), "utf-8")
        self.folder = folder
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(folder), **(environ or {})}
        self.lines: list[str] = []
        self.url = ""
        self._said = asyncio.Condition()
        self._process: Child | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        """A signal to it, such as SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(number)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def data(self) -> Path:
        return self.folder / ".ironclaw" / "data"

    @property
    def scratch(self) -> Path:
        """The folder above the tenants' files."""
        return self.data / "mnt" / "scratch"

    def events(self, text: str) -> list[dict[str, Any]]:
        """What the audit log holds of the workflows whose task has this text in it."""
        with reading(self.data / "ironclaw.db") as database:
            events = [json.loads(row["event"]) for row in database.execute("SELECT event FROM audit")]
        wanted = {event["workflow"] for event in events if text in event.get("text", "")}
        return [event for event in events if event.get("workflow") in wanted]

    def audited(self, text: str) -> list[str]:
        """The same, by the names of the events."""
        return [event["event"] for event in self.events(text)]

    async def start(self, *words: str) -> None:
        """Returns once it takes tasks.

        :param words: of the command line; ``serve`` when there are none
        """
        self.lines.clear()
        told = words or ("serve",)
        self._process = await start(*told, folder=self.folder, environ=self.environ, is_one=True)
        self._reader = asyncio.create_task(self._read(self._process))
        self.url = (await self.line(READY, START_SECONDS))[1]
        assert 200 == (await self.get("/ready")).status

    async def kill(self) -> None:
        """kill -9; what it was doing is cut off."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM.

        :return: its exit code
        """
        return await self._end(signal.SIGTERM)

    async def ended(self) -> int:
        """Returns once it has ended, by whomever's hand.

        :return: its exit code
        """
        assert self._process is not None
        assert self._reader is not None
        await asyncio.wait([self._reader])
        return await self._process.wait()

    async def line(self, pattern: str | re.Pattern[str], seconds: float = 10.0) -> re.Match[str]:
        """The first line since the start in which the pattern is found, as soon as it is there."""
        async with asyncio.timeout(seconds), self._said:
            while not (found := _first(pattern, self.lines)):
                assert self.is_running, "it ended: " + "\n".join(self.lines[-20:])
                await self._said.wait()
        return found

    async def get(self, path: str, *headers: tuple[str, str]) -> Reply:
        return await ask(self.port, "GET", path, headers)

    async def post(self, path: str, body: Any, *headers: tuple[str, str]) -> Reply:
        kind = ("Content-Type", "application/json")
        return await ask(self.port, "POST", path, [kind, *headers], json.dumps(body).encode())

    async def command(self, *words: str, typed: str = "") -> Said:
        """Another command in the same folder, to its end.

        :param typed: what it gets on standard input
        """
        child = await start(*words, folder=self.folder, environ=self.environ, typed=typed.encode())
        try:
            async with asyncio.timeout(START_SECONDS):
                out, err = await child.communicate()
        except TimeoutError:
            child.kill()
            raise
        print(f"$ ironclaw {' '.join(words)}", out.decode(), err.decode(), sep="\n")
        return Said(child.returncode or 0, out.decode(), err.decode())

    async def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        assert self._reader is not None
        if self.is_running:
            self._process.send_signal(number)
        # Its output ends with the last process that can write to it: a worker left behind fails here.
        async with asyncio.timeout(15):
            await self._reader
            return await self._process.wait()

    async def _read(self, process: Child) -> None:
        """Keep what it says; printed here, pytest shows it beside a failure."""
        async for raw in process.stdout:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            print(line)
            self.lines.append(line)
            await self._tell()
        await process.wait()
        await self._tell()

    async def _tell(self) -> None:
        async with self._said:
            self._said.notify_all()


@contextlib.asynccontextmanager
async def running(bot: Bot, *words: str) -> AsyncIterator[Bot]:
    """The bot, started, and gone when the block ends."""
    try:
        await bot.start(*words)
        yield bot
    finally:
        await bot.kill()


def _first(pattern: str | re.Pattern[str], lines: list[str]) -> re.Match[str] | None:
    return next((found for line in lines if (found := re.search(pattern, line))), None)


def _toml(settings: Mapping[str, Any]) -> str:
    """Settings as ironclaw.toml: JSON's texts, numbers, truths and lists are TOML's too."""
    of_tables = {key: value for key, value in settings.items() if key in ("tenants", "mcp_servers")}
    tables = [(f"[{key}.{name}]", table) for key, value in of_tables.items() for name, table in value.items()]
    plain = {key: value for key, value in settings.items() if key not in of_tables}
    lines = []
    for head, table in [("", plain), *tables]:
        lines += [head, *(f"{key} = {json.dumps(value, default=str)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"
