"""An OpenAI-compatible server on loopback: strict, scripted, and it checks what it is sent.

::

    async with FakeOpenAI(key="k") as server:
        server.on("read my notes", calls(("files-read", {"path": "notes.md"})))
        server.on("read my notes", text("They say hello."), results=1)
        ...
        assert [] == server.complaints

A rule matches by a piece of the last user message and by how many results follow it.  A request that no
rule matches is an error, never a default answer; so is one that the linter complains about.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.fakes.openai_lint import lint

Arguments = Mapping[str, Any] | str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server says: a status, headers and a body."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None  #: Sent as JSON, unless it is bytes.
    is_slow: bool = False  #: Said only after FakeOpenAI.release().
    is_cut: bool = False  #: The connection ends in the middle of the body.


def text(content: str, finish: str = "stop", tokens: int = 10, refusal: str | None = None) -> Reply:
    """An answer."""
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return Reply(body=_completion(message, finish, tokens))


def calls(*wanted: tuple[str, Arguments], finish: str = "tool_calls", tokens: int = 10) -> Reply:
    """One call or several at once; arguments that are a string go out as they are, broken or not."""
    spoken = [
        {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": _raw(arguments)}}
        for index, (name, arguments) in enumerate(wanted)
    ]
    message = {"role": "assistant", "content": None, "tool_calls": spoken}
    return Reply(body=_completion(message, finish, tokens))


def error(
    status: int, code: str = "", message: str = "no", headers: Mapping[str, str] | None = None
) -> Reply:
    """An error, such as 429 with Retry-After."""
    body = {"error": {"message": message, "type": "error", "param": None, "code": code or None}}
    return Reply(status, headers or {}, body)


def slow(reply: Reply) -> Reply:
    """The reply, once the test calls release()."""
    return Reply(reply.status, reply.headers, reply.body, is_slow=True)


def cut(reply: Reply) -> Reply:
    """The reply, but the connection ends in the middle of it."""
    return Reply(reply.status, reply.headers, reply.body, is_cut=True)


def _raw(arguments: Arguments) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _completion(message: dict[str, Any], finish: str, tokens: int) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_800_000_000,
        "model": "fake",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": tokens - 1, "completion_tokens": 1, "total_tokens": tokens},
    }


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
    :ivar complaints: what the linter said of them, and requests that no rule matched
    """

    def __init__(self, key: str = "", secrets: Sequence[str] = ()) -> None:
        """:param key: the only key that is let in; "" lets everybody in
        :param secrets: texts that no request may hold; the key is always one
        """
        self._key = key
        self._secrets = [*secrets, *([key] if key else [])]
        self._rules: list[Rule] = []
        self._released = asyncio.Event()
        self.asked = asyncio.Event()  #: Set by each request that was read.
        self.requests: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []  #: Of the same requests.
        self.complaints: list[str] = []
        self.url = ""  #: For OPENAI_BASE_URL.

    def on(self, says: str, reply: Reply, results: int = 0, times: int | None = None) -> None:
        """Say ``reply`` when the last user message holds ``says`` and so many results follow it."""
        self._rules.append(Rule(says, results, reply, times))

    def release(self) -> None:
        """Let slow replies go."""
        self._released.set()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=16 * 2**20)
        app.router.add_post("/v1/chat/completions", self._chat)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release()
        await self._runner.cleanup()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        if self._key and request.headers.get("Authorization") != f"Bearer {self._key}":
            return _response(error(401, "invalid_api_key", "Incorrect API key provided."))
        body = await request.json()
        self.requests.append(body)
        self.asked.set()
        self.headers.append(request.headers)
        complaints = lint(body, self._secrets)
        if complaints:
            return self._complain(*complaints)
        return await self._answer(request, body["messages"])

    async def _answer(self, request: web.Request, messages: list[dict[str, Any]]) -> web.StreamResponse:
        asked = max(index for index, message in enumerate(messages) if message["role"] == "user")
        says, results = messages[asked]["content"], sum(each["role"] == "tool" for each in messages[asked:])
        rule = next((rule for rule in self._rules if rule.matches(says, results)), None)
        if rule is None:
            return self._complain(f"no rule for {says[:200]!r} after {results} results")
        if rule.times is not None:
            rule.times -= 1
        if rule.reply.is_slow:
            await self._released.wait()
        return await _cut_off(request, rule.reply) if rule.reply.is_cut else _response(rule.reply)

    def _complain(self, *complaints: str) -> web.Response:
        self.complaints += complaints
        return _response(error(400, "unmatched_request", "; ".join(complaints)))


def _bytes(reply: Reply) -> bytes:
    return reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()


def _response(reply: Reply) -> web.Response:
    return web.Response(
        status=reply.status, headers=reply.headers, body=_bytes(reply), content_type="application/json"
    )


async def _cut_off(request: web.Request, reply: Reply) -> web.StreamResponse:
    content = _bytes(reply)
    response = web.StreamResponse(headers={"Content-Length": str(len(content))})
    await response.prepare(request)
    await response.write(content[: len(content) // 2])
    assert request.transport is not None
    request.transport.close()
    return response
