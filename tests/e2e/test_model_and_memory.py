"""A real bot with a model's server and a Qdrant server: whose model is asked, what it cost, what is kept."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from tests.e2e.bot import Bot, running
from tests.fakes import qdrant
from tests.fakes.openai_server import FakeOpenAI, text
from tests.fakes.qdrant import FakeQdrant
from tests.fakes.tokens import ISSUER, Issuer

from ironclaw.untrusted import MEMORY, disclose

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
KEY = "sk-" + "test-" + "77d24f9a0c"
ME = f"local:{pwd.getpwuid(os.getuid()).pw_name}"
FACT = "Production deploys of billing happen on Tuesdays"
PRICES = """
[prices.m9]
input = 2.0
cached = 0.5
output = 8.0
"""


@dataclass(frozen=True, slots=True)
class World:
    bot: Bot
    model: FakeOpenAI
    index: FakeQdrant
    issuer: Issuer

    async def points(self) -> int:
        """How many are on the server."""
        listed = (await self.index.engine.get_collections()).collections
        return sum([(await self.index.engine.count(each.name)).count for each in listed])

    async def told(self, *words: str) -> str:
        """What a command printed."""
        said = await self.bot.command(*words)
        assert 0 == said.code, said.err
        return said.out

    async def used(self) -> list[int]:
        """Of acme this month, as ``tenant show`` says: requests, tokens in, tokens out."""
        shown = await self.told("tenant", "show", "acme")
        found = re.search(r"(\S+) requests to models, (\S+) tokens in, (\S+) out", shown)
        return [int(each.replace(",", "")) for each in found.groups()] if found else []

    async def over_http(self, workflow: str) -> dict[str, Any]:
        token = self.issuer.token("ed1", tenant_id="acme", sub="boss")
        reply = await self.bot.get(f"/workflows/{workflow}", ("Authorization", f"Bearer {token}"))
        found: dict[str, Any] = reply.json
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """acme has a model and a prompt of its own, globex what all have."""
    folder, issuer = tmp_path_factory.mktemp("model"), Issuer()
    (folder / "acme.md").write_text("Plan for acme.\n")
    own = {"approvers": [ME, f"jwt:{ISSUER}|boss"], "jwt": True, "openai_model": "m9", "temperature": 0.5}
    tenants = {"acme": {**own, "prompt_file": "acme.md"}, "globex": {"approvers": [ME]}}
    keys = {"jwt_issuer": ISSUER, "jwt_jwks": str(issuer.write(folder / "jwks.json", "ed1"))}
    async with FakeOpenAI(key=KEY) as model, FakeQdrant() as index:
        environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": model.url}
        environ |= {"QDRANT_URL": index.url, "QDRANT_API_KEY": qdrant.KEY}
        bot = Bot(folder, environ, workers=1, tenants=tenants, openai_model="m1", **keys)
        with (folder / "ironclaw.toml").open("a") as settings:
            settings.write(PRICES)
        async with running(bot):
            yield World(bot, model, index, issuer)
        assert [] == index.complaints


def recalled(messages: list[dict[str, Any]]) -> list[str]:
    """What stands before a model as memory, out of its envelope."""
    enclosed = [each["content"] for each in messages[1:] if each["content"].startswith('{"source"')]
    return [text for source, text in map(disclose, enclosed) if source == MEMORY]


async def test_what_it_cost(world: World) -> None:
    """
    Tokens and money of a task stand in ``status``, over HTTP and in ``tenant show``; the audit log names
    model and prompt.
    """
    world.model.on("how much", text("So much.", tokens=1_001, cached=600))
    before = await world.used()
    await world.told("run", "--tenant", "acme", "how much?")
    [asked] = [each for each in world.bot.events("how much?") if each["event"] == "model_asked"]
    workflow = asked["workflow"]
    usage = {"requests": 1, "tokens_in": 1_000, "tokens_cached": 600, "tokens_out": 1, "cost": 0.001108}

    assert "1,001 tokens, $0.001" in await world.told("status", "--tenant", "acme", workflow)
    assert usage == (await world.over_http(workflow))["usage"]
    assert [1, 1_000, 1] == [now - was for now, was in zip(await world.used(), before, strict=True)]
    assert ("m9", 1_108) == (asked["model"], asked["micros"])
    assert re.fullmatch(r"acme\.md@[0-9a-f]{12}", asked["prompt"])


async def test_whose_model(world: World) -> None:
    """
    Each tenant's tasks go to its own model with its own prompt and temperature.
    """
    world.model.on("who plans", text("I do."))
    for tenant in ("acme", "globex"):
        await world.told("run", "--tenant", tenant, "who plans?")
    mine, other = world.model.requests[-2:]

    assert ("m9", 0.5, "Plan for acme.") == (
        mine["model"],
        mine["temperature"],
        mine["messages"][0]["content"],
    )
    assert ("m1", None) == (other["model"], other.get("temperature"))
    assert "Plan for acme." != other["messages"][0]["content"]


async def test_remembered_on_the_server(world: World) -> None:
    """
    With QDRANT_URL a memory is found through the server, goes to its own tenant's model as quoted data, and
    is gone from the server once it is forgotten.
    """
    world.model.on("When do", text("On Tuesdays."))
    added = await world.told("memory", "add", "--tenant", "acme", FACT, "--for", "everybody")
    [memory] = re.findall(r"m-[0-9a-f]{16}", added)
    await world.told("memory", "reindex", "--tenant", "acme")
    for tenant in ("acme", "globex"):
        await world.told("run", "--tenant", tenant, "When do production deploys of billing happen?")
    [mine, other] = [str(recalled(each["messages"])) for each in world.model.requests[-2:]]
    there = await world.points()
    gone = await world.told("memory", "forget", "--tenant", "acme", memory)

    assert (True, "[]") == (FACT in mine, other)
    assert [] == [body for body in world.index.bodies if "billing" in body]
    assert (1, 0) == (there, await world.points())
    assert "Forgotten: 1 memory" in gone


async def test_shown(world: World) -> None:
    """
    ``memory show`` says of one where it comes from and for whom it is; another tenant has no such memory.
    """
    added = await world.told("memory", "add", "--tenant", "acme", "The cache is small", "--days", "2")
    [memory] = re.findall(r"m-[0-9a-f]{16}", added)
    shown = await world.told("memory", "show", "--tenant", "acme", memory)
    others = await world.bot.command("memory", "show", "--tenant", "globex", memory)

    assert [] == [word for word in ("The cache is small", ME, "user", "until") if word not in shown]
    assert (1, True) == (others.code, "There is no such memory." in others.err)
