"""A question of the brain over HTTP, on the command line and on PostgreSQL; the engine is real."""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.postgres import NOT_INSTALLED, Cluster, programs
from tests.fakes.terminal import typed
from tests.fakes.tokens import ISSUER, Issuer
from tests.fakes.wire import ask as wire_ask
from tests.fakes.wire import served
from tests.integration.engine import Moves, engine
from tests.integration.test_gateway_engine import Bot

from ironclaw.settings import TenantSettings
from ironclaw.task import Move, Question
from ironclaw_bot.ending import told
from ironclaw_bot.http import make_gateway
from ironclaw_bot.local import Here, login_name
from ironclaw_bot.question_commands import add_questions
from ironclaw_plugins.auth_jwt import AuthJwt

pytestmark = pytest.mark.sandbox
WHICH = Move(question=Question("q1", "Which one?", ("staging", "production")))
DONE = Move(answer="It is done.")


@asynccontextmanager
async def a_bot(folder: Path, toolboxes: Path, **more: Any) -> AsyncIterator[Bot]:
    issuer = Issuer()
    both = TenantSettings(jwt=True)
    jwt = {"jwt_issuer": ISSUER, "jwt_jwks": issuer.write(folder / "jwks.json", "ed1")}
    changes = {**jwt, "tenants": {"T1": both, "T2": both}, **more}
    async with (
        engine(folder, Moves(WHICH, DONE), toolboxes, {"auth_jwt": AuthJwt}, **changes) as app,
        served(make_gateway(app)) as port,
    ):
        yield Bot(port, issuer, app)


@pytest.fixture
async def bot(tmp_path: Path, built_toolboxes: Path) -> AsyncIterator[Bot]:
    async with a_bot(tmp_path, built_toolboxes) as bot:
        yield bot


async def asked(bot: Bot) -> dict[str, Any]:
    reply = await bot.post("/run", '{"task": "deploy", "wait": 30}')
    assert (202, "paused") == (reply.status, reply.json["status"])
    return dict(reply.json["question"])


async def listed(bot: Bot, **claims: str) -> list[dict[str, Any]]:
    token = bot.issuer.token("ed1", **claims)
    reply = await wire_ask(bot.port, "GET", "/questions", [("Authorization", f"Bearer {token}")])
    return list(reply.json["questions"])


async def test_over_http(bot: Bot) -> None:
    """
    POST /run says what is asked; the answer of its caller goes on, and comes too late the second time.
    """
    question = await asked(bot)
    mine, others = await listed(bot), await listed(bot, sub="somebody-else")
    path, body = f"/questions/{question['id']}", '{"answer": "staging", "wait": 30}'
    reply, again = await bot.post(path, body), await bot.post(path, body)

    assert ([question], []) == (mine, others)
    assert (200, "It is done.") == (reply.status, reply.json["answer"])
    assert ("answered", "staging") == (reply.json["question"]["state"], reply.json["question"]["answer"])
    assert (409, question["requester"]) == (again.status, again.json["by"])


@pytest.mark.parametrize(
    ("body", "claims", "status"),
    [
        ('{"answer": "staging"}', {"sub": "somebody-else"}, 403),
        ('{"answer": "staging"}', {"tenant_id": "T2"}, 404),
        ('{"answer": "staging", "tenant_id": "T2"}', {}, 404),
        ('{"answer": " "}', {}, 422),
        ('{"answer": 7}', {}, 422),
        ('{"answer": "staging", "approve": true}', {}, 422),
    ],
)
async def test_refused_over_http(bot: Bot, body: str, claims: dict[str, str], status: int) -> None:
    """
    Somebody else, another tenant, and what is no answer: a problem with its status, and the question waits.
    """
    question = await asked(bot)
    reply = await bot.post(f"/questions/{question['id']}", body, **claims)

    assert (status, [question]) == (reply.status, await listed(bot))


@pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED)
async def test_on_postgresql(tmp_path: Path, built_toolboxes: Path, server: Cluster) -> None:
    """
    The same on PostgreSQL: asked, refused to another, answered once.
    """
    more = {"database_url": server.new_database(), "scratch_dir": tmp_path / "shared"}
    async with a_bot(tmp_path, built_toolboxes, **more) as bot:
        path = f"/questions/{(await asked(bot))['id']}"
        refused = await bot.post(path, '{"answer": "staging"}', sub="somebody-else")
        reply = await bot.post(path, '{"answer": "staging", "wait": 30}')
        again = await bot.post(path, '{"answer": "staging"}')

    assert (403, "It is done.", 409) == (refused.status, reply.json["answer"], again.status)


@pytest.fixture
async def here(tmp_path: Path, built_toolboxes: Path) -> AsyncIterator[Here]:
    """The local door of a bot whose brain asks."""
    changes = {"tenants": {"T1": TenantSettings(slack=("T1",))}}
    async with engine(tmp_path, Moves(WHICH, DONE), built_toolboxes, **changes) as app:
        yield Here(app)


async def test_typed(here: Here, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A task that asks says what to type; ``questions`` lists it, ``answer ID TEXT`` goes on.
    """
    result = await here.ask("run", tenant="T1", task="deploy", brain="", wait=30)
    waiting = told(result, argparse.Namespace(tenant="", demo=None))
    hint = capsys.readouterr().out
    lists = await typed(here, add_questions, "questions")
    listing = capsys.readouterr().out
    answers = await typed(here, add_questions, "answer", result["question"]["id"], "staging", "please")

    assert (3, 0, 0) == (waiting, lists, answers)
    assert f"Answer with: ironclaw answer {result['question']['id']} TEXT" in hint
    assert f"asked of local:{login_name(os.getuid())}" in listing
    assert "It is done.\n" == capsys.readouterr().out
