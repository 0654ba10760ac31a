"""Servers that are programs: what they can reach, what they may say, and that nothing of them stays."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.mcp_world import hostile, is_alive, program, until

from ironclaw.errors import SettingsError
from ironclaw.mcp import confining, keeper, link
from ironclaw.mcp.confining import Confinement, Guarded, confinement, started
from ironclaw.mcp.flow import Ended, Flood
from ironclaw.mcp.link import Link, Open
from ironclaw.mcp.listing import Listing
from ironclaw.mcp.quota import own_folder
from ironclaw.mcp.runner import answer
from ironclaw.mcp.session import Session, opened
from ironclaw.mcp.stdio import pipes
from ironclaw.settings import McpServer, Settings


def confined(server: McpServer, folder: Path, data: Path) -> Confinement:
    guarded = Guarded(Settings(data_dir=data, key_file=data / "key"), data / "scratch")
    return confinement("x", server, server.env, folder, guarded, require=True)


@contextlib.asynccontextmanager
async def session(server: McpServer, data: Path, ended: Ended | None = None) -> AsyncIterator[Session]:
    async with own_folder(data, "x") as folder:
        streams = pipes(confined(server, folder, data), ended or Ended(), str)
        async with opened(streams, "0", lambda: None) as session:
            yield session


async def called(server: McpServer, data: Path, ended: Ended) -> None:
    async with session(server, data, ended) as open_session, asyncio.timeout(20):
        await open_session.call("look_up", {}, {})


async def said(server: McpServer, data: Path) -> str:
    """The one text of what a call of it gives."""
    async with session(server, data) as open_session:
        result = answer(await open_session.call("look_up", {}, {}))
        return str(json.loads(result.output or "null")["content"][0])


@pytest.fixture
async def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a hostile program says came of each attempt, beside a secret and a server of this machine."""
    (tmp_path / "secret").write_text("secret")
    monkeypatch.setenv("IRONCLAW_LEAK", "secret")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        os.set_inheritable(listening.fileno(), True)
        port = str(listening.getsockname()[1])
        server = hostile("tries", str(tmp_path / "secret"), port, str(os.getpid()), env={"GIVEN": "yes"})
        found: dict[str, str] = json.loads(await said(server, tmp_path / "data"))
        return found


async def test_reach(tried: dict[str, str]) -> None:
    """
    No file but the system's, no process, no socket of any kind, no group of its own: everything is refused.
    """
    refused = ("file", "proc", "write", "internet", "ipv6", "unix", "session", "parent", "bot")

    assert dict.fromkeys(refused, "PermissionError") == {what: tried[what] for what in refused}
    assert "4" == tried["own"]


async def test_what_it_inherits(tried: dict[str, str]) -> None:
    """
    Of the bot's environment and open files it has nothing; of its own what the operator named.
    """
    assert "['GIVEN', 'HOME', 'LC_CTYPE', 'TMPDIR']" == tried["env"]
    assert "[]" == tried["fds"]


async def test_its_children_end(tried: dict[str, str]) -> None:
    """
    A child that it began ends with it.
    """
    await until(lambda: not is_alive(int(tried["child"])))


async def test_network_when_given(tmp_path: Path) -> None:
    """
    With the operator's word it reaches the network, and still no socket of this machine's own files.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        port = listening.getsockname()[1]
        code = (
            "import socket\n"
            f"print(socket.create_connection(('127.0.0.1', {port}), 9).fileno() > 0)\n"
            "socket.socket(socket.AF_UNIX)"
        )
        server = program(Path("-c"), code, network=True)
        async with (
            own_folder(tmp_path, "x") as folder,
            started(confined(server, folder, tmp_path)) as running,
        ):
            first = await running.receive()
            await until(lambda: "PermissionError" in running.words(str))

    assert b"True\n" == first


async def test_bot_that_is_killed(tmp_path: Path) -> None:
    """
    Where the bot ends without a word, the keeper sees its end of the pipe, and ends everything.
    """
    code = (
        "import subprocess, time\n"
        "print(subprocess.Popen(['/bin/sleep', '600']).pid, flush=True)\n"
        "time.sleep(600)"
    )
    server = program(Path("-c"), code)
    async with own_folder(tmp_path, "x") as folder, started(confined(server, folder, tmp_path)) as running:
        child = int(await running.receive())
        os.close(running._control or -1)  # As the end of a process does.
        running._control = None
        await until(lambda: not is_alive(child))

        assert b"" == await running.receive()


async def test_what_is_our_own(tmp_path: Path) -> None:
    """
    No program is given the place of our database, of our keys, or anything above or below it.
    """
    for path in (tmp_path, tmp_path / "data", tmp_path / "data" / "scratch", Path("/")):
        (tmp_path / "data" / "scratch").mkdir(parents=True, exist_ok=True)
        with pytest.raises(SettingsError, match="where IronClaw keeps its database"):
            confined(hostile("plain", read=(str(path),)), tmp_path, tmp_path / "data")


async def test_missing_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where a layer is missing and must be there, the program never runs.
    """
    monkeypatch.setattr(keeper.hardening, "give_up_capabilities", lambda: None)  # They are ours here.
    monkeypatch.setattr(keeper.landlock, "confine", lambda *_, **__: False)
    monkeypatch.setattr(keeper.system_calls, "restrict", lambda **_: True)

    with pytest.raises(OSError, match="lacks Landlock or seccomp"):
        keeper._confine({"given": [], "network": False, "require": True})


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("giant", "it sent a message of more than 4194304 bytes"),
        ("endless", "it sent more than 2000 messages or 32 MiB in 10 s"),
        ("junk", "more than 100 lines of it are no message"),
        ("dies", "it ended"),
        ("asks_for_ever", "it sent more than 2000 messages or 32 MiB in 10 s"),
        ("parts", "it sent a message of more than 4000 parts"),
        ("values", "it sent more than 100000 values at once or 500000 in 10 s"),
        ("deep", "it sent a message of more than 64 parts within parts"),
    ],
)
async def test_what_it_may_say(how: str, why: str, tmp_path: Path) -> None:
    """
    Who says too much, or nothing that counts, is cut off, and it is said why.
    """
    ended = Ended()
    with pytest.raises(Exception):  # noqa: B017, PT011 - the package's own; what counts is why
        await called(hostile(how), tmp_path, ended)

    assert why == ended.why


