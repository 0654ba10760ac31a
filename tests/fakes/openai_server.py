"""An OpenAI-compatible server on loopback: strict, scripted, and it checks what it is sent.

::

    async with FakeOpenAI(key="k") as server:
        server.on("read my notes", calls(("files-read", {"path": "notes.md"})))
        server.on("read my notes", text("They say hello."), results=1)

A rule matches by a piece of the last user message and by how many results follow it.  A request that no
rule matches is an error, never a default answer; so is one that the linter complains about, and leaving the
server with a complaint that nobody forgave fails the test.  It speaks Chat Completions (Azure's older paths
too) and Responses, in one piece or, when asked for a stream, in events.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from aiohttp import web

from tests.fakes import openai_replies as replies
from tests.fakes.openai_lint import items, lint
from tests.fakes.openai_replies import Arguments, Turn

A_WORD = 0.01  #: Seconds: a model that is quick.


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server says: a status, headers and a body."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None  #: A Turn is written as it was asked for; else it is sent as JSON, unless it is bytes.
    events: tuple[str, ...] | None = None  #: Of a stream, in place of a body: each one's data.
    is_slow: bool = False  #: Said only after FakeOpenAI.release().
    is_cut: bool = False  #: The connection ends in the middle of the body.
    is_halved: bool = False  #: A stream comes word by word, its second half only after FakeOpenAI.release().


def text(
    content: str, finish: str = "stop", tokens: int = 10, refusal: str | None = None, cached: int = 0
) -> Reply:
    """An answer."""
    return Reply(body=Turn(content, refusal, (), finish, tokens, cached))


def calls(*wanted: tuple[str, Arguments], finish: str = "tool_calls", tokens: int = 10) -> Reply:
    """One call or several at once; arguments that are a string go out as they are, broken or not."""
    return Reply(body=Turn(calls=wanted, finish=finish, tokens=tokens))


def error(
    status: int, code: str = "", message: str = "no", headers: Mapping[str, str] | None = None
) -> Reply:
    """An error, such as 429 with Retry-After."""
    body = {"error": {"message": message, "type": "error", "param": None, "code": code or None}}
    return Reply(status, headers or {}, body)


def slow(reply: Reply) -> Reply:
    """The reply, once the test calls release()."""
    return replace(reply, is_slow=True)


def halved(reply: Reply) -> Reply:
    """The reply word by word, its second half once the test calls release()."""
    return replace(reply, is_halved=True)


def cut(reply: Reply) -> Reply:
    """The reply, but the connection ends in the middle of it."""
    return replace(reply, is_cut=True)


@dataclass(slots=True)
class Rule:
    """When to say what."""

    says: str  #: A piece of the last user message.
    results: int  #: How many results follow that message.
    reply: Reply
    times: int | None  #: Used so often, then skipped; None for ever.

    def matches(self, says: str, results: int) -> bool:
        return self.times != 0 and self.says in says and self.results == results


class FakeOpenAI:
    """The server.

    :ivar requests: every request's body, in order
    :ivar paths: of the same requests, with their query
    :ivar complaints: what the linter said of them, and requests that no rule matched
    """

    def __init__(
        self,
        key: str = "",
        secrets: Sequence[str] = (),
        marks: Mapping[str, Sequence[str]] | None = None,
        tools: Collection[str] | None = None,
    ) -> None:
        """
        :param key: the only key that is let in; "" lets everybody in
        :param secrets: texts that no request may hold; the key is always one
        :param marks: by tenant, texts of which a request may hold one tenant's only
        :param tools: every tool that may be offered, where the test knows them
        """
        self._key = key
        self._secrets = [*secrets, *([key] if key else [])]
        self._marks = marks
        self.tools = tools
        self._rules: list[Rule] = []
        self._script: list[Reply] = []
        self._released = asyncio.Event()
        self.asked = asyncio.Event()  #: Set by each request that was read.
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[Mapping[str, str]] = []  #: Of the same requests.
        self.complaints: list[str] = []
        self.origin = ""
        self.url = ""  #: For OPENAI_BASE_URL.

    def on(self, says: str, reply: Reply, results: int = 0, times: int | None = None) -> None:
        """Say ``reply`` when the last user message holds ``says`` and so many results follow it."""
        self._rules.append(Rule(says, results, reply, times))

    def play(self, script: Iterable[Reply]) -> None:
        """Say these, one a request, before any rule counts."""
        self._script += script

    @property
    def is_played(self) -> bool:
        """Whether all of the script was said."""
        return not self._script

    def release(self) -> None:
        """Let slow replies go."""
        self._released.set()

    def forgive(self) -> list[str]:
        """The complaints so far, which a test expected."""
        found, self.complaints = self.complaints, []
        return found

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=16 * 2**20)
        for path in (
            "/v1/chat/completions",
            "/openai/v1/chat/completions",
            "/openai/deployments/{model}/chat/completions",
        ):
            app.router.add_post(path, self._chat)
        for path in ("/v1/responses", "/openai/v1/responses", "/openai/responses"):
            app.router.add_post(path, self._responses)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.url = f"{self.origin}/v1"
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        self.release()
        await self._runner.cleanup()
        if kind is None:
            assert [] == self.complaints

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._say(request, replies.chat, lambda turn: tuple(replies.chat_events(turn)))

    async def _responses(self, request: web.Request) -> web.StreamResponse:
        return await self._say(request, replies.responses, lambda turn: tuple(replies.responses_events(turn)))

    async def _say(self, request: web.Request, whole: Any, events: Any) -> web.StreamResponse:
        if self._key and not self._is_let_in(request):
            return _response(error(401, "invalid_api_key", "Incorrect API key provided."))
        body = await request.json()
        self.requests.append(body)
        self.paths.append(request.path_qs)
        self.headers.append(request.headers)
        self.asked.set()
        complaints = lint(body, self._secrets, self._marks, self.tools)
        reply = _complaint(complaints) if complaints else self._next(body)
        if isinstance(reply.body, Turn):
            turn = reply.body
            reply = (
                replace(reply, body=None, events=events(turn))
                if body.get("stream")
                else replace(reply, body=whole(turn))
            )
        if reply.is_slow:
            await self._released.wait()
        self.complaints += complaints
        return await _sent(request, reply, self._released)

    def _is_let_in(self, request: web.Request) -> bool:
        given = (request.headers.get("Authorization"), request.headers.get("api-key"))
        return given in ((f"Bearer {self._key}", None), (None, self._key))

    def _next(self, body: Mapping[str, Any]) -> Reply:
        if self._script:
            return self._script.pop(0)
        spoken = items(body)
        asked = max(index for index, item in enumerate(spoken) if item.role == "user")
        says, results = spoken[asked].text, sum(item.kind == "result" for item in spoken[asked:])
        rule = next((rule for rule in self._rules if rule.matches(says, results)), None)
        if rule is None:
            self.complaints.append(f"no rule for {says[:200]!r} after {results} results")
            return _complaint(["no rule"])
        if rule.times is not None:
            rule.times -= 1
        return rule.reply


def _complaint(complaints: Sequence[str]) -> Reply:
    return error(400, "unmatched_request", "; ".join(complaints))


async def _sent(request: web.Request, reply: Reply, released: asyncio.Event) -> web.StreamResponse:
    if reply.events is not None:
        return await _streamed(request, reply, released)
    return await _cut_off(request, _bytes(reply)) if reply.is_cut else _response(reply)


def _bytes(reply: Reply) -> bytes:
    return reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()


def _response(reply: Reply) -> web.Response:
    return web.Response(
        status=reply.status, headers=reply.headers, body=_bytes(reply), content_type="application/json"
    )


async def _streamed(request: web.Request, reply: Reply, released: asyncio.Event) -> web.StreamResponse:
    """Events, each a write of its own; a cut one ends in the middle of one of them."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    events = reply.events or ()
    half = len(events) // 2
    for number, event in enumerate(events[:half] if reply.is_cut else events):
        if reply.is_halved:
            await (released.wait() if number == half else asyncio.sleep(A_WORD))
        await response.write(f"data: {event}\n\n".encode())
    if not reply.is_cut:
        await response.write_eof()
        return response
    await response.write(b'data: {"choices": [{"del')
    assert request.transport is not None
    request.transport.close()
    return response


async def _cut_off(request: web.Request, content: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": str(len(content))})
    await response.prepare(request)
    await response.write(content[: len(content) // 2])
    assert request.transport is not None
    request.transport.close()
    return response
