"""The HTTP door in front of the whole engine: store, policy and sandbox are real, the brain is the test's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.door import BOSS, Clock
from tests.fakes.tokens import ISSUER, Issuer
from tests.fakes.wire import Reply, ask, served
from tests.integration.engine import Moves, engine, moves, wants

from ironclaw.app import Ironclaw
from ironclaw.settings import TenantSettings
from ironclaw_bot.http import make_gateway
from ironclaw_plugins.auth_jwt import AuthJwt

pytestmark = pytest.mark.sandbox

WRITE = moves(wants("files.write", path="notes/today.md", text="hello"))


@dataclass(slots=True)
class Bot:
    """A whole bot behind HTTP."""

    port: int
    issuer: Issuer
    app: Ironclaw

    async def post(
        self, path: str, body: str = "", *, token: str = "", key: str = "", **claims: Any
    ) -> Reply:
        headers = [("Authorization", f"Bearer {token or self.issuer.token('ed1', **claims)}")]
        headers += [("Content-Type", "application/json")] if body else []
        headers += [("Idempotency-Key", key)] if key else []
        return await ask(self.port, "POST", path, headers, body.encode())

    async def run(self, **more: Any) -> Reply:
        return await self.post("/run", '{"task": "write it", "wait": 30}', **more)

    async def workflow(self, workflow_id: str, wait_for: str, **claims: Any) -> dict[str, Any]:
        """The workflow, asked until it stands so: as a client would."""
        token = self.issuer.token("ed1", **claims)
        while True:
            reply = await ask(
                self.port, "GET", f"/workflows/{workflow_id}", [("Authorization", f"Bearer {token}")]
            )
            if reply.json["status"] == wait_for:
                return dict(reply.json)


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


Open = Callable[..., Any]


@pytest.fixture
def bot(tmp_path: Path, built_toolboxes: Path, issuer: Issuer) -> Open:
    """Opens a bot on the test's folder: twice is a restart."""
    both = TenantSettings(jwt=True, approvers=(f"jwt:{ISSUER}|{BOSS}",))
    changes = {
        "tenants": {"T1": both, "T2": both},
        "jwt_issuer": ISSUER,
        "jwt_jwks": issuer.write(tmp_path / "jwks.json", "ed1"),
    }

    @asynccontextmanager
    async def opened(*turns: Any, clock: Callable[[], float] | None = None) -> AsyncIterator[Bot]:
        plugins = {"auth_jwt": AuthJwt}
        async with (
            engine(tmp_path, Moves(*turns), built_toolboxes, plugins, clock, **changes) as app,
            served(make_gateway(app)) as port,
        ):
            yield Bot(port, issuer, app)

    return opened


async def test_low_risk(bot: Open) -> None:
    """
    A task of low-risk calls is answered at once.
    """
    async with bot(moves(wants("files.list"))) as door:
        reply = await door.run()

    assert (reply.status, reply.json["status"]) == (200, "done")


async def test_approve(bot: Open, tmp_path: Path) -> None:
    """
    A high-risk call waits with what would run, an approver's token lets it run, and the answer comes.
    """
    async with bot(WRITE) as door:
        run = await door.run()
        asked = run.json["approval"]
        decided = await door.post(f"/approve/{asked['id']}", '{"version": 1, "wait": 30}', sub=BOSS)

    assert (run.status, asked["tool"], asked["risk"]) == (202, "files.write", "high")
    assert asked["args"] == {"path": "notes/today.md", "text": "hello"}
    assert "▸   + hello ◂ no newline at the end" in asked["preview"]["effects"]
    assert (decided.status, decided.json["approval"]["state"]) == (200, "approved")
    assert (decided.json["status"], "answer" in decided.json) == ("done", True)
    assert "hello" == (tmp_path / "data/mnt/scratch/T1/notes/today.md").read_text()


async def test_deny(bot: Open, tmp_path: Path) -> None:
    """
    A denied call never runs, and its workflow goes on to its end.
    """
    async with bot(WRITE) as door:
        run = await door.run()
        reply = await door.post(f"/deny/{run.json['approval']['id']}", '{"reason": "not today"}', sub=BOSS)
        await door.workflow(run.json["workflow_id"], "done")

    assert (reply.status, reply.json["approval"]["votes"][0]["reason"]) == (200, "not today")
    assert not (tmp_path / "data/mnt/scratch/T1/notes/today.md").exists()


