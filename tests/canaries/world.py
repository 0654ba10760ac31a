"""Three tenants in one process, two of them with a Slack workspace, and everything that each gets to see."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from ironclaw.app import Ironclaw
from ironclaw.audit import events
from ironclaw.settings import TenantSettings
from ironclaw.store import reading
from ironclaw.task import Conversation, Move, Question, Role
from ironclaw.untrusted import SUMMARY
from ironclaw_bot.http import make_gateway
from ironclaw_bot.local import Door
from ironclaw_bot.playground import Playground
from ironclaw_bot.slack.app import make_slack
from ironclaw_bot.slack.background import Background
from ironclaw_bot.slack.client import web_client
from ironclaw_bot.slack.edge import PATH, SlackEdge
from ironclaw_bot.slack.homes import Homes
from ironclaw_bot.slack.outbox import SlackSender
from ironclaw_plugins.auth_jwt import AuthJwt
from ironclaw_plugins.memory_qdrant.plugin import MemoryQdrant
from tests.canaries.marks import Marks, joined
from tests.fakes.slack_door import SECRET, TOKENS, a_playground
from tests.fakes.tokens import ISSUER, Issuer
from tests.fakes.wire import HOST, Reply, ask
from tests.integration.engine import engine, moves, settings, wants

TEAMS = {"acme": "T0001", "globex": "T0002"}
TENANTS = (*TEAMS, "initech")
APPROVERS = {"acme": "U1BO", "globex": "U2EL"}
BOSS = "boss"
#: What a row of a tool call holds of what was given in and came out.
CALLS = """SELECT c.* FROM tool_calls c JOIN workflows w ON w.id = c.workflow_id WHERE w.tenant = ?"""
NOTICES = "SELECT * FROM outbox WHERE tenant = ?"
SUMMARIES = "SELECT * FROM summaries WHERE tenant = ?"
MUCH = " and so on" * 4_000  #: More than is left of the window: what goes before it is summed up.


class Obedient:
    """Does what the first word says, and tells all that it knows in the end."""

    def __init__(self) -> None:
        self.seen: dict[str, list[Conversation]] = defaultdict(list)

    async def plan(self, conversation: Conversation) -> Move:
        self.seen[conversation.tenant].append(conversation)
        told = conversation.messages
        at = max(i for i, each in enumerate(told) if each.role is Role.USER and not each.source)
        words = told[at].text.replace("@ironclaw", "").split()
        said = [each.text for each in told[at:] if each.role is Role.TOOL]
        verb, rest = words[0], words[1:]
        if verb == "write" and len(said) < 2:
            first = wants("files.write", path=f"{rest[0]}.md", text=rest[1])
            return moves(wants("files.read", "c2", path=f"{rest[0]}.md") if said else first)
        if verb == "err" and not said:
            return moves(wants("no.tool", note=rest[0]), wants("files.read", "c2", path=f"{rest[0]}/../../x"))
        if verb == "talk" and len(said) < 3 and not any(each.source == SUMMARY for each in told):
            note = wants("no.tool", note=rest[0] + MUCH)
            return moves(wants("files.list", f"c{len(said)}") if said else note)
        if verb == "wonder" and not said:
            return Move(question=Question("q1", rest[0], tuple(rest[1:])))
        answer = " ".join(each.text for each in told)
        conversation.say(answer + " and" * 100)  # The newest of it is held back.
        return Move(answer=answer, tokens=11)


@dataclass
class World:
    """The bot, its doors, and what came out of them.

    :ivar replies: of HTTP and of the command line, by tenant
    """

    app: Ironclaw
    folder: Path
    port: int
    issuer: Issuer
    brain: Obedient
    playground: Playground
    logged: list[dict[str, Any]]
    background: Background
    marks: dict[str, Marks] = field(default_factory=lambda: {name: Marks() for name in TENANTS})
    replies: dict[str, list[object]] = field(default_factory=lambda: defaultdict(list))

    async def http(self, tenant: str, method: str, path: str, body: object = None, sub: str = BOSS) -> Reply:
        """As a caller of the tenant."""
        token = self.issuer.token("ed1", tenant_id=tenant, sub=sub)
        text = b"" if body is None else json.dumps(body).encode()
        headers = [("Authorization", f"Bearer {token}")]
        headers += [("Content-Type", "application/json")] if text else []
        reply = await ask(self.port, method, path, headers, text)
        self.replies[tenant].append((method, path.partition("?")[0], reply.status, reply.body))
        return reply

    async def command(self, tenant: str, method: str, **words: Any) -> Any:
        """On the command line."""
        found = await Door(self.app, "op").answer(method, {"tenant": tenant, **words})
        self.replies[tenant].append((method, found))
        return found

    def sinks(self, tenant: str) -> dict[str, bytes]:
        """All that this tenant gets to see, and all that is kept for it."""
        database = self.folder / "data" / "ironclaw.db"
        with reading(database) as c:
            kept = {
                what: [tuple(row) for row in c.execute(sql, (tenant,))]
                for what, sql in (("calls", CALLS), ("notices", NOTICES), ("summaries", SUMMARIES))
            }
        team = TEAMS.get(tenant)
        return {
            "replies": joined(self.replies[tenant]),
            "Slack": joined([asdict(self.playground.world.team(team))] if team else []),
            "model requests": joined(self.brain.seen[tenant]),
            "tool calls": joined(kept["calls"]),
            "notices": joined(kept["notices"]),
            "summaries": joined(kept["summaries"]),
            "files": _files(self.folder / "data" / "mnt" / "scratch" / tenant),
            "index": _files(self.folder / "data" / "memory" / tenant),
            "log": joined(each for each in self.logged if each.get("tenant") == tenant),
            "audit": joined(events(database, tenant)),
        }


def _files(folder: Path) -> bytes:
    """Names and bytes; most of an index is nothing."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return b"\n".join(
        path.name.encode() + b"\n" + path.read_bytes().replace(b"\0" * 64, b"") for path in files
    )


