"""Memory at the doors: Slack, the command line and HTTP, before the whole engine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.door import BOSS
from tests.fakes.tokens import ISSUER, Issuer
from tests.fakes.wire import ask as request
from tests.fakes.wire import served
from tests.integration.engine import Moves
from tests.integration.office import Office, an_office
from tests.integration.reminding import FACT, remembering

from ironclaw.app import Ironclaw
from ironclaw.errors import Refused
from ironclaw.memory import Memory, Visibility
from ironclaw.settings import TenantSettings
from ironclaw.task import Move
from ironclaw_bot.http import make_gateway
from ironclaw_bot.local import Door
from ironclaw_bot.memories import Wished, wished
from ironclaw_bot.playground import Playground
from ironclaw_plugins.auth_jwt import AuthJwt
from ironclaw_plugins.memory_qdrant.plugin import MemoryQdrant

pytestmark = pytest.mark.sandbox
BYE = Move(answer="On Tuesdays.")


async def memories(app: Ironclaw, tenant: str) -> list[Memory]:
    """All that a tenant has."""
    return list(await app._store.memories.all(tenant))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (f"remember {FACT}", Wished(FACT, None)),
        (f"Remember that {FACT}", Wished(FACT, None)),
        (f"remember: {FACT}", Wished(FACT, None)),
        (f"remember for everybody: {FACT}", Wished(FACT, Visibility.EVERYBODY)),
        (f"remember for me {FACT}", Wished(FACT, Visibility.AUTHOR)),
        (f"remember for this channel, that {FACT}", Wished(FACT, Visibility.CHANNEL)),
        ("remember to deploy billing", None),
        ("remember when we deployed billing?", None),
        ("do you remember the deploy", None),
        ("remember", None),
    ],
)
def test_what_is_a_wish(said: str, meant: Wished | None) -> None:
    """
    A fact after the word is to be remembered; something to be done, or a question, is a task as any other.
    """
    assert meant == wished(said)


@pytest.fixture
async def office(tmp_path: Path, built_toolboxes: Path, playground: Playground) -> AsyncIterator[Office]:
    plugins = {"memory_qdrant": MemoryQdrant}
    async with an_office(tmp_path, built_toolboxes, playground, Moves(BYE), plugins=plugins) as office:
        yield office


async def told(office: Office, text: str, user: str = "ada") -> str:
    """What ``/ironclaw`` replies, which only they see."""
    await office.people.command(user, "ops", "/ironclaw", text)
    ephemerals = office.playground.world.team("T0001").channel("ops").ephemerals
    return json.dumps(ephemerals[-1], ensure_ascii=False)


async def test_said_in_a_channel(office: Office) -> None:
    """
    "remember ..." in a channel is kept for whoever asks there, without a task and without a card; the answer
    has nothing of the text.  Its author sees it, an approver too, and nobody else.
    """
    office.people.say("bo", "ops", f"@ironclaw remember that {FACT}")
    room = office.playground.world.team("T0001").channel("ops")
    await office.playground.wait_for(lambda: "Remembered for whoever asks" in str(room.messages), 20)
    [memory] = await memories(office.app, "acme")
    answer = next(one for one in room.messages if "Remembered" in str(one))
    lists = {user: await told(office, "memory list", user) for user in ("bo", "cy", "ada")}

    assert ("slack:T0001:U1BO", "slack:C1OPS") == (memory.subject_user, memory.place)
    assert FACT not in str(answer)
    assert {"bo": True, "cy": True, "ada": False} == {user: FACT in text for user, text in lists.items()}
    assert 0 == len(office.brain.seen)


async def test_by_slash_command(office: Office) -> None:
    """
    What is remembered there is shown, and forgotten by whom it is of.
    """
    first = await told(office, f"remember for everybody: {FACT}", "bo")
    [memory] = await memories(office.app, "acme")
    others = await told(office, f"memory forget {memory.id}")
    shown = await told(office, f"memory show `{memory.id}`", "bo")
    gone = await told(office, f"memory forget {memory.id}", "bo")

    assert f"Remembered for everybody here, as {memory.id}" in first
    assert "There is no such memory." in others
    assert FACT in shown
    assert "Forgotten: 1 memory" in gone
    assert [] == await memories(office.app, "acme")


async def test_at_the_command_line(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A local person adds, lists, explains and forgets; what only approvers may is refused, with the way to
    become one.
    """
    changes = {"tenants": {"T1": TenantSettings()}}
    async with remembering(tmp_path, Moves(BYE), built_toolboxes, **changes) as app:
        door = Door(app, "lin")

        async def ask(verb: str, **words: Any) -> Any:
            return await door.answer("memories", {"tenant": "", "verb": verb, **words})

        added = await ask("add", text=FACT, whom="everybody", kind="fact", days=0, replaces="")
        run = await door.answer("run", {"tenant": "", "task": "When is billing?", "brain": "", "wait": 30})
        listed, why = await ask("list"), await ask("why", workflow_id=run["workflow_id"])
        with pytest.raises(Refused, match="put that name into approvers"):
            await ask("reindex")
        gone = await ask("forget", ids=[added["id"]])

    assert ("lexical", [added["id"]]) == (listed["kind"], [each["id"] for each in listed["memories"]])
    assert [(added["id"], FACT)] == [(each["id"], each["memory"]["text"]) for each in why]
    assert gone.startswith("Forgotten: 1 memory")


async def test_over_http(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A token remembers, sees and forgets its own; another tenant's id reads as no such memory.
    """
    issuer = Issuer()
    both = TenantSettings(jwt=True, approvers=(f"jwt:{ISSUER}|{BOSS}",))
    changes = {
        "tenants": {"T1": both, "T2": both},
        "jwt_issuer": ISSUER,
        "jwt_jwks": issuer.write(tmp_path / "jwks.json", "ed1"),
        "also": {"auth_jwt": AuthJwt},
    }
    async with (
        remembering(tmp_path, Moves(BYE), built_toolboxes, **changes) as app,
        served(make_gateway(app)) as port,
    ):

        async def send(method: str, path: str, body: str = "", **claims: Any) -> Any:
            headers = [("Authorization", f"Bearer {issuer.token('ed1', **claims)}")]
            headers += [("Content-Type", "application/json")] if body else []
            return await request(port, method, path, headers, body.encode())

        made = await send("POST", "/memories", json.dumps({"text": FACT}))
        again = await send("POST", "/memories", json.dumps({"text": FACT}))
        path = f"/memories/{made.json['id']}"
        listed = await send("GET", "/memories")
        others = [await send(method, path, tenant_id="T2", sub=BOSS) for method in ("GET", "DELETE")]
        gone, missing = await send("DELETE", path), await send("GET", path)

    assert (201, 200, 200) == (made.status, again.status, listed.status)
    assert [FACT] == [each["text"] for each in listed.json["memories"]]
    assert [404, 404] == [each.status for each in others]
    assert (200, 404) == (gone.status, missing.status)