async def test_edit(bot: Open, tmp_path: Path) -> None:
    """
    An approver's arguments wait in the place of the brain's, and run once they are approved.
    """
    async with bot(WRITE) as door:
        asked = (await door.run()).json["approval"]["id"]
        body = '{"arguments": {"path": "notes/today.md", "text": "better"}, "version": 1}'
        edited = await door.post(f"/edit/{asked}", body, sub=BOSS)
        old = await door.post(f"/approve/{asked}", sub=BOSS)
        new = edited.json["approval"]
        decided = await door.post(f"/approve/{new['id']}", '{"version": 2, "wait": 30}', sub=BOSS)

    assert (200, "paused", "pending", 2) == (
        edited.status,
        edited.json["status"],
        new["state"],
        new["version"],
    )
    assert (409, 200) == (old.status, decided.status)
    assert "better" == (tmp_path / "data/mnt/scratch/T1/notes/today.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "who", "status", "pointer"),
    [
        ('{"path": "a"}', {"sub": BOSS}, 422, "/arguments/text"),
        ('{"path": "a", "text": "b"}', {}, 403, None),
        ('{"path": "a", "text": "b"}', {"sub": BOSS, "tenant_id": "T2"}, 404, None),
    ],
)
async def test_edit_refused(
    bot: Open, arguments: str, who: dict[str, str], status: int, pointer: str | None
) -> None:
    """
    Wrong arguments are pointed at; who may not approve may not edit; another tenant's is not there.
    """
    async with bot(WRITE) as door:
        asked = (await door.run()).json["approval"]["id"]
        reply = await door.post(f"/edit/{asked}", f'{{"arguments": {arguments}}}', **who)

    assert (status, pointer) == (reply.status, reply.json.get("pointer"))


async def test_grant_refused(bot: Open) -> None:
    """
    A grant that no rule allows is refused, and the call still waits.
    """
    async with bot(WRITE) as door:
        asked = (await door.run()).json["approval"]["id"]
        refused = await door.post(f"/approve/{asked}", '{"grant": "tool"}', sub=BOSS)
        denied = await door.post(f"/deny/{asked}", '{"grant": "tool"}', sub=BOSS)
        approved = await door.post(f"/approve/{asked}", sub=BOSS)

    assert (403, 403, 200) == (refused.status, denied.status, approved.status)


async def test_second_decision(bot: Open) -> None:
    """
    The second decision learns who made the first.
    """
    async with bot(WRITE) as door:
        path = (await door.run()).json["approval"]["id"]
        await door.post(f"/approve/{path}", sub=BOSS)
        reply = await door.post(f"/deny/{path}", sub=BOSS)

    assert (reply.status, reply.json["by"]) == (409, f"jwt:{ISSUER}|{BOSS}")
    assert reply.json["at"]


@pytest.mark.parametrize("who", ["svc-1", "svc-9"])
async def test_nobody(bot: Open, who: str) -> None:
    """
    Neither the requester nor anybody else without the role decides, and it goes on waiting.
    """
    async with bot(WRITE) as door:
        run = await door.run()
        reply = await door.post(f"/approve/{run.json['approval']['id']}", sub=who)
        waiting = await door.workflow(run.json["workflow_id"], "paused")

    assert (reply.status, waiting["approval"]["state"]) == (403, "pending")


async def test_own_call(bot: Open) -> None:
    """
    An approver does not approve their own call.
    """
    async with bot(WRITE) as door:
        run = await door.run(sub=BOSS)
        reply = await door.post(f"/approve/{run.json['approval']['id']}", sub=BOSS)

    assert (reply.status, run.status) == (403, 202)


async def test_other_tenant(bot: Open) -> None:
    """
    Another tenant's approver sees of an approval what they see of none.
    """
    async with bot(WRITE) as door:
        run = await door.run()
        there = await door.post(f"/approve/{run.json['approval']['id']}", sub=BOSS, tenant_id="T2")
        nowhere = await door.post("/approve/no-such-id", sub=BOSS, tenant_id="T2")

    assert (there.status, there.body) == (404, nowhere.body)


async def test_expired(bot: Open) -> None:
    """
    An approval that nobody decided in time is gone.
    """
    clock = Clock()
    async with bot(WRITE, clock=clock) as door:
        path = (await door.run()).json["approval"]["id"]
        clock.now += 3601
        reply = await door.post(f"/approve/{path}", sub=BOSS)

    assert reply.status == 410


