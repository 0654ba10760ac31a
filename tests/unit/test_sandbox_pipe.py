"""The words between supervisor and worker, their caps, and whose turn it is."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.sandbox import ANY_HTTP, Recorder

from ironclaw.capabilities import Capabilities, HttpRequest, HttpResponse
from ironclaw.errors import SandboxError
from ironclaw.sandbox import Call, Component, Profile, caps, check, layers, wire
from ironclaw.sandbox.check import LAYERS
from ironclaw.sandbox.conversation import Conversation
from ironclaw.sandbox.imports import HOST, refused_imports
from ironclaw.sandbox.process import WorkerGone
from ironclaw.sandbox.turns import Turns

GET = HttpRequest("GET", "https://example.com/")
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
headers = st.lists(st.tuples(text, text), max_size=5).map(tuple)
COMPONENT = Component(Path("x.wasm"), "0" * 64, Profile.PURE)
CALL = Call(COMPONENT, "t", "{}", "acme", Path("t"), Capabilities(http=ANY_HTTP))


@given(st.builds(HttpRequest, text, text, headers, st.binary(max_size=200), st.none() | text))
def test_request_round_trip(request: HttpRequest) -> None:
    """
    A request comes out of the pipe as it went in.
    """
    frame = wire.pack(wire.request_to_wire(request))

    assert len(frame) == wire.HEAD.size + wire.body_size(frame[:4])
    assert request == wire.request_from_wire(wire.unpack(frame[4:]))


@given(st.builds(HttpResponse, st.integers(0, 999), headers, st.binary(max_size=200)))
def test_response_round_trip(response: HttpResponse) -> None:
    """
    A response comes out of the pipe as it went in.
    """
    frame = wire.pack(wire.response_to_wire(response))

    assert response == wire.response_from_wire(wire.unpack(frame[4:]))


json_values = st.recursive(st.none() | st.integers() | text, lambda v: st.lists(v) | st.dictionaries(text, v))


@given(st.dictionaries(st.sampled_from(["method", "url", "headers", "body", "secret"]), json_values))
def test_wild_requests(message: dict[str, Any]) -> None:
    """
    A message of any shape is a request or a WireError, never another exception.
    """
    try:
        request = wire.request_from_wire(message)
    except wire.WireError:
        return

    assert isinstance(caps.request_fault(request), str | None)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"kind":1}', b"\xff", b"[" * 100_000])
def test_no_message(body: bytes) -> None:
    """
    What is no message of ours is an error of the pipe.
    """
    with pytest.raises(wire.WireError):
        wire.unpack(body)


def test_long_frame() -> None:
    """
    A frame over the cap is refused by its length alone.
    """
    with pytest.raises(wire.WireError):
        wire.body_size(wire.HEAD.pack(caps.MAX_FRAME + 1))


@pytest.mark.parametrize(
    "request_",
    [
        HttpRequest("get", GET.url),
        HttpRequest("GET\r\nX", GET.url),
        HttpRequest("GET", GET.url + "\n"),
        HttpRequest("GET", GET.url + "a" * caps.MAX_URL),
        HttpRequest("GET", GET.url, (("name", "v\r\nInjected: yes"),)),
        HttpRequest("GET", GET.url, (("na me", "v"),)),
        HttpRequest("GET", GET.url, (("n", "v"),) * (caps.MAX_HEADERS + 1)),
        HttpRequest("GET", GET.url, (("n", "v" * caps.MAX_HEADER_CHARS),)),
        HttpRequest("GET", GET.url, (), b"x" * (caps.MAX_BODY + 1)),
        HttpRequest("GET", GET.url, (), b"", "s" * 129),
    ],
)
def test_request_faults(request_: HttpRequest) -> None:
    """
    Each malformed or oversized part is found.
    """
    assert caps.request_fault(request_)
    assert caps.request_fault(GET) is None


@pytest.mark.parametrize(
    ("name", "pure", "scratch"),
    [
        (HOST, True, True),
        ("wasi:filesystem/types@0.2.9", False, True),
        ("wasi:sockets/tcp@0.2.0", False, True),
        ("wasi:http/outgoing-handler@0.2.0", False, False),
        ("wasi:filesystem/types@0.3.0", False, False),
        ("wasi:filesystem/types@0.2.9\n", False, False),
        ("wasi:config/store@0.2.0", False, False),
        ("xwasi:io/poll@0.2.0", False, False),
        ("ironclaw:tool/host@1.0.1", False, False),
    ],
)
def test_imports(name: str, pure: bool, scratch: bool) -> None:
    """
    Each profile has exactly its imports.
    """
    allowed = [not refused_imports([name], profile) for profile in (Profile.PURE, Profile.SCRATCH)]

    assert [pure, scratch] == allowed


class Turncoat:
    """A worker that a guest has taken over: it says what it likes."""

    def __init__(self, *said: dict[str, Any]) -> None:
        self._said: Iterator[dict[str, Any]] = iter(said)

    async def send(self, _message: dict[str, Any]) -> None:
        pass

    async def receive(self) -> dict[str, Any]:
        return next(self._said)


DONE = {"kind": "done", "output": "{}", "failure": None, "fuel": 1, "memory": 1}
LINE = {"kind": "log", "level": "info", "message": "x"}
ASKED = wire.request_to_wire(GET)


@pytest.mark.parametrize(
    "said",
    [
        [{"kind": "ready"}],
        [{"kind": "done"}],
        [DONE | {"output": 7}],
        [DONE | {"output": "x" * (256 * 1024 + 1)}],
        [DONE | {"failure": ["no such kind", "x"]}],
        [DONE | {"failure": "x"}],
        [DONE | {"fuel": "many"}],
        [DONE | {"fuel": float("inf")}],
        [DONE | {"fuel": 2**63}],
        [DONE | {"memory": -1}],
        [LINE | {"level": "critical"}],
        [LINE | {"message": None}],
        [LINE] * 101,
        [{"kind": "http"}],
        [ASKED | {"method": "GET\r\n"}],
        [ASKED | {"body": "!"}],
    ],
)
async def test_turncoat(said: list[dict[str, Any]]) -> None:
    """
    A worker that says what ours never says is gone.
    """
    worker: Any = Turncoat(*said)
    with pytest.raises(WorkerGone):
        await Conversation(worker, CALL, Recorder()).hold()


async def test_honest_worker() -> None:
    """
    The same words in their right form are a result.
    """
    worker: Any = Turncoat(LINE, ASKED, DONE)
    host = Recorder()
    result = await Conversation(worker, CALL, host).hold()

    assert ("{}", [GET], [("info", "x")]) == (result.output, host.requests, host.lines)


async def test_fair_turns() -> None:
    """
    A free place goes to the tenant with the fewest running calls, not to the longest queue.
    """
    turns, order = Turns(2), []

    async def run(tenant: str) -> None:
        await turns.take(tenant)
        order.append(tenant)

    await run("busy")
    await run("busy")
    waiting = [asyncio.create_task(run(tenant)) for tenant in ("busy", "busy", "quiet")]
    await asyncio.sleep(0)
    turns.leave("busy")
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

    assert ["busy", "busy", "quiet"] == order
    for task in waiting:
        task.cancel()


async def test_cancelled_turn() -> None:
    """
    Who stops waiting takes no place with them, also when it was just granted.
    """
    turns = Turns(1)
    await turns.take("a")
    granted = asyncio.create_task(turns.take("b"))
    waiting = asyncio.create_task(turns.take("c"))
    await asyncio.sleep(0)
    turns.leave("a")
    granted.cancel()
    await asyncio.wait([granted, waiting])

    assert (True, None) == (granted.cancelled(), waiting.exception())


async def test_late_cancel() -> None:
    """
    A place that falls free while its next taker is being cancelled goes to the one after.
    """
    turns = Turns(1)
    await turns.take("a")
    cancelled = asyncio.create_task(turns.take("b"))
    waiting = asyncio.create_task(turns.take("c"))
    await asyncio.sleep(0)
    cancelled.cancel()
    turns.leave("a")
    await asyncio.wait([cancelled, waiting])

    assert (True, None) == (cancelled.cancelled(), waiting.exception())


async def test_turn_after_the_cancelled() -> None:
    """
    A place that only those wait for who are being cancelled is there for whoever comes.
    """
    turns = Turns(1)
    await turns.take("a")
    cancelled = asyncio.create_task(turns.take("b"))
    await asyncio.sleep(0)
    cancelled.cancel()
    turns.leave("a")

    assert turns.take_at_once("c")
    await asyncio.wait([cancelled])


async def test_turns_in_order() -> None:
    """
    Among tenants that run as much, and within one, who came first is first.
    """
    turns, order = Turns(1), []

    async def run(tenant: str, number: int) -> None:
        await turns.take(tenant)
        order.append(number)
        turns.leave(tenant)

    await turns.take("other")
    waiting = [asyncio.create_task(run("ab"[n % 2], n)) for n in range(6)]
    await asyncio.sleep(0)
    turns.leave("other")
    await asyncio.gather(*waiting)

    assert [0, 1, 2, 3, 4, 5] == order


def test_blocking_pipe() -> None:
    """
    The worker's end reads whole messages, and learns when the supervisor is gone.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pipe = wire.Pipe(theirs.fileno())
        ours.sendall(wire.pack(LINE))
        first = pipe.receive()
        pipe.send(DONE)
        second = json.loads(ours.recv(1000)[4:])
        ours.close()
        with pytest.raises(EOFError):
            pipe.receive()

    assert (LINE, DONE) == (first, second)


def test_layers() -> None:
    """
    On this machine's kernel each layer is tried, and what cannot be tried does not count as held.
    """
    held = layers()

    assert set(LAYERS) == set(held)
    assert held["shadows"]


def test_layers_are_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What a process found once it does not try again: with no time for a trial it still knows.
    """
    held = layers()
    monkeypatch.setattr(check, "SECONDS", 0)

    assert held == layers()


def test_worker_imports() -> None:
    """
    A worker makes no class of the engine's that it does not use: its start is most of a first call's time.
    """
    program = "import ironclaw.sandbox.worker, sys; print('ironclaw.task' in sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True)

    assert "False\n" == done.stdout


def test_layers_without_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where the trial cannot run, no layer holds and nothing may start.
    """
    monkeypatch.setattr(check.sys, "executable", "/does/not/exist")
    with pytest.raises(SandboxError):
        check.require("warn")

    assert {False} == set(layers().values())
