"""The HTTP door: what it does not take, and that nothing whatever makes it fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from tests.fakes.door import BOSS, Door, open_door
from tests.fakes.wire import HOST, ask, raw


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with open_door(tmp_path) as door:
        yield door


# Tokens


async def test_no_token(door: Door) -> None:
    """
    Without a token nothing is read, not even a body that is no JSON.
    """
    reply = await ask(door.port, "POST", "/run", [("Content-Type", "application/json")], b"{")

    assert (
        reply.status,
        reply.headers["www-authenticate"],
    ) == (401, 'Bearer realm="ironclaw", error="invalid_token"')


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Basic", "Bearer Bearer", "Bearer ", ""])
async def test_scheme(door: Door, scheme: str) -> None:
    """
    The scheme has one spelling and stands before the token once.
    """
    headers = [("Authorization", f"{scheme} {door.issuer.token('ed1')}")]

    assert (await ask(door.port, "GET", "/workflows/wf_1", headers)).status == 401


async def test_two_tokens(door: Door) -> None:
    """
    Of two tokens none is taken: a proxy in front may have read the other one.
    """
    headers = [("Authorization", f"Bearer {door.issuer.token('ed1')}") for _ in range(2)]

    assert (await ask(door.port, "GET", "/workflows/wf_1", headers)).status == 401


async def test_one_token_many_reads(door: Door) -> None:
    """
    One token starts one task and may then be asked with how it stands, again and again.
    """
    bearer = [("Authorization", f"Bearer {door.issuer.token('ed1')}"), ("Content-Type", "application/json")]
    calls = [("POST", "/run"), ("GET", "/workflows/wf_1"), ("GET", "/workflows/wf_1"), ("POST", "/run")]
    replies = [
        await ask(door.port, method, path, bearer, b'{"task": "say it"}' if method == "POST" else b"")
        for method, path in calls
    ]

    assert [reply.status for reply in replies] == [200, 200, 200, 401]


# Bodies


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b'\xef\xbb\xbf{"task": "x"}',
        b'{"task": "x", "task": "y"}',
        b'{"task": "x", "\\u0074ask": "y"}',
        b'{"task": "x", "context": {"a": {"b": 1, "b": 2}}}',
        b'{"task": "x", "wait": NaN}',
        b'{"task": "x", "wait": 1e999}',
        b'{"task": "x", "context": {"a": 9007199254740993}}',
        b'{"task": "x", "context": {"a": ' + b"9" * 5000 + b"}}",
        b'{"task": "\\ud800"}',
        b'{"task": "x", "context": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"task": "x"} {}',
        b'{"task": "x", "context": {"a": 1e16}}',
        b'{"task": "x", "context": ' + b'{"a":' * 64 + b"1" + b"}" * 65,
    ],
)
async def test_not_json(door: Door, body: bytes) -> None:
    """
    What two readers of JSON could read in two ways, or not at all, is refused as a whole.
    """
    reply = await door.post("/run", body)

    assert (reply.status, len(door.app.tasks)) == (400, 0)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/task"),
        ([], ""),
        ("x", ""),
        (None, ""),
        ({"task": ""}, "/task"),
        ({"task": " \n"}, "/task"),
        ({"task": "\u00e9" * 8193}, "/task"),
        ({"task": 1}, "/task"),
        ({"task": ["x"]}, "/task"),
        ({"task": "x", "role": "approver"}, "/role"),
        ({"task": "x", "a/b~c": 1}, "/a~1b~0c"),
        ({"task": "x", "tools": "files.read"}, "/tools"),
        ({"task": "x", "tools": ["files.read", 1]}, "/tools/1"),
        ({"task": "x", "tools": [""]}, "/tools/0"),
        ({"task": "x", "tools": ["nothing.known"]}, "/tools/0"),
        ({"task": "x", "context": []}, "/context"),
        ({"task": "x", "wait": "1"}, "/wait"),
        ({"task": "x", "wait": True}, "/wait"),
        ({"task": "x", "wait": -1}, "/wait"),
        ({"task": "x", "wait": 121}, "/wait"),
        ({"task": "x", "tenant_id": 1}, "/tenant_id"),
        ({"task": "x", "reply_to": "C1"}, "/reply_to"),
        ({"task": "x", "reply_to": {}}, "/reply_to/channel"),
        ({"task": "x", "reply_to": {"channel": "#general"}}, "/reply_to/channel"),
        ({"task": "x", "reply_to": {"channel": "C1\n"}}, "/reply_to/channel"),
        ({"task": "x", "reply_to": {"channel": "C1", "thread_ts": "1"}}, "/reply_to/thread_ts"),
        ({"task": "x", "reply_to": {"channel": "C1", "user": "U1"}}, "/reply_to/user"),
    ],
)
async def test_wrong_field(door: Door, body: Any, pointer: str) -> None:
    """
    JSON of another form than RunRequest is refused with a pointer to the field.
    """
    reply = await door.post("/run", body)

    assert (422, pointer) == (reply.status, reply.json["pointer"])
    assert door.app.tasks == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"reason": "x" * 1001}, "/reason"),
        ({"version": "1"}, "/version"),
        ({"version": 0}, "/version"),
        ({"decision": "approve"}, "/decision"),
    ],
)
async def test_wrong_decision(door: Door, body: Any, pointer: str) -> None:
    """
    A decision with another form than it has decides nothing.
    """
    run = await door.paused()

    reply = await door.post(f"/deny/{run['approval']['id']}", body, who={"sub": BOSS})

    assert (422, pointer) == (reply.status, reply.json["pointer"])
    assert (await door.get(f"/workflows/{run['workflow_id']}")).json["status"] == "paused"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Content-Type", "text/plain")],
        [("Content-Type", "application/x-www-form-urlencoded")],
        [("Content-Type", "application/json; charset=utf-16")],
        [("Content-Type", "application/json"), ("Content-Encoding", "gzip")],
    ],
)
async def test_content_type(door: Door, headers: list[tuple[str, str]]) -> None:
    """
    A body that is not plain JSON in UTF-8 by its own words is not read.
    """
    bearer = ("Authorization", f"Bearer {door.issuer.token('ed1')}")

    assert (await ask(door.port, "POST", "/run", [bearer, *headers], b'{"task": "x"}')).status == 415


@pytest.mark.parametrize("chunked", [False, True])
async def test_large(door: Door, chunked: bool) -> None:
    """
    A body over 256 KB is refused, whether it says its length or not.
    """
    body = json.dumps({"task": "x", "context": {"a": "a" * 256 * 1024}}).encode()
    head = f"POST /run HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {door.issuer.token('ed1')}\r\n"
    head += "Content-Type: application/json\r\nConnection: close\r\n"
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    content = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body

    reply = await raw(door.port, f"{head}{length}\r\n\r\n".encode() + content)

    assert (reply.status, reply.json["detail"]) == (413, "The body is over 256 KB.")


async def test_cut_off(tmp_path: Path) -> None:
    """
    A caller who goes away in the middle of a body is no failure of ours.
    """
    with capture_logs() as logs:
        async with open_door(tmp_path) as door:
            head = f"POST /run HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {door.issuer.token('ed1')}\r\n"
            head += "Content-Type: application/json\r\nContent-Length: 50\r\n\r\n"
            _, writer = await asyncio.open_connection(HOST, door.port)
            writer.write(f"{head}{{".encode())
            writer.close()
            await writer.wait_closed()

    assert [(line["event"], line["status"]) for line in logs] == [("request", 400)]


# Anything at all

FIELDS = st.sampled_from(
    ["task", "tools", "context", "reply_to", "tenant_id", "wait", "channel", "thread_ts"]
)


def _objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(FIELDS | st.text(), values, max_size=6)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | _objects(inner),
)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[asyncio.Runner, Door]]:
    """The door with a loop of its own, for tests that Hypothesis drives."""
    with asyncio.Runner() as runner:
        opened = open_door(tmp_path)
        yield runner, runner.run(opened.__aenter__())
        runner.run(opened.__aexit__(None, None, None))


WILD = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@WILD
@given(body=_objects(JSON_VALUES).map(lambda value: {"wait": 0} | value) | JSON_VALUES)
def test_any_json(running: tuple[asyncio.Runner, Door], body: Any) -> None:
    """
    No JSON whatever makes the gateway fail.
    """
    runner, door = running
    text = json.dumps(body).replace('"crash', '"x')

    assert runner.run(door.post("/run", text.encode())).status < 500


@WILD
@given(
    body=st.binary(max_size=300), path=st.sampled_from(["/run", "/approve/a1", "/deny/%ff", "/workflows/x"])
)
def test_any_bytes(running: tuple[asyncio.Runner, Door], body: bytes, path: str) -> None:
    """
    No bytes whatever make the gateway fail.
    """
    runner, door = running

    assert runner.run(door.post(path, body)).status < 500


@WILD
@given(
    name=st.sampled_from(["Authorization", "Content-Type", "Idempotency-Key", "Expect", "Cookie"]),
    value=st.text(),
)
def test_any_header(running: tuple[asyncio.Runner, Door], name: str, value: str) -> None:
    """
    No header whatever makes the gateway fail.
    """
    runner, door = running
    value = value.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")

    assert runner.run(door.post("/run", {"task": "x"}, (name, value))).status < 500