@contextlib.asynccontextmanager
async def a_world(folder: Path, toolboxes: Path) -> AsyncIterator[World]:
    """Open with all its doors."""
    issuer, brain = Issuer(), Obedient()
    playground = a_playground()
    await playground.start()
    changes = {
        "tenants": {name: _tenant(name) for name in TENANTS},
        "jwt_issuer": ISSUER,
        "jwt_jwks": issuer.write(folder / "jwks.json", "ed1"),
        "slack_signing_secret": SECRET,
        "slack_api_url": f"{playground.url}/api/",
        "result_kb": 1,
        "context_tokens": 24_000,
    }
    plugins = {"auth_jwt": AuthJwt, "memory_qdrant": MemoryQdrant}
    before, logged = structlog.get_config(), _Lines()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, logged])
    try:
        async with engine(folder, brain, toolboxes, plugins, **changes) as app:
            background = Background()
            site = make_gateway(app, lambda site: _slack(site, app, folder, changes, background))
            async with _served(site) as port:
                playground.send_to(f"http://{HOST}:{port}{PATH}")
                yield World(app, folder, port, issuer, brain, playground, logged.lines, background)
                await background.drain()
    finally:
        structlog.configure(**before)
        await playground.stop()


class _Lines:
    """The log, line by line, with whose each is."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def __call__(self, logger: Any, method: str, line: Any) -> Any:
        self.lines.append(dict(line))
        raise structlog.DropEvent


def _tenant(name: str) -> TenantSettings:
    team = TEAMS.get(name)
    slack = (f"slack:{team}:{APPROVERS[name]}",) if team else ()
    people = ("local:op", f"jwt:{ISSUER}|{BOSS}", *slack)
    return TenantSettings(slack=(team,) if team else (), jwt=True, approvers=people, self_approval=True)


def _slack(
    site: web.Application, app: Ironclaw, folder: Path, changes: dict[str, Any], background: Background
) -> None:
    """The Slack door of both workspaces, each with its own token."""
    clients = {team: web_client(token, changes["slack_api_url"]) for team, token in TOKENS.items()}
    homes = Homes(app, clients.__getitem__)
    bolt = make_slack(app, settings(folder, **changes), clients.__getitem__, background, homes)
    app.speak("slack", SlackSender(clients.__getitem__, app, {}, homes))
    site.add_routes(SlackEdge(bolt.async_dispatch, SECRET).routes())


@contextlib.asynccontextmanager
async def _served(site: web.Application) -> AsyncIterator[int]:
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
