"""One fetch at a time, through the real egress to a real TLS server on loopback."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientConnectorError, ClientSession
from tests.fakes.web import PUBLIC, Seen, Web, egress, web

from ironclaw.capabilities import HttpRequest, HttpRule
from ironclaw.egress.client import Egress, strict_tls
from ironclaw.egress.connecting import Gate, OneConnection, Pinned, plain_socket
from ironclaw.errors import Conflict, EgressDenied, EgressUnavailable

HOST = "api.example.com"
ALL = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
RULES = (HttpRule(HOST, methods=ALL), HttpRule("other.example", methods=ALL))
GET = HttpRequest("GET", f"https://{HOST}/x")
POST = HttpRequest("POST", f"https://{HOST}/x", body=b"hello")


@pytest.fixture
async def internet(tmp_path: Path) -> AsyncIterator[Web]:
    async with web(tmp_path, [HOST, "other.example"]) as found:
        found.meet({HOST: [[PUBLIC]], "other.example": [["1.1.1.1"]], "liar.example": [[PUBLIC]]})
        yield found


@pytest.fixture
def door(internet: Web, tmp_path: Path) -> Egress:
    return egress(internet, tmp_path)


def saying(body: bytes = b"", status: str = "200 OK", **headers: str) -> Callable[[int, Seen], bytes]:
    """A server that always says this."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(
        f"{name}: {value}\r\n" for name, value in {**named, "Content-Length": str(len(body))}.items()
    )
    return lambda _number, _seen: f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


async def test_answer(internet: Web, door: Egress) -> None:
    """
    The tool gets status, body and harmless headers; cookies and challenges stay outside.
    """
    internet.answer = saying(
        b"{}", "404 Not Found", Content_Type="application/json", Set_Cookie="a=b", ETag='"1"'
    )

    answer = await door.fetch(replace(GET, headers=(("Accept", "application/json"),)), RULES)

    assert (404, b"{}") == (answer.status, answer.body)
    assert answer.headers == (("content-type", "application/json"), ("etag", '"1"'))
    assert internet.requests[0].headers["accept"] == "application/json"


async def test_no_cookie(internet: Web, door: Egress) -> None:
    """
    Nothing that one answer set is sent with the next request.
    """
    internet.answer = saying(b"", Set_Cookie="a=b")

    await door.fetch(GET, RULES)
    await door.fetch(GET, RULES)

    assert all("cookie" not in seen.headers for seen in internet.requests)


