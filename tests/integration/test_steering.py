"""status, cancel and retry at every door that has them, with the real engine behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.tokens import ISSUER, Issuer
from tests.fakes.wire import Reply, ask, served
from tests.integration.engine import Moves, engine, moves, wants
from tests.integration.office import an_office

from ironclaw.errors import Refused
from ironclaw.settings import TenantSettings
from ironclaw.task import Conversation, Move
from ironclaw_bot.http.gateway import make_gateway
from ironclaw_bot.local import Here, login_name
from ironclaw_bot.playground import Playground
from ironclaw_plugins.auth_jwt import AuthJwt

pytestmark = pytest.mark.sandbox
BOSS = "boss"
WRITE = moves(wants("files.write", path="a.md", text="x"))


@dataclass(slots=True)
class Door:
    """The HTTP door, and the command line's of the same engine."""

    port: int
    issuer: Issuer
    local: Here

    async def get(self, path: str, sub: str = "svc-1", **claims: Any) -> Reply:
        return await ask(self.port, "GET", path, [self._bearer(sub=sub, **claims)])

    async def post(self, path: str, body: str = "", key: str = "", **claims: Any) -> Reply:
        headers = [self._bearer(**claims), ("Content-Type", "application/json")]
        headers += [("Idempotency-Key", key)] if key else []
        return await ask(self.port, "POST", path, headers, body.encode())

    async def run(self, text: str = "write it", wait: float = 30, **more: Any) -> Reply:
        return await self.post("/run", f'{{"task": "{text}", "wait": {wait}}}', **more)

    async def stopped(self, **claims: Any) -> str:
        """The id of a task that was asked for and stopped."""
        run = await self.run(**claims)
        await self.post(f"/workflows/{run.json['workflow_id']}/cancel", **claims)
        return str(run.json["workflow_id"])

    def _bearer(self, **claims: Any) -> tuple[str, str]:
        return ("Authorization", f"Bearer {self.issuer.token('ed1', **claims)}")


@asynccontextmanager
async def a_door(folder: Path, toolboxes: Path, brain: Any, **changes: Any) -> AsyncIterator[Door]:
    issuer = Issuer()
    tenant = TenantSettings(jwt=True, approvers=(f"jwt:{ISSUER}|{BOSS}",), **changes.pop("tenant", {}))
    settings = {"jwt_issuer": ISSUER, "jwt_jwks": issuer.write(folder / "jwks.json", "ed1"), **changes}
    settings["tenants"] = {"T1": tenant, "T2": tenant}
    async with (
        engine(folder, brain, toolboxes, {"auth_jwt": AuthJwt}, **settings) as app,
        served(make_gateway(app)) as port,
    ):
        yield Door(port, issuer, Here(app))


@pytest.fixture
async def door(tmp_path: Path, built_toolboxes: Path) -> AsyncIterator[Door]:
    async with a_door(tmp_path, built_toolboxes, Moves(WRITE)) as door:
        yield door


async def test_status_over_http(door: Door) -> None:
    """
    One workflow says what was asked, how far it is and what it waits for; a list has a member's own, newest
    first, and all of the tenant's for an approver.
    """
    mine, theirs = await door.run(), await door.run(sub="svc-2")
    other = await door.run(tenant_id="T2")
    one = await door.get(f"/workflows/{mine.json['workflow_id']}")
    own, last, everybodys = [
        [each["workflow_id"] for each in (await door.get(path, sub)).json["workflows"]]
        for path, sub in (("/workflows", "svc-1"), ("/workflows?limit=1", BOSS), ("/workflows", BOSS))
    ]

    assert ("write it", 1) == (one.json["task"], one.json["steps"])
    assert "It waits for a decision on files.write." == one.json["sentence"]
    assert [mine.json["workflow_id"]] == own
    assert [theirs.json["workflow_id"], mine.json["workflow_id"]] == everybodys
    assert (everybodys[:1], 202) == (last, other.status)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=1&limit=2", "tenant=T2"])
async def test_list_is_read_strictly(door: Door, query: str) -> None:
    """
    A list takes one limit and nothing else.
    """
    assert 400 == (await door.get(f"/workflows?{query}")).status


async def test_retry_over_http(door: Door) -> None:
    """
    What was stopped is done again under a new id and asks anew; the same key is the same retry and no other.
    """
    first, second = await door.stopped(), await door.stopped()
    path = f"/workflows/{first}/retry"
    replies = [await door.post(path, '{"wait": 30}', key="k1") for _ in range(2)]
    wrong = await door.post(f"/workflows/{second}/retry", key="k1")
    again = replies[0].json

    assert [(202, "paused")] * 2 == [(each.status, each.json["status"]) for each in replies]
    assert (first, "write it", 422) == (again["retry_of"], again["task"], wrong.status)
    assert again["workflow_id"] == replies[1].json["workflow_id"] != first
    assert f"/workflows/{again['workflow_id']}" == replies[0].headers["location"]


async def test_retry_refused_over_http(door: Door) -> None:
    """
    Not what waits, not by somebody else, and not for another tenant.
    """
    waits, over = (await door.run()).json["workflow_id"], await door.stopped()
    asked = [(waits, {}), (over, {"sub": "svc-2"}), (over, {"sub": BOSS, "tenant_id": "T2"})]
    replies = [await door.post(f"/workflows/{each}/retry", **claims) for each, claims in asked]

    assert [409, 403, 404] == [reply.status for reply in replies]


