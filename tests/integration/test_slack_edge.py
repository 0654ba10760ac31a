"""The edge, asked with bytes on loopback: what the case file does not hold."""

from __future__ import annotations

import json

import pytest
from aiohttp import web
from slack_bolt.response import BoltResponse
from tests.cases.slack_signature import sign
from tests.fakes.approvals import NOW
from tests.fakes.wire import ask, raw, served

from ironclaw_bot.slack.edge import MAX_BYTES, PATH, Replays, SlackEdge

SECRET = "s" * 32
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class Behind:
    """What stands behind the door: notes what came, and answers as it is told."""

    def __init__(self):
        self.came = []
        self.statuses = []

    async def dispatch(self, request):
        self.came.append(request)
        return BoltResponse(status=self.statuses.pop() if self.statuses else 200)


@pytest.fixture
def behind():
    return Behind()


@pytest.fixture
async def port(behind):
    site = web.Application()
    site.add_routes(SlackEdge(behind.dispatch, SECRET, lambda: NOW).routes())
    async with served(site) as port:
        yield port


def signed(body, kind=JSON):
    stamp = str(int(NOW))
    return [
        ("Content-Type", kind),
        ("X-Slack-Request-Timestamp", stamp),
        ("X-Slack-Signature", sign(body, SECRET, int(stamp))),
    ]


async def post(port, body, kind=JSON, more=()):
    return (await ask(port, "POST", PATH, [*signed(body, kind), *more], body)).status


def nested(depth):
    return b'{"event":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"type":"event_callback"}', JSON, 200),
        (b'{"type":"event_callback"}', JSON + "; charset=utf-8", 200),
        (b"command=%2Fironclaw&text=", FORM, 200),
        (b'{"type":', JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (nested(100), JSON, 400),
        (b"[]", JSON, 400),
        (b'"x"', JSON, 400),
        (b'{"event":[]}', JSON, 400),
        (b'{"authorizations":{"a":1}}', JSON, 400),
        (b'{"a":"\xff"}', JSON, 400),
        (b"payload=%7B", FORM, 400),
        (b"payload=%5B%5D", FORM, 400),
        (b"payload=%ff", FORM, 400),
        (b"token=x", FORM, 400),
        (b"command=a&command=b", FORM, 400),
        (b"&".join(b"a%d=1" % n for n in range(60)), FORM, 400),
        (b"{}", "text/plain", 415),
        (b"{}", JSON + "; charset=utf-16", 415),
        (b"x" * (MAX_BYTES + 1), JSON, 413),
    ],
)
async def test_body(port, behind, body, kind, status):
    """
    A signed body that is no payload of Slack's gets a 4xx and goes no further.
    """
    assert status == await post(port, body, kind)
    assert (status == 200) == bool(behind.came)


@pytest.mark.parametrize("sent", [b'{"a":1}\n', b' {"a":1}', b'{"a": 1}', b'{"a":1,"a":1}'])
async def test_the_signature_is_over_the_bytes(port, behind, sent):
    """
    Another spelling of the same JSON does not fit the signature.
    """
    headers = signed(b'{"a":1}')

    assert 401 == (await ask(port, "POST", PATH, headers, sent)).status
    assert [] == behind.came


async def test_chunked_too_large(port, behind):
    """
    A body without a length is cut off where the cap is.
    """
    piece = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    head = f"POST {PATH} HTTP/1.1\r\nHost: door.test\r\nTransfer-Encoding: chunked\r\n\r\n".encode()

    reply = await raw(port, head + piece * 5 + b"0\r\n\r\n")

    assert (413, []) == (reply.status, behind.came)


async def test_chunked_broken(port, behind):
    """
    A body whose pieces do not fit together is the sender's fault.
    """
    head = f"POST {PATH} HTTP/1.1\r\nHost: door.test\r\nTransfer-Encoding: chunked\r\n\r\n".encode()

    reply = await raw(port, head + b"zz\r\nnonsense")

    assert (400, []) == (reply.status, behind.came)


async def test_replay(port, behind):
    """
    The same signed request is answered twice and carried out once.
    """
    assert [200, 200] == [await post(port, b"{}"), await post(port, b"{}")]
    assert 1 == len(behind.came)


async def test_failure_may_come_again(port, behind):
    """
    What came to nothing behind the door is not taken for a replay when Slack delivers it again.
    """
    behind.statuses = [500]

    assert [500, 200] == [await post(port, b"{}"), await post(port, b"{}")]
    assert 2 == len(behind.came)


async def test_headers_stay_outside(port, behind):
    """
    Headers are not signed, so none but the content type reaches Bolt, which would obey some.
    """
    await post(port, b"{}", more=[("X-Slack-Bolt-Lazy-Only", "1"), ("X-Slack-Retry-Num", "1")])

    assert {"content-type": [JSON]} == behind.came[0].headers
    assert not behind.came[0].lazy_only


async def test_other_method(port):
    """
    Only POST is answered.
    """
    assert 405 == (await ask(port, "GET", PATH)).status


async def test_answer(port):
    """
    Whoever is turned away learns why, in one sentence.
    """
    reply = await ask(port, "POST", PATH, [("Content-Type", JSON)], json.dumps({"a": 1}).encode())

    assert (401, {"error": "there must be exactly one X-Slack-Request-Timestamp"}) == (
        reply.status,
        reply.json,
    )


def test_replays_end():
    """
    A pair is remembered for as long as its timestamp could be good, and no longer.
    """
    replays = Replays()
    key = ("1", "v0=a")

    assert [True, False, False, True] == [replays.is_new(key, now) for now in (0.0, 300.0, 600.0, 602.0)]


def test_replays_bounded():
    """
    Too many pairs push out the oldest.
    """
    replays = Replays(most=2)
    for name in "abc":
        assert replays.is_new((name, ""), 0.0)

    assert [False, True] == [replays.is_new(("c", ""), 0.0), replays.is_new(("a", ""), 0.0)]


def test_empty_secret():
    """
    A door without a secret does not open.
    """
    with pytest.raises(ValueError, match="must not be empty"):
        SlackEdge(Behind().dispatch, "  ")