async def test_restart(bot: Open) -> None:
    """
    What waited before a restart can be approved after it.
    """
    async with bot(WRITE) as door:
        run = await door.run()
    async with bot(WRITE) as door:
        reply = await door.post(f"/approve/{run.json['approval']['id']}", sub=BOSS)
        after = await door.workflow(run.json["workflow_id"], "done")

    assert (reply.status, "answer" in after) == (200, True)


async def test_replay_after_restart(bot: Open, issuer: Issuer) -> None:
    """
    A token that was used before a restart stays used.
    """
    token = issuer.token("ed1")
    async with bot() as door:
        first = await door.run(token=token)
    async with bot() as door:
        second = await door.run(token=token)

    assert (first.status, second.status) == (200, 401)


async def test_same_key(bot: Open) -> None:
    """
    The same Idempotency-Key is the same workflow, also after a restart, and with context.
    """
    body = '{"task": "write it", "wait": 30, "context": {"ticket": 7}}'
    replies = []
    for _ in range(2):
        async with bot(WRITE) as door:
            replies.append(await door.post("/run", body, key="order-7"))

    assert [reply.status for reply in replies] == [202, 202]
    assert replies[0].json["workflow_id"] == replies[1].json["workflow_id"]


async def test_unknown_tool(bot: Open) -> None:
    """
    A tool that nobody knows is the caller's mistake, by its name in the body.
    """
    async with bot() as door:
        reply = await door.post("/run", '{"task": "x", "tools": ["no.such"]}')

    assert (reply.status, reply.json["pointer"]) == (422, "/tools")


async def test_ready(bot: Open) -> None:
    """
    A bot that is open is ready.
    """
    async with bot() as door:
        reply = await ask(door.port, "GET", "/ready")

    assert (reply.status, set(reply.json["checks"].values())) == (200, {True})


async def listed(door: Bot, query: str = "", **claims: Any) -> Reply:
    token = door.issuer.token("ed1", **claims)
    return await ask(door.port, "GET", f"/approvals{query}", [("Authorization", f"Bearer {token}")])


async def test_what_waits(bot: Open) -> None:
    """
    A token's tenant sees what waits for its people; another one sees nothing, whatever it asks for.
    """
    async with bot(WRITE) as door:
        run = await door.run()
        own, others = await listed(door), await listed(door, "?tenant=T1", tenant_id="T2")
        odd = await listed(door, "?filter=1")

    assert [run.json["approval"]["id"]] == [each["id"] for each in own.json["approvals"]]
    assert (200, []) == (others.status, others.json["approvals"])
    assert odd.status == 400


async def test_cancel(bot: Open) -> None:
    """
    Who asked for it stops it; what waited is gone.
    """
    async with bot(WRITE) as door:
        run = await door.run()
        path = f"/workflows/{run.json['workflow_id']}/cancel"
        reply, again = await door.post(path), await door.post(path)
        left = await listed(door)

    assert (200, "cancelled", 409) == (reply.status, reply.json["status"], again.status)
    assert set() == again.json.keys() & {"by", "at"}  # Nobody knows them here.
    assert [] == left.json["approvals"]


@pytest.mark.parametrize("who", ["svc-1", BOSS])
async def test_policy_has_no_door(bot: Open, who: str) -> None:
    """
    Nobody changes policy over HTTP, not even an approver.
    """
    async with bot() as door:
        reply = await door.post("/policy", '{"text": "permit (principal, action, resource);"}', sub=who)

    assert reply.status == 403


async def test_a_decision_for_another_tenant(bot: Open) -> None:
    """
    A body that names another tenant than the token's finds nothing there.
    """
    async with bot(WRITE) as door:
        run = await door.run()
        body = '{"tenant_id": "T2"}'
        reply = await door.post(f"/approve/{run.json['approval']['id']}", body, sub=BOSS)

    assert reply.status == 404


async def test_without_a_database(bot: Open) -> None:
    """
    Where the database does not answer nobody is let in, and the caller hears when to ask again, not that the
    token is wrong.
    """
    async with bot() as here:
        await here.app._store.close()
        reply = await here.run()

    assert (503, "5") == (reply.status, reply.headers["retry-after"])
