"""Bearer tokens through the real door: each vector is one POST /run on loopback, bytes as they are.

An accepted token gets its task run (200 or 202); a refused one gets 400, 401 or 403, and nothing runs.
No vector may make the gateway fail, open a connection, or take long.
"""

from __future__ import annotations

import functools
import io
import json
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironclaw.app import Ironclaw
from ironclaw.settings import TenantSettings
from ironclaw.task import Conversation, Move
from ironclaw_bot.build import Progress, build, built_folder
from ironclaw_bot.http import make_gateway
from ironclaw_plugins.auth_jwt import AuthJwt
from tests.fakes.tokens import Issuer
from tests.fakes.vectors import Builder
from tests.fakes.wire import Reply, ask, served
from tests.integration.engine import engine, moves, wants

FILE = "jwt_vectors.json"
QUICK = 1.0  #: seconds for one request, generous: the machine may be busy
REFUSED = {400, 401, 403}
APPROVER = "boss"
ASK = "ask a person"
JSON = ("Content-Type", "application/json")

Case = dict[str, Any]


async def cases(data: Case) -> AsyncIterator[tuple[str, str | None]]:
    """(case id, None or what went wrong) for each vector of the file."""
    with tempfile.TemporaryDirectory() as folder:
        issuer = Issuer()
        async with _door(issuer, Path(folder), data["expected_config"]) as door:
            for case in data["vectors"]:
                yield case["id"], await door.judge(case)


@asynccontextmanager
async def _door(issuer: Issuer, folder: Path, config: Case) -> AsyncIterator[Door]:
    build(("standard",), Progress(io.StringIO()))
    granted = config["issuer_tenants"][config["issuer"]]
    open_to = TenantSettings(jwt=True, approvers=(f"jwt:{config['issuer']}|{APPROVER}",))
    changes = {
        "jwt_issuer": config["issuer"],
        "jwt_audience": config["audience"],
        "jwt_jwks": issuer.write(folder / "jwks.json", *config["algorithms_per_kid"]),
        "tenants": dict.fromkeys(granted, open_to) | {"T2": TenantSettings()},
    }
    plugins = {"auth_jwt": AuthJwt}
    async with (
        engine(folder, Planner(), built_folder(), plugins, **changes) as app,
        served(make_gateway(app)) as port,
    ):
        yield Door(port, issuer, app, granted[0])


class Planner:
    """A brain that proposes what people must approve when asked to, and answers everything else."""

    async def plan(self, conversation: Conversation) -> Move:
        if conversation.messages[-1].text == ASK:
            return moves(wants("files.write", path="a", text="b"))
        return Move(answer="hello")


@dataclass(slots=True)
class Door:
    """The gateway with one used-up token and one approval that waits."""

    port: int
    issuer: Issuer
    app: Ironclaw
    tenant: str
    used_jti: str = field(default_factory=lambda: secrets.token_hex(16))

    async def judge(self, case: Case) -> str | None:
        if "{{used_jti}}" in (case.get("payload") or ""):
            await self._use_up()
        request = Request.of(case, self.issuer, self.used_jti)
        before = await self.count_runs()
        reply, seconds, network = await self._send(request)
        problem = _problem(case["expect"], reply.status, await self.count_runs() - before)
        if network:
            return f"opened a connection: {network}"
        if seconds > QUICK:
            return f"took {seconds:.2f} s"
        if problem is None and "approve" in case.get("must_not_grant", ()):
            return await self._may_not_approve(case)
        return problem

    async def count_runs(self) -> int:
        return len(await self.app.workflows(self.tenant, limit=10_000))

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
        asking = Request([("Authorization", f"Bearer {self.issuer.token()}")], body=_body(ASK, wait=30))
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


def _body(task: str, wait: float = 0) -> bytes:
    return json.dumps({"task": task, "wait": wait}).encode()
