"""What a tool gets of a secret: a request that carries it, and an answer that does not."""

from __future__ import annotations

import base64
import gzip
import html
import json
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.locker import spoil
from tests.fakes.web import PUBLIC, Seen, Web, egress, web

from ironclaw import audit
from ironclaw.capabilities import Capabilities, HttpRequest, HttpResponse, HttpRule
from ironclaw.egress import bind
from ironclaw.errors import EgressDenied, EgressUnavailable
from ironclaw.redaction import Values
from ironclaw.secrets import Keyring, Lender, Vault
from ironclaw.secrets.scrubbing import WITHHELD, scrubbed
from ironclaw.settings import Settings
from ironclaw.store import Store
from ironclaw.task import Effect, Risk, ToolCall

API = "api.example.com"
VALUE = "s3cr3t+" + "value/that=nobody-sees"
RULES = (HttpRule(API),)
GET = HttpRequest("GET", f"https://{API}/v1/x", secret="key")


@dataclass(frozen=True)
class Lending:
    """A lender over a real store and egress, with one secret of T1."""

    folder: Path
    store: Store
    lender: Lender
    vault: Vault
    internet: Web

    async def fetch(
        self, request: HttpRequest = GET, *, tenant: str = "T1", declared: str = "key"
    ) -> HttpResponse:
        call = replace(CALL, tenant=tenant, capabilities=Capabilities(http=RULES, secrets=(declared,)))
        return await self.lender.fetch(call, request, RULES)

    def uses(self) -> list[dict[str, object]]:
        events = audit.events(self.folder / "ironclaw.db", "T1")
        return [each for each in events if each["event"] == "secret_used"]

    async def refusal(self, request: HttpRequest = GET, **words: str) -> str:
        with pytest.raises(EgressDenied) as caught:
            await self.fetch(request, **words)
        assert [] == self.internet.lookups
        return str(caught.value)


CALL = ToolCall(
    workflow_id="w", seq=1, tenant="T1", requester="me", tool="a.b", args="{}", risk=Risk.HIGH,
    effect=Effect.ONCE, component_sha256="", manifest_sha256="", door="cli", capabilities=Capabilities(),
)  # fmt: skip


@pytest.fixture
async def lending(tmp_path: Path) -> AsyncIterator[Lending]:
    async with web(tmp_path, [API]) as internet:
        internet.meet({API: [[PUBLIC]]})
        store = await Store.open(tmp_path / "ironclaw.db")
        keyring = Keyring(Settings.model_validate({"key_file": tmp_path / "key"}))
        vault = await Vault.open(store, keyring, lambda: 1.0)
        await vault.put("T1", "key", VALUE, bind(API, ("GET",), "/", "Authorization", "Bearer "), "me")
        yield Lending(tmp_path, store, Lender(vault, egress(internet, tmp_path)), vault, internet)
        await store.close()


def echoing(_number: int, seen: Seen) -> bytes:
    body = json.dumps(seen.headers).encode()
    etag = seen.headers.get("authorization")
    return f"HTTP/1.1 200 OK\r\nETag: {etag}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def test_lent(lending: Lending) -> None:
    """
    The server gets the value; the tool gets the answer without it.
    """
    lending.internet.answer = echoing
    answer = await lending.fetch()

    assert f"Bearer {VALUE}" == lending.internet.requests[0].headers["authorization"]
    assert (
        "Bearer [redacted: key]" == json.loads(answer.body)["authorization"] == dict(answer.headers)["etag"]
    )


async def test_use_is_audited(lending: Lending) -> None:
    """
    The audit log says which call carried which secret where, before it left; a refused request used none.
    """
    uses: list[dict[str, object]] = []

    def answer(number: int, seen: Seen) -> bytes:
        uses.extend(lending.uses())
        return echoing(number, seen)

    lending.internet.answer = answer
    await lending.refusal(replace(GET, url="https://api.example.com.evil.example/"))
    await lending.fetch()

    said = {"secret": "key", "tool": "a.b", "host": API, "method": "GET", "workflow": "w", "seq": 1}
    [use] = uses
    assert {**said, "n": 2, "at": 1.0, "event": "secret_used", "actor": "host"}.items() <= use.items()
    assert [use] == lending.uses()


async def test_no_use_without_record(lending: Lending) -> None:
    """
    Where the audit log cannot be written, no secret leaves.
    """
    await lending.store._writer.read(lambda c: spoil(c, "PRAGMA query_only = ON"))
    with pytest.raises(EgressUnavailable, match="could not be recorded; nothing was sent"):
        await lending.fetch()

    assert [] == lending.internet.requests


