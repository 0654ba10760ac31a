"""Bearer tokens through the real door: each vector is one POST /run on loopback, bytes as they are.

An accepted token gets its task run (200 or 202); a refused one gets 400, 401 or 403, and nothing runs.
No vector may make the gateway fail, open a connection, or take long.
"""

from __future__ import annotations

import functools
import json
import re
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironclaw.settings import Settings, TenantSettings
from ironclaw_bot.http import make_gateway
from tests.fakes.app import FakeApp
from tests.fakes.tokens import Issuer, b64
from tests.fakes.wire import Reply, ask, served

FILE = "jwt_vectors.json"
QUICK = 1.0  #: seconds for one request, generous: the machine may be busy
REFUSED = {400, 401, 403}
APPROVER = "boss"
JSON = ("Content-Type", "application/json")

Case = dict[str, Any]


async def cases(data: Case) -> AsyncIterator[tuple[str, str | None]]:
    """(case id, None or what went wrong) for each vector of the file."""
    with tempfile.TemporaryDirectory() as folder:
        issuer = Issuer()
        async with _door(issuer, Path(folder), data["expected_config"]) as door:
            for case in _vectors(data):
                yield case["id"], await door.judge(case)


def _vectors(data: Case) -> list[Case]:
    return next(value for value in data.values() if isinstance(value, list))


@asynccontextmanager
async def _door(issuer: Issuer, folder: Path, config: Case) -> AsyncIterator[Door]:
    granted = config["issuer_tenants"][config["issuer"]]
    names = [f"jwt:{config['issuer']}|{APPROVER}"]
    tenants = {name: TenantSettings(jwt=True, approvers=names) for name in granted} | {"T2": TenantSettings()}
    settings = Settings(
        jwt_issuer=config["issuer"],
        jwt_audience=config["audience"],
        jwt_jwks=issuer.write(folder / "jwks.json", *config["algorithms_per_kid"]),
        tenants=tenants,
    )
    app = FakeApp(settings)
    async with served(make_gateway(app)) as port:
        yield Door(port, issuer, lambda: len(app.tasks))


@dataclass(slots=True)
class Door:
    """The gateway with one used-up token and one approval that waits."""

    port: int
    issuer: Issuer
    count_runs: Callable[[], int]
    used_jti: str = field(default_factory=lambda: secrets.token_hex(16))

    async def judge(self, case: Case) -> str | None:
        if "{{used_jti}}" in (case.get("payload") or ""):
            await self._use_up()
        request = Request.of(case, self.issuer, self.used_jti)
        before = self.count_runs()
        reply, seconds, network = await self._send(request)
        problem = _problem(case["expect"], reply.status, self.count_runs() - before)
        if network:
            return f"opened a connection: {network}"
        if seconds > QUICK:
            return f"took {seconds:.2f} s"
        if problem is None and "approve" in case.get("must_not_grant", ()):
            return await self._may_not_approve(case)
        return problem

    async def _use_up(self) -> None:
        token = self.issuer.token(jti=self.used_jti)
        await self._send(Request([("Authorization", f"Bearer {token}")]))

    async def _send(self, request: Request) -> tuple[Reply, float, list[str]]:
        with watch().beyond(self.port) as network:
            began = time.perf_counter()
            path = "/run" + request.query
            reply = await ask(self.port, "POST", path, [*request.headers, JSON], request.body)
            return reply, time.perf_counter() - began, network

    async def _may_not_approve(self, case: Case) -> str | None:
        asking = Request([("Authorization", f"Bearer {self.issuer.token()}")], body=_body("ask a person"))
        waiting = (await self._send(asking))[0].json["approval"]["id"]
        headers = Request.of(case, self.issuer, self.used_jti).headers
        reply = await ask(self.port, "POST", f"/approve/{waiting}", headers)
        return None if reply.status == 403 else f"was not kept from approving: {reply.status}"


def _problem(expect: str, status: int, runs: int) -> str | None:
    if expect == "accept":
        return None if status in (200, 202) and runs == 1 else f"was refused: {status}"
    return None if status in REFUSED and runs == 0 else f"was not refused: {status}, {runs} runs"


class Watch:
    """Notes each connection and name lookup of this process that is not the driver's own."""

    def __init__(self) -> None:
        self._found: list[str] = []
        self._own: object = None
        sys.addaudithook(self._note)

    @contextmanager
    def beyond(self, own_port: int) -> Iterator[list[str]]:
        self._own, self._found = own_port, []
        yield self._found

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo" or (event == "socket.connect" and arguments[1][1] != self._own):
            self._found.append(f"{event} {arguments[1:]}")


#: One for the process: an audit hook cannot be taken away.
watch = functools.cache(Watch)


