"""What a step of the loop costs with a model that answers at once, against the same bytes sent bare.

A step: the context is made, the model asked over HTTP, its reply read, the call judged, recorded, run in the
sandbox, and its result recorded.  The floor sends the very requests that the brain sent, byte by byte, to the
same server: by the model's own client library, as a program without an engine would, and by a plain HTTP
client; each request by a connection of its own, as the brain does.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from openai import AsyncOpenAI

from ironclaw.app import Ironclaw, open_app
from ironclaw.settings import Settings
from ironclaw.task import WorkflowState
from ironclaw_plugins.brain_openai import ModelBrain
from tests.bench.measure import Result, Samples, ms, say, times
from tests.bench.workflows import MANIFEST, PATIENCE, Listener, written
from tests.fakes.openai_replies import Turn, chat, chat_events
from tests.fakes.sandbox import toolbox
from tests.integration.engine import BrainPlugin, ask, settings

BAR = 3.0  #: Times the bare request, from the issue.
CALLED, ANSWERED = Turn(calls=(("bench-echo", {"text": "hello"}),)), Turn("Done.")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int = 60  #: Workflows, each followed by its requests sent bare.
    warmup: int = 5
    steps: int = 8  #: Calls of one workflow; then it answers.


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in."""

    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass
class Model:
    """A server that answers at once: a call until there are enough results, then an answer."""

    steps: int
    url: str = ""
    seen: list[Request] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one reply, close."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = tuple(_pair(line) for line in head[1:] if line)
        body = await reader.readexactly(int(dict(headers)["content-length"]))
        self.seen.append(Request(head[0].split(" ")[1], headers, body))
        turn = CALLED if body.count(b'"tool_call_id"') < self.steps else ANSWERED
        writer.write(_reply(turn, is_stream=json.loads(body).get("stream") is True))
        await writer.drain()
        writer.close()


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


def _reply(turn: Turn, *, is_stream: bool) -> bytes:
    events = (f"data: {each}\n\n" for each in chat_events(turn)) if is_stream else ()
    body = "".join(events).encode() if is_stream else json.dumps(chat(turn)).encode()
    kind = "text/event-stream" if is_stream else "application/json"
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


@dataclass(slots=True)
class Taken:
    """Seconds a request, of each workflow."""

    loop: list[float] = field(default_factory=list)
    library: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)


async def measure(size: Size = Size()) -> Result:
    """The table of the loop."""
    say(f"loop: {size.rounds} workflows of {size.steps} steps")
    taken = Taken()
    with tempfile.TemporaryDirectory() as name:
        async with _model(size.steps) as model, _engine(Path(name), model) as app, _client() as http:
            library = AsyncOpenAI(api_key="none", base_url=f"{model.url}/v1", max_retries=0, http_client=http)
            for number in range(size.warmup + size.rounds):
                into = taken if number >= size.warmup else Taken()
                into.loop.append(await _ours(app, model, size))
                sent = tuple(model.seen)
                into.library.append(await _timed(model, sent, _by_library(library, sent)))
                into.plain.append(await _timed(model, sent, _by_http(http, model, sent)))
    return _result(taken, size, len(sent[0].body))


@asynccontextmanager
async def _model(steps: int) -> AsyncIterator[Model]:
    model = Model(steps)
    server = await asyncio.start_server(model.serve, "127.0.0.1", 0)
    model.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield model


@asynccontextmanager
async def _engine(folder: Path, model: Model) -> AsyncIterator[Ironclaw]:
    """The whole engine with one tool that needs nobody, and the brain that speaks to the model."""
    manifest = MANIFEST.replace('risk = "high"', 'risk = "low"')
    box = written(folder / "bench", manifest, toolbox())
    keyed = {"openai_api_key": "-".join(("sk", "bench")), "openai_base_url": f"{model.url}/v1"}
    brain = ModelBrain(Settings.model_validate(keyed))
    plugins = {"test_brain": lambda services: BrainPlugin(brain)}
    async with open_app(settings(folder, **keyed), toolboxes=[box], plugins=plugins) as app:
        app.speak("test", Listener())
        yield app


async def _ours(app: Ironclaw, model: Model, size: Size) -> float:
    """Seconds of a step of one workflow; its answer is a step too.

    :raises RuntimeError: it did not do what was asked
    """
    model.seen.clear()
    began = time.perf_counter()
    view = await app.wait("T1", await app.submit(ask("call it")), PATIENCE)
    taken = time.perf_counter() - began
    if (view.state, len(model.seen)) != (WorkflowState.DONE, size.steps + 1):
        raise RuntimeError(f"the workflow went another way: {len(model.seen)} requests, {view}")
    return taken / len(model.seen)


async def _timed(model: Model, requests: Sequence[Request], sending: Awaitable[None]) -> float:
    """
    :raises RuntimeError: what arrived is not what the brain sent
    """
    model.seen.clear()
    began = time.perf_counter()
    await sending
    taken = time.perf_counter() - began
    if [each.body for each in model.seen] != [each.body for each in requests]:
        raise RuntimeError("other bytes were sent than the brain's")
    return taken / len(requests)


async def _by_library(library: AsyncOpenAI, requests: Sequence[Request]) -> None:
    """As the library's documentation has it, but for a connection each."""
    for each in requests:
        wanted = json.loads(each.body)
        reply = await library.chat.completions.create(**wanted)
        if wanted.get("stream"):
            async for _chunk in reply:
                pass


async def _by_http(http: httpx2.AsyncClient, model: Model, requests: Sequence[Request]) -> None:
    for each in requests:
        reply = await http.post(model.url + each.path, content=each.body, headers=each.headers)
        reply.raise_for_status()


def _client() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0))


def _result(taken: Taken, size: Size, sent: int) -> Result:
    samples = {name: Samples(tuple(getattr(taken, name))) for name in Taken.__slots__}
    floor = samples["library"].p50
    labels = ("a step of the loop", "floor: the same by the model's library", "the same by plain HTTP")
    ratio = samples["loop"].p50 / floor
    return Result(
        name="loop",
        title="A step of the loop (a model that answers at once)",
        head=("", "p50 ms", "p99 ms", "of floor"),
        rows=tuple(
            (label, ms(each.p50), ms(each.p99), times(each.p50 / floor))
            for label, each in zip(labels, samples.values(), strict=True)
        ),
        numbers={**{name: each.summary() for name, each in samples.items()}, "ratio": round(ratio, 3)},
        notes=(
            f"a step / the same by the model's library: {times(ratio)} (at most {BAR:g}x): "
            + ("met" if ratio <= BAR else "MISSED"),
            f"A sample is the mean of a workflow's {size.steps + 1} turns: {size.steps} with a call that runs"
            f" in the sandbox, and the answer; the first request has {sent} bytes.",
            "Floor: the requests as they came in, to the same server, a connection each.",
        ),
    )
