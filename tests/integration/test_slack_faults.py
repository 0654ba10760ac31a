"""Slack is slow, broken or gone, and the bot with the real engine: everything is told in the end, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from structlog.testing import capture_logs
from tests.fakes.slack_door import TOKENS
from tests.fakes.wire import HOST, served
from tests.integration.engine import Moves, moves, wants
from tests.integration.office import Office, an_office

from ironclaw.task import Decision, Principal
from ironclaw_bot.playground import Playground
from ironclaw_bot.slack.client import later, missing_scopes, web_client

pytestmark = pytest.mark.sandbox
WRITE = moves(wants("files.write", path="a.md", text="hello"))
BO = Principal("acme", "slack:T0001:U1BO", frozenset({"approver"}))
KINDS = {"context": "status", "header": "card", "section": "answer"}


@pytest.fixture
async def office(
    tmp_path: Path, built_toolboxes: Path, playground: Playground, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    monkeypatch.setattr("ironclaw.delivery.FIRST_PAUSE", 0.05)
    for name, seconds in {"AWAY_PAUSE": 0.05, "FAULT_PAUSE": 0.05, "DEAD_PAUSE": 0.2, "TIMEOUT": 0.3}.items():
        monkeypatch.setattr(f"ironclaw_bot.slack.client.{name}", seconds)
    async with an_office(tmp_path, built_toolboxes, playground, Moves(WRITE)) as office:
        yield office


def said(office: Office, channel: str = "ops") -> list[dict[str, Any]]:
    room = office.playground.world.team("T0001").channel(channel)
    return [one for one in room.messages if one.get("bot_id")]


def kinds(messages: list[dict[str, Any]]) -> Counter[str]:
    return Counter(KINDS[one["blocks"][0]["type"]] for one in messages)


async def carried_out(office: Office) -> None:
    """Ada asks, Bo approves the copy, and the answer is there."""
    office.people.say("ada", "ops", "@ironclaw write")
    await office.shown("approvals", "Approval needed")
    await office.people.click("bo", "approvals", office.card("approvals")["ts"], "ironclaw_approve")
    await office.playground.wait_for(lambda: kinds(said(office))["answer"], 20)
    await office.shown("ops", "It ran.")
    await office.shown("approvals", "It ran.")


def each_once(office: Office) -> bool:
    """Card, its copy and answer stand once; the status too, or not at all where it came after the answer."""
    rest = kinds(said(office)) - Counter(["status"])
    return {"card": 1, "answer": 1} == rest and {"card": 1} == kinds(said(office, "approvals"))


def calls(office: Office, *methods: str) -> list[dict[str, Any]]:
    return [one for one in office.playground.journal if one.get("method") in methods]


@pytest.mark.parametrize("fault", ["error500", "lost_answer", "timeout"])
async def test_faults(office: Office, fault: str) -> None:
    """
    Slack fails, hangs, or does as asked and never says so: everything is told, and nothing twice.
    """
    for method in ("chat.postMessage", "chat.update", "conversations.replies", "conversations.history"):
        office.playground.hub.faults.add("api", fault, match=method, times=2, seconds=1.0)
    await carried_out(office)

    assert each_once(office)


async def test_every_message_can_be_found(office: Office) -> None:
    """
    Whatever is posted carries a mark: one for each subject and place.
    """
    await carried_out(office)
    posted = said(office) + said(office, "approvals")

    assert len(posted) == len({one["metadata"]["event_payload"]["id"] for one in posted})


async def test_where_the_bot_may_not_speak(office: Office) -> None:
    """
    What goes to the person instead is not said twice either, though Slack never says that it was.
    """
    office.playground.hub.faults.add("api", "lost_answer", match="chat.postMessage", times=6)
    await office.people.command("ada", "random", "/ironclaw", "run write")
    direct = office.playground.world.team("T0001").dm("U1ADA").messages
    await office.shown("approvals", "Approval needed")
    await office.people.click("bo", "approvals", office.card("approvals")["ts"], "ironclaw_approve")
    told = {"card": 1, "answer": 2}  # The opening is drawn as an answer is.
    await office.playground.wait_for(lambda: told == kinds(direct) - Counter(["status"]), 20)
    await office.shown("approvals", "It ran.")

    assert told == kinds(direct) - Counter(["status"])
    assert 1 == len({one.get("thread_ts", one["ts"]) for one in direct})


async def test_a_pause(office: Office) -> None:
    """
    As long as Slack asks for, nothing is told to that workspace; then everything, once.
    """
    office.playground.hub.faults.add("api", "ratelimited", match="chat.postMessage", seconds=1)
    await carried_out(office)
    [refused, then, *_] = calls(office, "chat.postMessage", "chat.update")

    assert (429, True) == (refused["status"], then["at"] - refused["at"] >= 1)
    assert each_once(office)


@pytest.mark.parametrize("word", ["token_revoked", "invalid_auth", "account_inactive"])
async def test_a_token_that_is_refused(office: Office, word: str) -> None:
    """
    Nothing is given up while Slack refuses the token: /ready says so, the log once; then it is told.
    """
    await office.asked()
    office.playground.hub.faults.add("api", "error", code=word, times=10)
    with capture_logs() as logs:
        [approval] = await office.app.approvals("acme")
        await office.app.decide(BO, approval.id, Decision.APPROVE)
        await office.playground.wait_for(lambda: calls(office, "auth.test"), 20)
        ready = (await office.app.ready())["slack"]
        await office.shown("ops", "It ran.")
        await office.playground.wait_for(lambda: each_once(office), 20)

    refused = [one["error"] for one in logs if one["event"] == "slack_token_refused"]
    assert (False, [word], True) == (ready, refused, (await office.app.ready())["slack"])


async def test_a_channel_that_is_gone(office: Office) -> None:
    """
    The channel is deleted while a card waits: the answer goes to who asked.
    """
    await office.asked()
    await office.shown("approvals", "Approval needed")
    team = office.playground.world.team("T0001")
    del team.channels["C1OPS"]
    await office.people.click("bo", "approvals", office.card("approvals")["ts"], "ironclaw_approve")
    await office.playground.wait_for(lambda: team.dm("U1ADA").messages, 20)

    assert [{"answer": 1}] == [kinds(team.dm("U1ADA").messages)]


BODIES = {
    "no JSON": (502, "text/html", "<h1>Bad Gateway</h1>"),
    "half of it": (200, "application/json", '{"ok": true, "ts'),
    "a list": (200, "application/json", "[]"),
    "nothing": (200, "application/json", ""),
    "no reason": (200, "application/json", '{"ok": false}'),
}


@pytest.mark.parametrize("name", BODIES)
async def test_answers_that_are_none(name: str) -> None:
    """
    An answer that says nothing is a fault: whether it was done is not known, and it is asked again.
    """
    status, kind, text = BODIES[name]
    assert (True, False) == await _after(web.Response(status=status, content_type=kind, text=text))


async def _after(response: web.Response) -> tuple[bool, bool]:
    """Whether a post that got this answer is uncertain, and whether everything is to pause."""

    async def answer(request: web.Request) -> web.Response:
        return response

    site = web.Application()
    site.router.add_post("/api/chat.postMessage", answer)
    async with served(site) as port:
        client = web_client(TOKENS["T0001"], f"http://{HOST}:{port}/api/")
        with pytest.raises(SlackApiError) as refused:
            await client.chat_postMessage(channel="C1", text="x")
    pause = later(refused.value)
    assert pause is not None
    return pause.is_uncertain, pause.is_for_all


async def test_scopes_that_are_missing(playground: Playground) -> None:
    """
    What an app of an older manifest may not is named.
    """
    client = web_client(TOKENS["T0001"], f"{playground.url}/api/")
    before = missing_scopes(await client.auth_test())
    playground.hub.scopes -= {"channels:history", "im:write"}

    assert [] == before
    assert ["channels:history", "im:write"] == missing_scopes(await client.auth_test())


async def test_nobody_listens(unused_tcp_port: int) -> None:
    """
    Where no connection could be made, nothing was posted: there is nothing to look for.
    """
    client = web_client(TOKENS["T0001"], f"http://{HOST}:{unused_tcp_port}/api/")
    with pytest.raises(aiohttp.ClientConnectorError) as gone:
        await client.chat_postMessage(channel="C1", text="x")
    pause = later(gone.value)

    assert pause is not None
    assert not pause.is_uncertain