@dataclass(slots=True)
class Request:
    """How a vector travels: almost always as a bearer token."""

    headers: list[tuple[str, str]]
    query: str = ""
    body: bytes = b""

    def __post_init__(self) -> None:
        self.body = self.body or _body("say hello")

    @classmethod
    def of(cls, case: Case, issuer: Issuer, used_jti: str) -> Request:
        token = Builder(case, issuer, used_jti).token()
        carrier = case.get("carrier")
        if carrier is None:
            return cls([("Authorization", f"{_scheme(case)} {token}")])
        text = carrier.replace("{{tok}}", token)
        if text.startswith("?"):
            return cls([], query=text)
        if text.startswith("{"):
            return cls([], body=text.encode())
        name, colon, value = text.partition(": ")
        return cls([(name, value)] if colon else [("Authorization", text)])


def _scheme(case: Case) -> str:
    return {"bearer_twice": "Bearer Bearer", "lower_bearer": "bearer"}.get(case.get("tamper") or "", "Bearer")


def _body(task: str) -> bytes:
    return json.dumps({"task": task, "wait": 0}).encode()


class Builder:
    """Fills a vector's placeholders, signs it and spoils it."""

    def __init__(self, case: Case, issuer: Issuer, used_jti: str) -> None:
        self.case = case
        self.issuer = issuer
        self.used_jti = used_jti

    def token(self) -> str:
        """A token that its tampering really changed: some changes touch only some signatures."""
        for _ in range(50):
            whole = self._signed()
            token = self._tamper(whole)
            if token != whole or self.case.get("tamper") not in BY_CHANCE:
                return token
        raise ValueError(f"tamper {self.case['tamper']!r} changes nothing")

    def _signed(self) -> str:
        header, payload = self._segment("header"), self._segment("payload")
        if self.case.get("raw") is not None:
            return self.fill(self.case["raw"]).replace("{{hdr}}", header)
        signed = f"{header}.{payload}"
        return f"{signed}.{b64(self._signature(signed.encode()))}"

    def _segment(self, name: str) -> str:
        return b64(self.fill(self.case[name]).encode())

    def _signature(self, signed: bytes) -> bytes:
        sign = self.case.get("sign")
        if not sign:
            return b""
        return self.issuer.sign(sign["alg"], sign["key"], signed, der=self.case.get("tamper") == "der_sig")

    def fill(self, text: str) -> str:
        now = int(time.time())
        text = re.sub(r"\{\{now([+-]\d+)?\}\}", lambda found: str(now + int(found[1] or 0)), text)
        text = re.sub(r"\{\{repeat:(.):(\d+)\}\}", lambda found: found[1] * int(found[2]), text)
        known = {
            "jti": secrets.token_hex(16),
            "used_jti": self.used_jti,
            "evil_n": b64(secrets.token_bytes(256)),
        }
        known |= {"pad1MB": "a" * 1_000_000, "nest5000": "[" * 5000 + "]" * 5000}
        for name, value in known.items():
            text = text.replace("{{" + name + "}}", value)
        return text

    def _tamper(self, token: str) -> str:
        kind = self.case.get("tamper")
        if kind in ELSEWHERE:
            return token
        header, payload, signature = token.split(".")
        return TAMPERS[kind](header, payload, signature)


def _flip(segment: str) -> str:
    middle = len(segment) // 2
    return segment[:middle] + ("A" if segment[middle] != "A" else "B") + segment[middle + 1 :]


def _trailing_bits(segment: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) | 1]


#: Not done to the finished token, but by the scheme or the signature.
ELSEWHERE = (None, "bearer_twice", "lower_bearer", "der_sig")
#: Changes nothing in a signature that happens to hold none of the letters in question.
BY_CHANCE = ("std_b64", "trailing_bits")
TAMPERS: dict[str, Callable[[str, str, str], str]] = {
    "empty_sig": lambda header, payload, _: f"{header}.{payload}.",
    "empty_payload": lambda header, _, signature: f"{header}..{signature}",
    "empty_header": lambda _, payload, signature: f".{payload}.{signature}",
    "zero_sig": lambda header, payload, _: f"{header}.{payload}.{b64(bytes(64))}",
    "drop_sig": lambda header, payload, _: f"{header}.{payload}",
    "extra_segment": lambda header, payload, signature: f"{header}.{payload}.{signature}.{signature}",
    "flip_header_bit": lambda header, payload, signature: f"{_flip(header)}.{payload}.{signature}",
    "flip_payload_bit": lambda header, payload, signature: f"{header}.{_flip(payload)}.{signature}",
    "flip_sig_bit": lambda header, payload, signature: f"{header}.{payload}.{_flip(signature)}",
    "pad_equals": lambda *segments: ".".join(part + "=" * (-len(part) % 4) for part in segments),
    "std_b64": lambda *segments: ".".join(segments).replace("-", "+").replace("_", "/"),
    "ws_inside": lambda header, payload, signature: f"{header}. {payload}.{signature}",
    "newline_end": lambda *segments: ".".join(segments) + "\n",
    "trailing_bits": lambda header, payload, signature: f"{header}.{payload}.{_trailing_bits(signature)}",
    "truncate_half": lambda *segments: (whole := ".".join(segments))[: len(whole) // 2],
}