async def test_last_words(tmp_path: Path) -> None:
    """
    Of a program that says much before it ends, people see the end: that is where it says why.
    """
    ended, last = Ended(), "No module named 'notes'"
    server = program(Path("-c"), f"import sys; sys.exit('path configuration ' * 40 + {last!r})")
    with pytest.raises(Exception):  # noqa: B017, PT011 - the package's own; what counts is why
        await called(server, tmp_path, ended)

    assert ended.why.startswith("…")
    assert ended.why.endswith(last)
    assert len(ended.why) < 300


@pytest.mark.parametrize("pipe", ["stdout", "stderr"])
async def test_end_of_the_unread(pipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Whoever is cut off while its pipe is full still ends: the rest of what it said is read, and thrown away.
    """
    monkeypatch.setattr(confining, "MAX_MESSAGE", 1000)
    monkeypatch.setattr(confining, "Meter", OneWord)
    server = program(Path("-c"), f"import sys\nwhile True: sys.{pipe}.write('x' * 99 + '\\n')")
    async with (
        asyncio.timeout(20),
        own_folder(tmp_path, "x") as folder,
        started(confined(server, folder, tmp_path)) as running,
    ):
        await until(lambda: is_full(getattr(running._keeper, pipe)))

    assert running._keeper.returncode == -signal.SIGKILL


def is_full(pipe: asyncio.StreamReader) -> bool:
    """Whether it takes no more until somebody reads."""
    return bool(pipe._paused)  # type: ignore[attr-defined]


class OneWord:
    """Takes nothing."""

    def take(self, size: int) -> None:
        raise Flood(size)


async def test_what_it_asks(tmp_path: Path) -> None:
    """
    Sampling, elicitation and roots are refused, each with an error, and the call goes on.
    """
    assert "[true, true, true]" == await said(hostile("asks"), tmp_path)


async def test_storm_of_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A server that says without an end that its tools have changed, when they have not, is looked at ever less.
    """
    monkeypatch.setattr(link, "LEAST_BETWEEN", 0.02)
    looks, tools = [0], Session.tools

    async def counted(session: Session) -> list[dict[str, Any]]:
        looks[0] += 1
        return await tools(session)

    monkeypatch.setattr(Session, "tools", counted)
    kept = Link("x", opening(hostile("storm"), tmp_path), str, nothing, lambda: None)
    running = asyncio.create_task(kept.run())
    await until(lambda: looks[0] > 1)
    await asyncio.sleep(2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert looks[0] <= 10


def opening(server: McpServer, data: Path) -> Open:
    """What a link connects by."""

    @contextlib.asynccontextmanager
    async def open_session(ended: Ended, changed: Callable[[], None]) -> AsyncIterator[Session]:
        async with (
            own_folder(data, "x") as folder,
            opened(pipes(confined(server, folder, data), ended, str), "0", changed) as session,
        ):
            yield session

    return open_session


async def nothing(listing: Listing) -> None:
    """Of a listing."""


async def late_call(kept: Link) -> Session:
    """A call that is cut off; the session that it was on."""
    with contextlib.suppress(TimeoutError):
        async with kept.session() as (session, _), asyncio.timeout(0.2):
            await session.call("look_up", {}, {})
    return session


async def test_killed_when_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A call that is cut off ends the program that it ran in, and another one takes its place.
    """
    monkeypatch.setattr(link, "FIRST_PAUSE", 0.05)
    seen: list[Listing] = []

    async def told(listing: Listing) -> None:
        seen.append(listing)

    def open_session(ended: Ended, changed: object) -> contextlib.AbstractAsyncContextManager[Session]:
        return session(hostile("plain"), tmp_path, ended)  # It never answers a call.

    kept = Link("x", open_session, str, told, lambda: None)
    running = asyncio.create_task(kept.run())
    first = await late_call(kept)
    async with kept.session() as (second, listing):
        assert (True, ["look_up"]) == (second is not first, [tool["name"] for tool in listing.tools])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert 2 == len(seen)