async def test_refused_alike(lending: Lending) -> None:
    """
    Not declared, not there and another tenant's are one refusal in the same words.
    """
    refusals = [
        await lending.refusal(declared="another"),
        await lending.refusal(replace(GET, secret="another"), declared="another"),
        await lending.refusal(tenant="T2"),
    ]

    assert {"There is no secret of this name for this tool."} == set(refusals)


@pytest.mark.parametrize("header", ["Range", "range"])
async def test_no_half_answers(lending: Lending, header: str) -> None:
    """
    A tool that has secrets cannot ask for halves of an answer: a value would be in neither.
    """
    asked = replace(GET, headers=((header, "bytes=0-9"),))

    assert "a part of an answer" in await lending.refusal(asked)
    assert "a part of an answer" in await lending.refusal(replace(asked, secret=None))


async def test_changed_while_under_way(lending: Lending) -> None:
    """
    A secret that is replaced while its request is under way is taken out of the answer, old and new.
    """
    new = "another+" + "value/of=the-secret"
    binding = bind(API, ("GET",), "/", "Authorization", "Bearer ")

    async def answer(number: int, seen: Seen) -> bytes:
        await lending.vault.put("T1", "key", new, binding, "me")
        return echoing(number, replace(seen, headers={**seen.headers, "x": new}))

    lending.internet.answer = answer
    answered = await lending.fetch()

    assert f"Bearer {VALUE}" == lending.internet.requests[0].headers["authorization"]
    assert not [value for value in (VALUE, new) if value in str(answered)]


async def test_an_error_names_no_value(lending: Lending) -> None:
    """
    Where an answer leads is told without the value that the server put there.
    """
    host = "abcd" + "efgh1234.evil.example"
    await lending.vault.put("T1", "key", "ABCD" + "efgh1234", bind(API, ("GET",), "/", "X-Key", ""), "me")
    head = f"HTTP/1.1 302 Found\r\nLocation: https://{host}/\r\nContent-Length: 0\r\n\r\n"
    lending.internet.answer = lambda _number, _seen: head.encode()
    with pytest.raises((EgressDenied, EgressUnavailable)) as caught:
        await lending.fetch()

    assert "its answer leads to [redacted: key].evil.example, which" in str(caught.value)
    assert "efgh1234" not in str(caught.value)


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "upper": bytes.upper,
    "reversed": lambda raw: raw[::-1],
    "hex": lambda raw: raw.hex().encode(),
    "base64": base64.b64encode,
    "base64url": lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"="),
    "wrapped base64": lambda raw: base64.encodebytes(b"x" * 50 + raw + b"y" * 50),
    "url": lambda raw: quote(raw.decode(), safe="").encode(),
    "json": lambda raw: json.dumps(raw.decode()).encode()[1:-1],
    "html": lambda raw: html.escape(raw.decode()).encode(),
    "gzip": lambda raw: gzip.compress(b"{" + raw + b"}"),
    "zlib": lambda raw: zlib.compress(b"{" + raw + b"}"),
    "base64 of gzip": lambda raw: base64.b64encode(gzip.compress(b"some more text " + raw)),
    "UTF-16": lambda raw: raw.decode().encode("utf-16"),
    "UTF-32": lambda raw: raw.decode().encode("utf-32-be"),
    "split": lambda raw: b"\n".join(raw[at : at + 5] for at in range(0, len(raw), 5)),
}
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=60)


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=40, deadline=None)
@given(value=VALUES)
def test_scrubbed(encoding: str, value: str) -> None:
    """
    Whatever the value, an answer that holds it in one of the usual encodings loses it.
    """
    hidden = ENCODINGS[encoding](value.encode())
    packed = encoding in ("gzip", "zlib", "UTF-16", "UTF-32")
    body = hidden if packed else b'{"a": "' + hidden + b'", "b": "\xff\xc3\xa9"}'
    clean = scrubbed(Values({"key": value}), HttpResponse(200, (), body), 4096).body

    assert clean != body
    assert hidden not in clean or hidden in b"[redacted: key]"


@settings(deadline=None)
@given(st.binary(max_size=2000))
def test_nothing_to_scrub(body: bytes) -> None:
    """
    An answer without a secret comes as it is, whatever its bytes.
    """
    response = HttpResponse(200, (("etag", "a"),), body)

    assert response == scrubbed(Values({"key": VALUE}), response, 4096)


def test_half_a_header() -> None:
    """
    A header that may have been cut inside a value is withheld; a body that hides one in a pack, too.
    """
    value = ("x" * 4090 + VALUE)[:4096]
    response = HttpResponse(200, (("link", value), ("etag", "a")), gzip.compress(VALUE.encode()))
    clean = scrubbed(Values({"key": VALUE}), response, 4096)

    assert VALUE[:6] not in str(clean.headers)
    assert (("etag", "a"), WITHHELD.encode()) == (clean.headers[1], clean.body)
