"""Servers behind an address: through our own door to the network, to that address and to no other."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest
import uvicorn
from aiohttp import web
from mcp.server import MCPServer

from ironclaw.binding import Binding, Injection
from ironclaw.egress import Egress
from ironclaw.egress.endpoint import Endpoint
from ironclaw.errors import EgressDenied
from ironclaw.mcp.flow import Ended
from ironclaw.mcp.http import web as through
from ironclaw.mcp.runner import answer
from ironclaw.mcp.session import Session, opened

TOKEN = "tok" + "en-0123456789"
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def real() -> AsyncIterator[tuple[str, list[dict[str, str]]]]:
    """A server of the ``mcp`` package on loopback, and the headers of what it was sent."""
    server, seen = MCPServer("web", version="2.0"), []

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    inner = server.streamable_http_app()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            seen.append({key.decode(): value.decode() for key, value in scope["headers"]})
        await inner(scope, receive, send)

    running = uvicorn.Server(uvicorn.Config(application, port=0, log_level="critical", lifespan="on"))
    serving = asyncio.create_task(running.serve())
    async with asyncio.timeout(20):
        while not running.started:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(0.01)
    port = running.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://localhost:{port}/mcp", seen
    finally:
        running.should_exit = True
        await serving


@contextlib.asynccontextmanager
async def fake(handle: Handle) -> AsyncIterator[str]:
    """A server that answers everything in its own way."""
    site = web.Application()
    site.router.add_route("*", "/{rest:.*}", handle)
    runner = web.AppRunner(site)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    try:
        yield f"http://localhost:{runner.addresses[0][1]}/mcp"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def session(
    url: str, secret: Injection | None = None, ended: Ended | None = None
) -> AsyncIterator[Session]:
    async def lend() -> Injection | None:
        return secret

    streams = through(Endpoint(Egress(), url), lend, ended or Ended())
    async with opened(streams, "0", lambda: None) as open_session:
        yield open_session


def token(host: str) -> Injection:
    return Injection("token", Binding(host, ("POST",), "/mcp", "Authorization", "Bearer "), TOKEN)


async def test_a_real_one() -> None:
    """
    Tools of a real server are listed and called, and the secret goes with each request that it is bound to.
    """
    async with real() as (url, seen), session(url, token(url.removesuffix("/mcp"))) as open_session:
        listed = [tool["name"] for tool in await open_session.tools()]
        about = open_session.about
        result = answer(await open_session.call("add", {"a": 1, "b": 2}, {}))

    assert (["add"], "web 2.0") == (listed, about)
    assert {"result": 3} == json.loads(result.output or "")["structured"]
    assert {f"Bearer {TOKEN}"} == {each["authorization"] for each in seen if "content-length" in each}


async def test_a_secret_of_another_host() -> None:
    """
    A secret that is bound to another host never leaves.
    """
    async with real() as (url, seen), session(url, token("api.example.com")) as open_session:
        await open_session.tools()

    assert not any("authorization" in each for each in seen)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["/other", "http://localhost:1/mcp", "http://169.254.169.254/mcp"])
async def test_redirects(status: int, place: str) -> None:
    """
    Nothing is followed, not even on the same host.
    """
    paths = []

    async def handle(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=status, headers={"Location": place})

    async with fake(handle) as url:
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the package makes of it
            async with session(url):
                pass

    assert {"/mcp"} == set(paths)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/mcp",
        "https://localhost/mcp",
        "https://127.0.0.1/mcp",
        "http://[::1]/mcp",
        "https://user@example.com/mcp",
        "ftp://example.com/",
    ],
)
def test_addresses(url: str) -> None:
    """
    Plain HTTP goes to this machine alone, and no address hides where it leads.
    """
    with pytest.raises(EgressDenied):
        Endpoint(Egress(), url)


async def test_private_addresses() -> None:
    """
    A name of the internet that leads into our own network is refused before a byte is sent.
    """

    async def resolve(host: str, port: int) -> list[str]:
        return ["10.0.0.7"]

    ended = Ended()
    streams = through(Endpoint(Egress(resolve=resolve), "https://mcp.example.com/mcp"), _none, ended)
    with pytest.raises(Exception):  # noqa: B017, PT011 - the package's own; what counts is why
        async with opened(streams, "0", lambda: None):
            pass

    assert "mcp.example.com has an address that is not one of the public internet." == ended.why


async def _none() -> None:
    return None


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
async def test_giants(kind: str) -> None:
    """
    An answer without an end is cut off, whichever form it has.
    """
    sent = 0

    async def handle(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Type": kind})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x" * 65536)
                sent += 65536
        return response

    async with fake(handle) as url:
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the package makes of it
            async with asyncio.timeout(20), session(url):
                pass

    assert sent < 64 << 20


MANY = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"a": [[]] * 200_000}})


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        ("application/json", MANY, "it sent more than 100000 values at once or 500000 in 10 s"),
        (
            "text/event-stream",
            f': "\ndata: {MANY}\n\n',
            "it sent more than 100000 values at once or 500000 in 10 s",
        ),
        ("text/event-stream", ":\n" * 1_000_000, "it sent more than 2000 messages or 32 MiB in 10 s"),
        ("text/event-stream", "retry: 0\n\n", "it sent more than 2000 messages or 32 MiB in 10 s"),
    ],
    ids=["many values", "many in an event", "many lines", "asked for ever"],
)
async def test_floods(kind: str, text: str, why: str) -> None:
    """
    Whoever sends what takes long to read, or has us ask without a pause, is cut off, and it is said why.
    """

    gets = 0

    async def handle(request: web.Request) -> web.Response:
        nonlocal gets
        gets += request.method == "GET"
        headers = {"Content-Type": kind, "Mcp-Session-Id": "s"}
        asked = {} if request.method == "GET" else await request.json()
        if text.startswith("retry") and asked.get("method") == "initialize":
            return web.json_response(greeting(asked), headers={"Mcp-Session-Id": "s"})
        if text.startswith("retry") and request.method == "POST":
            return web.Response(status=202 if "id" not in asked else 404)
        return web.Response(text=text if gets < 2 else "", headers=headers)

    ended = Ended()
    async with fake(handle) as url, asyncio.timeout(25):
        with contextlib.suppress(Exception):  # Whatever the package makes of it.
            async with session(url, ended=ended):
                await ended.wait()

    assert why == ended.why


@pytest.mark.parametrize("kind", ["text/event-stream", "Text/Event-STREAM"])
async def test_a_flood_in_one_answer(kind: str) -> None:
    """
    The lines of a stream are counted however a server writes that it is one: so does the package.
    """
    asked = 0

    async def handle(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(
            body=b":\n" * 1_000_000, headers={"Content-Type": kind}, status=200 if asked == 1 else 404
        )

    ended = Ended()
    async with fake(handle) as url:
        with contextlib.suppress(Exception):  # Whatever the package makes of it.
            async with asyncio.timeout(10), session(url, ended=ended):
                pass

    assert "it sent more than 2000 messages or 32 MiB in 10 s" == ended.why


def greeting(asked: dict[str, Any]) -> dict[str, Any]:
    """The answer of a server that says hello."""
    version = asked["params"]["protocolVersion"]
    result = {"protocolVersion": version, "capabilities": {}, "serverInfo": {"name": "x", "version": "1"}}
    return {"jsonrpc": "2.0", "id": asked["id"], "result": result}


@pytest.mark.parametrize(("charset", "is_heard"), [("utf-8", True), ("utf-16-le", False)])
async def test_character_sets(charset: str, is_heard: bool) -> None:
    """
    An event is UTF-8, whatever a server calls it: in another character set it could hide what we count.
    """

    async def handle(request: web.Request) -> web.Response:
        asked = await request.json()
        if asked["method"] == "initialize":
            body = f"data: {json.dumps(greeting(asked))}\n\n".encode(charset)
            return web.Response(body=body, headers={"Content-Type": f"text/event-stream; charset={charset}"})
        return web.Response(status=404 if "id" in asked else 202)

    heard = False
    async with fake(handle) as url:
        with contextlib.suppress(Exception):  # Whatever the package makes of it.
            async with session(url):
                heard = True

    assert is_heard == heard


async def test_cookies_and_other_headers() -> None:
    """
    What a server sets is not kept, and what a request has beside the protocol's headers is not sent.
    """
    seen: list[Mapping[str, str]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append({name.lower(): value for name, value in request.headers.items()})
        return web.Response(status=500, headers={"Set-Cookie": "a=b", "Mcp-Session-Id": "s"})

    async with fake(handle) as url:
        for _ in range(2):
            with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the package makes of it
                async with session(url):
                    pass

    known = {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "user-agent",
    }
    assert set() == {name for each in seen for name in each if not name.startswith("mcp-")} - known