class Never:
    """Never answers."""

    async def plan(self, conversation: Conversation) -> Move:
        await asyncio.get_running_loop().create_future()
        raise AssertionError


@pytest.mark.parametrize(("changes", "status"), [({"tenant": {"max_open": 1}}, 429), ({"max_open": 1}, 503)])
async def test_full(tmp_path: Path, built_toolboxes: Path, changes: dict[str, Any], status: int) -> None:
    """
    A full queue says whose it is, and when to come again; the key of what was refused is not used up.
    """
    async with a_door(tmp_path, built_toolboxes, Never(), **changes) as door:
        first = await door.run(wait=0)
        refused = await door.run(wait=0, key="k1")
        await door.post(f"/workflows/{first.json['workflow_id']}/cancel")
        later = await door.run(wait=0, key="k1")
        with pytest.raises(Exception, match="at work or in the queue"):
            await door.local.ask("run", tenant="T1", task="x", brain="", wait=0)

    assert (status, "5") == (refused.status, refused.headers["retry-after"])
    assert "application/problem+json" in refused.headers["content-type"]
    assert "send it again" in refused.json["detail"]
    assert 202 == later.status


async def test_over_the_local_door(door: Door) -> None:
    """
    The command line's door lists all of a tenant, and tells who may not stop or repeat how they may.
    """
    over, me = await door.stopped(), f"local:{login_name(os.getuid())}"
    waits = (await door.run()).json["workflow_id"]
    found = await door.local.ask("status", tenant="T1", workflow_id="", limit=5)
    one = await door.local.ask("status", tenant="T1", workflow_id=over, limit=5)
    for method, workflow, words in (("cancel", waits, {}), ("retry", over, {"wait": 0})):
        with pytest.raises(Refused, match=rf"Only who asked for it.* You are {me} .*\[tenants\.T1\]"):
            await door.local.ask(method, tenant="T1", workflow_id=workflow, **words)

    states = [(each["workflow_id"], each["state"]) for each in found]
    assert [(waits, "paused"), (over, "cancelled")] == states
    assert [("Stopped.", 1)] == [(each["sentence"], each["steps"]) for each in one]


async def test_by_command(tmp_path: Path, built_toolboxes: Path, playground: Playground) -> None:
    """
    In Slack, status shows a member their own tasks and an approver all; retry does one again, and its card is
    posted where the first one was.
    """
    async with an_office(tmp_path, built_toolboxes, playground, Moves(WRITE)) as office:

        async def says(user: str, words: str) -> str:
            ack = await office.people.command(user, "ops", "/ironclaw", words)
            assert ack["ok"]
            return str(playground.world.team("T0001").channel("ops").ephemerals[-1]["blocks"])

        ts = await office.asked()
        [adas] = await office.app.workflows("acme")
        office.people.say("bo", "ops", "@ironclaw write this")
        await playground.wait_for(lambda: office.card("ops")["ts"] != ts, 20)
        bos = next(each for each in await office.app.workflows("acme") if each.id != adas.id)
        seen = {user: await says(user, "status") for user in ("ada", "bo")}
        hidden, shown = await says("ada", f"status {bos.id}"), await says("bo", f"status {adas.id}")
        await says("ada", f"cancel {adas.id}")
        again = await says("ada", f"retry {adas.id}")
        refused = await says("ada", f"retry {bos.id}")
        thread = playground.world.team("T0001").channel("ops").message(ts)["thread_ts"]
        await playground.wait_for(lambda: office.card("ops")["thread_ts"] == thread, 20)
        assert ts != office.card("ops")["ts"]

    assert (True, False) == (adas.id in seen["ada"], bos.id in seen["ada"])
    assert (True, True) == (adas.id in seen["bo"], bos.id in seen["bo"])
    assert "There is no such workflow." in hidden
    assert "files.write" in shown
    assert f"again `{adas.id}`" in again
    assert "Only who asked for it" in refused


async def test_draining(tmp_path: Path, built_toolboxes: Path, playground: Playground) -> None:
    """
    A bot that is stopping acknowledges no new task, so that Slack sends it again, and keeps nothing of it; a
    command is told in a sentence; what is asked may still be decided, and is carried out by the next start.
    """
    brain = Moves(WRITE)
    async with an_office(tmp_path, built_toolboxes, playground, brain) as office:
        ts = await office.asked()
        await office.app.drain(0.1)
        assert not (await office.app.ready())["accepting"]
        office.people.say("ada", "ops", "@ironclaw write more")
        await office.people.command("ada", "ops", "/ironclaw", "run write")
        await playground.courier.settle()
        await office.people.click("bo", "ops", ts, "ironclaw_approve")
        told = str(playground.world.team("T0001").channel("ops").ephemerals[-1]["blocks"])
        [view] = await office.app.workflows("acme")
    attempts = [one["attempts"] for one in playground.journal if one.get("name") == "app_mention"][-1]
    async with an_office(tmp_path, built_toolboxes, playground, brain) as office:
        await office.shown("ops", "It ran.")

    assert {500} == {each["status"] for each in attempts}
    assert "is stopping just now" in told
    assert "running" == view.state.value
