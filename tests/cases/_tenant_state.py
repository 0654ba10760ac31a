"""What tenants share is the process: a user of each of two tenants at its real doors."""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironclaw.app import Ironclaw
from ironclaw.egress import bind
from ironclaw.errors import BadRequest, NotFound
from ironclaw.settings import TenantSettings
from ironclaw.task import Address, Conversation, Move, Role, Task, WorkflowState
from ironclaw_bot.build import Progress, build, built_folder
from ironclaw_bot.http import make_gateway
from ironclaw_plugins.auth_jwt import AuthJwt
from tests.fakes.tokens import ISSUER, Issuer
from tests.fakes.wire import Reply, ask, served
from tests.integration.engine import engine, moves, wants

NOBODY = "0" * 32  #: An id that no workflow has.


class Echo:
    """Answers with all that it was given; a task that begins with "ask" waits for a person."""

    def __init__(self) -> None:
        self.seen: list[Conversation] = []

    async def plan(self, conversation: Conversation) -> Move:
        self.seen.append(conversation)
        asked = next(m.text for m in reversed(conversation.messages) if m.role is Role.USER and not m.source)
        if asked.startswith("ask"):
            return moves(wants("files.write", path="a.md", text=asked))
        return Move(answer=" ".join(message.text for message in conversation.messages))


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Any]:
    build(("standard",), Progress(io.StringIO()))
    issuer, brain = Issuer(), Echo()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        both = {
            tenant: TenantSettings(slack=(f"TEAM{tenant}",), jwt=True, approvers=(f"jwt:{ISSUER}|boss",))
            for tenant in ("T1", "T2")
        }
        keys = {"jwt_issuer": ISSUER, "jwt_jwks": issuer.write(folder / "jwks.json", "ed1")}
        plugins = {"auth_jwt": AuthJwt}
        async with (
            engine(folder, brain, built_folder(), plugins, tenants=both, **keys) as app,
            served(make_gateway(app)) as port,
        ):
            await app.map_workspace("TEAMT1")
            yield Two(app, port, issuer, brain).play


@dataclass(slots=True)
class Two:
    """Tenants T1 and T2, each with a person of the same name."""

    app: Ironclaw
    port: int
    issuer: Issuer
    brain: Echo

    async def play(self, case: Mapping[str, str]) -> str | None:
        ways: dict[str, Callable[[], Awaitable[str | None]]] = {
            "02": self._conversations,
            "03": self._keys,
            "05": self._lists,
            "06": self._errors,
            "07": self._credentials,
            "08": self._channels,
            "09": self._threads,
            "10": self._no_tenant,
        }
        return await ways[case["id"].rpartition("-")[2]]()

    async def _conversations(self) -> str | None:
        """One after the other, with the same words: the second's brain is given nothing of the first's."""
        mark = secrets.token_hex(8)
        for text in (f"keep {mark}", "what did I say?"):
            await self._run("T1", text)
        await self._run("T2", "what did I say?")
        given = " ".join(message.text for message in self.brain.seen[-1].messages)
        return "the other's words were there" if mark in given else None

    async def _keys(self) -> str | None:
        """The same Idempotency-Key by the same subject of two tenants is two tasks."""
        ids = {(await self._run(tenant, tenant, key="same")).json["workflow_id"] for tenant in ("T1", "T2")}
        return None if len(ids) == 2 else "one task for both"

    async def _lists(self) -> str | None:
        """An approver's list has all of their tenant and nothing else."""
        mark = secrets.token_hex(8)
        await self._run("T1", mark)
        reply = await self._ask("GET", "/workflows?limit=100", "T2", sub="boss")
        return None if reply.status == 200 and mark not in reply.body.decode() else "listed to another"

    async def _errors(self) -> str | None:
        """Another tenant's id is answered as one that there is not, by every route."""
        waits = (await self._run("T1", "ask me")).json
        wrong = []
        for method, path in (
            ("GET", "/workflows/{}"),
            ("POST", "/workflows/{}/cancel"),
            ("POST", "/approve/{}"),
            ("POST", "/deny/{}"),
        ):
            there = waits["approval"]["id"] if "y/" in path or "e/" in path else waits["workflow_id"]
            replies = [
                await self._ask(method, path.format(each), "T2", sub="boss") for each in (there, NOBODY)
            ]
            if [each.status for each in replies] != [404, 404] or replies[0].body != replies[1].body:
                wrong.append(path)
        return f"told apart at {wrong}" if wrong else None

    async def _credentials(self) -> str | None:
        """Where T1 has no such secret, neither T2's nor anybody's takes its place."""
        binding = bind("a.example", ["GET"], "/", "Authorization", "Bearer ")
        await self.app.vault.put("T2", "token", secrets.token_hex(16), binding, "local:op")
        lent = [await self.app.vault.lend(tenant, "token") for tenant in ("T1", "T2")]
        return None if lent[0] is None and lent[1] else "a secret of another was lent"

    async def _channels(self) -> str | None:
        """A channel without a team is one of the bot's own workspace, which is T1's: T2 cannot post there."""
        body = {"task": "post it", "reply_to": {"channel": "C123456"}, "wait": 0}
        replies = [await self._ask("POST", "/run", each, json.dumps(body)) for each in ("T1", "T2")]
        found = [each.status for each in replies]
        return None if found[0] in (200, 202) and found[1] == 422 else f"answered {found}"

    async def _threads(self) -> str | None:
        """The same channel and ts in two workspaces are two threads: nobody waits behind the other's card."""
        done = []
        for tenant, text in (("T1", "ask first"), ("T2", "hello")):
            task = Task(
                tenant, f"slack:{tenant}:U1", text, Address("test", {"channel": "C1"}), thread="C1:1.2"
            )
            done.append((await self.app.wait(tenant, await self.app.submit(task), 30)).state)
        return None if done == [WorkflowState.PAUSED, WorkflowState.DONE] else f"they stand {done}"

    async def _no_tenant(self) -> str | None:
        """Nobody is taken for somebody: no tenant in a token, none in a task, none by default."""
        tokens = [self.issuer.token("ed1", tenant_id=each) for each in (None, "", "T3")]
        found = [(await self._send("POST", "/run", token, '{"task": "x"}')).status for token in tokens]
        try:
            await self.app.submit(Task("", "slack:T1:U1", "x", Address("test")))
        except (NotFound, BadRequest):
            return None if found == [401, 401, 401] else f"answered {found}"
        return "a task without a tenant was taken"

    async def _run(self, tenant: str, text: str, key: str = "") -> Reply:
        body = json.dumps({"task": text, "wait": 30})
        return await self._ask("POST", "/run", tenant, body, key=key)

    async def _ask(
        self, method: str, path: str, tenant: str, body: str = "", *, key: str = "", sub: str = "ada"
    ) -> Reply:
        token = self.issuer.token("ed1", tenant_id=tenant, sub=sub)
        return await self._send(method, path, token, body, key)

    async def _send(self, method: str, path: str, token: str, body: str, key: str = "") -> Reply:
        headers = [("Authorization", f"Bearer {token}")]
        headers += [("Content-Type", "application/json")] if body else []
        headers += [("Idempotency-Key", key)] if key else []
        return await ask(self.port, method, path, headers, body.encode())
