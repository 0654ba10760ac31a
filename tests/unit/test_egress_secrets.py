"""A secret in a request: where its binding says, in the header it says, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.web import PUBLIC, Answer, Seen, Web, egress, web

from ironclaw.binding import Binding, Injection
from ironclaw.capabilities import HttpRequest, HttpRule
from ironclaw.egress import Egress, bind
from ironclaw.egress.credentials import METHODS, RESERVED, covers
from ironclaw.egress.urls import Target, parse_url
from ironclaw.errors import BadRequest, EgressDenied

API, OTHER = "api.example.com", "other.example"
BINDING = bind(API, ("GET", "POST"), "/v1", "Authorization", "Bearer ")
SECRET = Injection("key", BINDING, "a-value-that-" + "nobody-sees")
CARRIED = f"Bearer {SECRET.value}"
RULES = (HttpRule(API, METHODS), HttpRule(OTHER, METHODS))
GET = HttpRequest("GET", f"https://{API}/v1/x", secret="key")


@pytest.fixture
async def internet(tmp_path: Path) -> AsyncIterator[Web]:
    async with web(tmp_path, [API, OTHER]) as found:
        found.meet({API: [[PUBLIC]], OTHER: [["1.1.1.1"]]})
        yield found


@pytest.fixture
def door(internet: Web, tmp_path: Path) -> Egress:
    return egress(internet, tmp_path)


def led_to(*places: str) -> Answer:
    """A server that leads to each of these places in turn."""

    def answer(number: int, _seen: Seen) -> bytes:
        if number >= len(places):
            return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        return f"HTTP/1.1 302 Found\r\nLocation: {places[number]}\r\nContent-Length: 0\r\n\r\n".encode()

    return answer


def carried(internet: Web) -> list[str | None]:
    return [seen.headers.get("authorization") for seen in internet.requests]


async def test_carried(internet: Web, door: Egress) -> None:
    """
    The header holds prefix and value, and the request is otherwise as it would be.
    """
    await door.fetch(GET, RULES, secret=SECRET)
    await door.fetch(replace(GET, secret=None), RULES)
    first, second = (dict(seen.headers) for seen in internet.requests)

    assert CARRIED == first.pop("authorization")
    assert first == second


@pytest.mark.parametrize(
    "request_",
    [
        replace(GET, url=f"https://{OTHER}/v1/x"),
        replace(GET, url=f"https://{API}/v2"),
        replace(GET, url=f"https://{API}/v10"),
        replace(GET, url=f"https://{API}:8443/v1/x"),
        replace(GET, method="DELETE"),
        replace(GET, method="HEAD"),
    ],
)
async def test_outside_its_binding(internet: Web, door: Egress, request_: HttpRequest) -> None:
    """
    A request that the binding does not cover is refused before a name is looked up.
    """
    rules = (*RULES, HttpRule(API, METHODS, ports=frozenset({8443})))
    with pytest.raises(EgressDenied, match="The secret key is not for this host, method and path"):
        await door.fetch(request_, rules, secret=SECRET)

    assert ([], []) == (internet.lookups, internet.connections)


async def test_outside_the_rules(internet: Web, door: Egress) -> None:
    """
    A binding allows nothing that the tool's own rules do not.
    """
    with pytest.raises(EgressDenied, match="not on the allowlist"):
        await door.fetch(GET, (HttpRule(OTHER, METHODS),), secret=SECRET)

    assert [] == internet.lookups


@pytest.mark.parametrize("lent", [None, replace(SECRET, name="another")])
async def test_only_the_one_that_is_named(internet: Web, door: Egress, lent: Injection | None) -> None:
    """
    A named secret that is not there stops the request, and so does one of another name.
    """
    with pytest.raises(EgressDenied, match="There is no secret of this name"):
        await door.fetch(GET, RULES, secret=lent)
    with pytest.raises(EgressDenied, match="There is no secret of this name"):
        await door.fetch(replace(GET, secret=None), RULES, secret=SECRET)

    assert [] == internet.lookups


@pytest.mark.parametrize("header", ["Prefer", "prefer", "PREFER"])
async def test_a_tool_cannot_set_the_header(internet: Web, door: Egress, header: str) -> None:
    """
    Also where the header is one that tools can set, the tool's own is refused, not added or replaced.
    """
    secret = replace(SECRET, binding=replace(BINDING, header="prefer"))
    with pytest.raises(EgressDenied, match="a tool cannot set it"):
        await door.fetch(replace(GET, headers=((header, "mine"),)), RULES, secret=secret)

    assert [] == internet.lookups


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ((f"https://{OTHER}/v1/x",), [CARRIED, None]),
        ((f"https://{API}/v2",), [CARRIED, None]),
        (("/v1/y",), [CARRIED, CARRIED]),
        ((f"https://{OTHER}/v1/x", f"https://{API}/v2"), [CARRIED, None, None]),
    ],
)
async def test_redirects(
    internet: Web, door: Egress, places: tuple[str, ...], expected: list[str | None]
) -> None:
    """
    A redirect takes the secret along only where the binding covers it.
    """
    internet.answer = led_to(*places)
    await door.fetch(GET, RULES, secret=SECRET)

    assert expected == carried(internet)


async def test_a_redirect_out_and_back(internet: Web, door: Egress) -> None:
    """
    Another host that leads back does not get a request of its own choice sent with the secret.
    """
    internet.answer = led_to(f"https://{OTHER}/", f"https://{API}/v1/delete-all")
    await door.fetch(GET, RULES, secret=SECRET)

    assert [CARRIED, None, None] == carried(internet)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ({"host": "*.example.com"}, "--host"),
        ({"host": "https://u@example.com"}, "--host"),
        ({"host": "10.0.0.1"}, "--host"),
        ({"host": "localhost:9999"}, "--host"),
        ({"host": "http://api.example.com"}, "--host"),
        ({"host": "api.example.com/v1"}, "--host"),
        ({"host": "api.ex\u0430mple.com"}, "--host"),
        ({"methods": ()}, "--method"),
        ({"methods": ("TRACE",)}, "--method"),
        ({"methods": ("get",)}, "--method"),
        ({"path": "v1"}, "--path"),
        ({"path": "/v1/../x"}, "--path"),
        ({"path": "/v1?x=1"}, "--path"),
        ({"path": "/%2e%2e"}, "--path"),
        ({"header": "Host"}, "--header"),
        ({"header": "content-LENGTH"}, "--header"),
        ({"header": "Proxy-Authorization"}, "--header"),
        ({"header": "Idempotency-Key"}, "--header"),
        ({"header": "X Y"}, "--header"),
        ({"header": "X\r\nY"}, "--header"),
        ({"prefix": "Bearer\r\n"}, "--prefix"),
        ({"prefix": "x" * 65}, "--prefix"),
        ({"prefix": " Bearer"}, "--prefix"),
    ],
)
def test_no_binding(words: dict[str, object], part: str) -> None:
    """
    A binding that could be read in two ways is none; the word that is wrong is named.
    """
    right = {"host": API, "methods": ("GET",), "path": "/", "header": "Authorization", "prefix": ""}
    with pytest.raises(BadRequest, match=part):
        bind(**{**right, **words})  # type: ignore[arg-type]


@pytest.mark.parametrize("header", sorted(RESERVED))
def test_reserved_headers(header: str) -> None:
    """
    No header that the host or a tool sets carries a secret.
    """
    with pytest.raises(BadRequest, match="--header"):
        bind(API, ("GET",), "/", header.title(), "")


@pytest.mark.parametrize(
    ("host", "kept"),
    [
        ("API.Example.com", API),
        ("https://api.example.com", API),
        ("api.example.com:443", API),
        ("api.example.com:8443", f"{API}:8443"),
        ("http://localhost:9999", "http://localhost:9999"),
    ],
)
def test_one_form_of_a_host(host: str, kept: str) -> None:
    """
    A host is kept in one form, which means the same when it is read again.
    """
    binding = bind(host, ("POST", "GET", "GET"), "/", "X-Api-Key", "")

    assert (kept, ("GET", "POST")) == (binding.host, binding.methods)
    assert binding == bind(kept, binding.methods, "/", "X-Api-Key", "")


HOSTS = st.sampled_from([API, OTHER, "example.com", "a.api.example.com", "api.example.co"])
PARTS = st.lists(st.sampled_from(["v1", "v10", "x", "V1", "a.b"]), max_size=3)
PATHS = PARTS.map(lambda parts: "/" + "/".join(parts))
SOME_METHODS = st.sets(st.sampled_from(sorted(METHODS)), min_size=1).map(lambda found: tuple(sorted(found)))


@settings(deadline=None)
@given(
    bound=st.builds(Binding, HOSTS, SOME_METHODS, PATHS, st.just("Authorization"), st.just("")),
    method=st.sampled_from(sorted(METHODS)), scheme=st.sampled_from(["https", "http"]),
    host=HOSTS, port=st.sampled_from([443, 80, 8443]), path=PATHS,
)  # fmt: skip
def test_covers(bound: Binding, method: str, scheme: str, host: str, port: int, path: str) -> None:
    """
    A binding covers a request exactly when each of its parts does.
    """
    of_path = path == bound.path or path.startswith(bound.path.rstrip("/") + "/")
    expected = (
        scheme == "https" and port == 443 and host == bound.host and method in bound.methods and of_path
    )

    assert expected == covers(bound, method, Target(scheme, host, port, path))


def test_plain_http_is_for_localhost() -> None:
    """
    Only a binding for http://localhost covers plain HTTP, and that one covers nothing else.
    """
    local = bind("http://localhost:9999", ("GET",), "/", "Authorization", "")

    assert covers(local, "GET", parse_url("http://localhost:9999/x"))
    assert not covers(local, "GET", parse_url("https://localhost:9999/x"))
    assert not covers(BINDING, "GET", parse_url(f"http://{API}:443/v1"))


async def test_localhost_needs_the_operator(internet: Web, tmp_path: Path) -> None:
    """
    A binding for localhost sends nothing where the operator does not allow localhost.
    """
    local = replace(SECRET, binding=bind("http://localhost:9999", ("GET",), "/", "Authorization", ""))
    rule = HttpRule("localhost", schemes=frozenset({"http"}), ports=frozenset({9999}))
    door = egress(internet, tmp_path)
    with pytest.raises(EgressDenied):
        await door.fetch(replace(GET, url="http://localhost:9999/x"), (rule,), secret=local)

    assert [] == internet.connections