async def test_no_proxy(internet: Web, door: Egress, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A proxy of the host's environment is not asked: it would see what only the checked address may.
    """
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    internet.answer = saying(b"direct")

    assert b"direct" == (await door.fetch(GET, RULES)).body


async def test_before_effect(internet: Web, door: Egress) -> None:
    """
    Before the first byte of a request that can change something, and only then, the host is told.
    """
    order: list[int] = []

    async def begin() -> None:
        order.append(len(internet.requests))

    await door.fetch(GET, RULES, before_effect=begin)
    await door.fetch(POST, RULES, before_effect=begin)

    assert order == [1]
    assert (len(internet.requests), len(internet.connections)) == (2, 2)


async def test_effect_not_begun(internet: Web, door: Egress) -> None:
    """
    If the effect cannot be recorded, nothing is sent.
    """

    async def begin() -> None:
        raise Conflict("somebody else was first")

    with pytest.raises(Conflict):
        await door.fetch(POST, RULES, before_effect=begin)

    assert internet.requests == []


async def test_not_reached(internet: Web, door: Egress, unused_tcp_port: int) -> None:
    """
    A server that cannot be reached leaves the effect not begun.
    """
    internet.port = unused_tcp_port
    begun: list[bool] = []

    async def begin() -> None:
        begun.append(True)

    with pytest.raises(EgressUnavailable, match="cannot be connected to"):
        await door.fetch(POST, RULES, before_effect=begin)

    assert begun == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "GET"])
async def test_sent_once(internet: Web, door: Egress, method: str) -> None:
    """
    A connection that is lost before the answer is not tried again: the first try may have done it.
    """
    internet.answer = lambda _number, _seen: b""

    with pytest.raises(EgressUnavailable, match="lost"):
        await door.fetch(HttpRequest(method, GET.url), RULES)

    assert len(internet.requests) == 1


async def test_idempotency_key(internet: Web, door: Egress) -> None:
    """
    The host's idempotency key goes with what can change something, and a tool cannot set its own.
    """
    await door.fetch(GET, RULES, idempotency_key="w1:1")
    await door.fetch(POST, RULES, idempotency_key="w1:1")

    with pytest.raises(EgressDenied):
        await door.fetch(replace(POST, headers=(("Idempotency-Key", "x"),)), RULES)

    assert [None, "w1:1"] == [seen.headers.get("idempotency-key") for seen in internet.requests]


async def test_rules_cover_wholly(internet: Web, door: Egress) -> None:
    """
    One rule must cover host, method and path together; two halves make no whole.
    """
    rules = (
        HttpRule(HOST, path_prefixes=("/read",)),
        HttpRule(HOST, methods=frozenset({"POST"}), path_prefixes=("/x",)),
    )

    with pytest.raises(EgressDenied, match="path"):
        await door.fetch(GET, rules)

    assert ([], []) == (internet.lookups, internet.connections)


async def test_redirect(internet: Web, door: Egress) -> None:
    """
    A GET follows a covered redirect; the second host is resolved and connected to for itself.
    """
    internet.answer = lambda number, _seen: (
        saying(b"", "302 Found", Location="https://other.example/y?z=1")(0, _seen)
        if number == 0
        else saying(b"there")(1, _seen)
    )

    answer = await door.fetch(GET, RULES)

    assert (b"there", "other.example") == (answer.body, internet.requests[1].host)
    assert internet.connections == [PUBLIC, "1.1.1.1"]


async def test_redirect_is_told(internet: Web, door: Egress) -> None:
    """
    Who is led on is told where the answer came from; the server's own word on that is not passed on.
    """
    lie = {"Content-Location": "https://other.example/lie"}
    internet.answer = lambda number, seen: (
        saying(b"", "302 Found", Location="https://other.example/y?z=1", **lie)(0, seen)
        if number % 2 == 0
        else saying(b"there", **lie)(1, seen)
    )
    led = await door.fetch(GET, RULES)
    internet.answer = saying(b"here", **lie)
    direct = await door.fetch(GET, RULES)

    told = [("content-location", "https://other.example/y?z=1")]
    assert told == [each for each in led.headers if "location" in each[0]]
    assert [] == [each for each in direct.headers if "location" in each[0]]


async def test_redirect_of_post(internet: Web, door: Egress) -> None:
    """
    What can change something is never sent on: the tool gets the redirect.
    """
    internet.answer = saying(b"", "307 Temporary Redirect", Location="https://other.example/")

    answer = await door.fetch(POST, RULES)

    assert (307, 1) == (answer.status, len(internet.requests))


async def test_redirect_of_post_elsewhere(internet: Web, door: Egress) -> None:
    """
    A redirect to a host that is not allowed is not even shown.
    """
    internet.answer = saying(b"", "307 Temporary Redirect", Location="https://169.254.169.254/")

    with pytest.raises(EgressDenied):
        await door.fetch(POST, RULES)


async def test_long_answer(internet: Web, tmp_path: Path) -> None:
    """
    An answer longer than the limit is none.
    """
    internet.answer = saying(b"x" * 1001)

    with pytest.raises(EgressUnavailable, match="longer than 1000 bytes"):
        await egress(internet, tmp_path, max_bytes=1000).fetch(GET, RULES)


async def test_packed(internet: Web, door: Egress) -> None:
    """
    A packed answer is unpacked.
    """
    internet.answer = saying(gzip.compress(b"hello"), Content_Encoding="gzip")

    assert (await door.fetch(GET, RULES)).body == b"hello"


PACKED_WRONG = {
    "a bomb": (gzip.compress(b"\0" * 5_000_000), "gzip", "when unpacked"),
    "cut short": (gzip.compress(b"hello" * 100)[:-9], "gzip", "cut short"),
    "not packed": (b"hello", "gzip", "cannot be unpacked"),
    "twice": (gzip.compress(zlib.compress(b"x")), "deflate, gzip", "not asked for"),
    "unknown": (b"hello", "br", "not asked for"),
}


@pytest.mark.parametrize("case", PACKED_WRONG)
async def test_packed_wrong(internet: Web, door: Egress, case: str) -> None:
    """
    A bomb, half an answer or an unknown packing is no answer.
    """
    body, encoding, expected = PACKED_WRONG[case]
    internet.answer = saying(body, Content_Encoding=encoding)

    with pytest.raises(EgressUnavailable, match=expected):
        await door.fetch(GET, RULES)


async def test_silent_server(internet: Web, tmp_path: Path) -> None:
    """
    A server that says half an answer and waits is given up.
    """
    internet.answer = lambda _number, _seen: b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    internet.hold = asyncio.Event()

    with pytest.raises(EgressUnavailable, match=r"within 0\.3 s"):
        await egress(internet, tmp_path, seconds=0.3).fetch(GET, RULES)

    internet.hold.set()


async def test_no_http(internet: Web, door: Egress) -> None:
    """
    Noise is no answer.
    """
    internet.answer = lambda _number, _seen: b"SSH-2.0-noise\r\n\r\n"

    with pytest.raises(EgressUnavailable, match="HTTP"):
        await door.fetch(GET, RULES)


async def test_wrong_certificate(internet: Web, door: Egress) -> None:
    """
    A server that cannot prove its name gets no request.
    """
    with pytest.raises(EgressUnavailable, match="certificate"):
        await door.fetch(HttpRequest("GET", "https://liar.example/"), (HttpRule("liar.example"),))

    assert internet.requests == []


@pytest.mark.parametrize(
    "request_",
    [
        HttpRequest("GET", "https://evil.test/?token=s3cret"),
        HttpRequest("GET", f"https://{HOST}/a/../b?token=s3cret"),
        HttpRequest("DELETE", "https://get.example/?token=s3cret"),
        HttpRequest("GET", "https://get.example/?token=s3cret", headers=(("Authorization", "s3cret"),)),
        HttpRequest("GET", "https://get.example/?token=s3cret", headers=(("Accept", "s3cret\r\n"),)),
        HttpRequest("GET", "https://nowhere.example/?token=s3cret"),
        HttpRequest("GET", "https://liar.example/?token=s3cret"),
        HttpRequest("GET", "https://get.example/?token=s3cret", secret="s3cret"),
    ],
)
async def test_messages(door: Egress, request_: HttpRequest) -> None:
    """
    No refusal repeats a query, a header's value or a secret's name.
    """
    rules = (HttpRule("get.example"), HttpRule("nowhere.example"), HttpRule("liar.example"), HttpRule(HOST))

    with pytest.raises((EgressDenied, EgressUnavailable)) as error:
        await door.fetch(request_, rules)

    assert "s3cret" not in f"{error.value}{error.value.__cause__}"
    assert error.value.__suppress_context__ or error.value.__context__ is None


async def test_closed(door: Egress, internet: Web) -> None:
    """
    A closed door lets nothing out.
    """
    await door.close()

    with pytest.raises(EgressUnavailable, match="shutting down"):
        await door.fetch(GET, RULES)

    assert internet.lookups == []


LOCAL = (HttpRule("localhost", schemes=frozenset({"http"}), ports=frozenset({9})),)


async def test_localhost_is_closed() -> None:
    """
    A rule for localhost is not enough: the process must be told that it may.
    """
    with pytest.raises(EgressDenied, match="public internet"):
        await Egress().fetch(HttpRequest("GET", "http://localhost:9/"), LOCAL)


async def test_localhost_is_opened(unused_tcp_port: int) -> None:
    """
    Told so, localhost is loopback, without asking any DNS.
    """
    found = Web()
    async with await asyncio.start_server(found.serve, "127.0.0.1", unused_tcp_port):
        rule = replace(LOCAL[0], ports=frozenset({unused_tcp_port}))
        door = Egress(resolve=found.resolve, allow_localhost=True)
        answer = await door.fetch(HttpRequest("GET", f"http://localhost:{unused_tcp_port}/"), (rule,))

    assert (b"ok", []) == (answer.body, found.lookups)


async def test_rebinding_to_loopback(internet: Web, tmp_path: Path) -> None:
    """
    Even then no other name may lead to loopback.
    """
    internet.meet({HOST: [["127.0.0.1"]]})

    with pytest.raises(EgressDenied, match="public internet"):
        await egress(internet, tmp_path, allow_localhost=True).fetch(GET, RULES)

    assert internet.connections == []


async def test_last_gate(internet: Web) -> None:
    """
    An address that came past every check is stopped where the socket would be made.
    """
    gate = Gate(lambda address: address != "127.0.0.1", plain_socket)
    connector = OneConnection(Pinned(HOST, [PUBLIC]), gate, strict_tls(), None)

    async with ClientSession(connector=connector) as session:
        with pytest.raises(ClientConnectorError):
            await session.get(f"https://127.0.0.1:{internet.port}/")

    assert gate.has_refused
