"""Whether a call ran, asked and answered at each door: Slack, HTTP, the command line; the engine is real."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.door import BOSS
from tests.fakes.terminal import typed
from tests.fakes.tokens import ISSUER, Issuer
from tests.fakes.wire import ask as wire_ask
from tests.fakes.wire import served
from tests.integration.doubting import Receiver, a_receiver, allow, approved, doubted, interrupt, post
from tests.integration.engine import Moves, ask, engine
from tests.integration.office import Office, an_office
from tests.integration.test_gateway_engine import Bot

from ironclaw.errors import Refused
from ironclaw.settings import TenantSettings
from ironclaw.task import DoubtState
from ironclaw_bot.doubt_commands import add_doubts
from ironclaw_bot.http import make_gateway
from ironclaw_bot.local import Here, login_name
from ironclaw_bot.playground import Playground
from ironclaw_bot.slack.doubt_clicks import ELSEWHERE
from ironclaw_plugins.auth_jwt import AuthJwt

pytestmark = pytest.mark.sandbox
RAN, NOT_RUN, SHOW = "ironclaw_doubt_ran", "ironclaw_doubt_not_run", "ironclaw_doubt_show"
#: Nobody is asked before a call runs: what is in doubt here, policy had allowed.
ANYTHING = "permit(principal, action, resource);"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with a_receiver() as receiver:
        yield receiver


@pytest.fixture
def loose(tmp_path: Path, receiver: Receiver) -> dict[str, Any]:
    """Settings under which the POST runs at once, and reaches the receiver."""
    policy = tmp_path / "loose.cedar"
    policy.write_text(ANYTHING)
    return {**allow(receiver.port), "policy_file": policy}


async def cut_off(receiver: Receiver) -> None:
    """Returns once a request has come that gets no answer: whoever stops now does not see what came of it."""
    async with asyncio.timeout(30):
        await receiver.reached.wait()
    receiver.is_silent = False


# Slack


@pytest.fixture
async def office(
    tmp_path: Path, built_toolboxes: Path, playground: Playground, receiver: Receiver, loose: dict[str, Any]
) -> AsyncIterator[Office]:
    """A bot that was stopped in the middle of Ada's POST, and asks in #ops since it runs again."""
    receiver.is_silent = True
    brain = post(receiver.port)
    async with an_office(tmp_path, built_toolboxes, playground, brain, **loose) as office:
        office.people.say("ada", "ops", "@ironclaw order coffee")
        await cut_off(receiver)
    async with an_office(tmp_path, built_toolboxes, playground, brain, **loose) as office:
        await office.shown("ops", "did it run?")
        yield office


async def press(office: Office, user: str, action: str) -> None:
    await office.people.click(user, "ops", str(office.card("ops")["ts"]), action)


def whispered(office: Office, channel: str = "ops") -> list[str]:
    room = office.playground.world.team("T0001").channel(channel)
    return [one["text"] for one in room.ephemerals]


async def test_it_did_not_run(office: Office, receiver: Receiver) -> None:
    """
    Pressed by an approver it runs once more; every copy of the question says who said what.
    """
    await office.shown("approvals", "did it run?")
    await press(office, "bo", NOT_RUN)
    for channel in ("ops", "approvals"):
        await office.shown(channel, "<@U1BO> says that it did not run")

    await office.shown("ops", "It was run once more.")
    assert 2 == len(receiver.keys)
    assert 1 == len(set(receiver.keys))


async def test_it_ran(office: Office, receiver: Receiver) -> None:
    """
    Pressed by an approver it is not begun again, and the task is answered.
    """
    await press(office, "bo", RAN)
    await office.shown("ops", "<@U1BO> says that it ran")
    [view] = await office.app.workflows("acme")
    after = await office.app.wait("acme", view.id, 30)

    assert ("done", 1) == (after.state.value, len(receiver.keys))


async def test_pressed_twice(office: Office, receiver: Receiver) -> None:
    """
    Both press, each another button: one counts, and the other is told whose.
    """
    await asyncio.gather(press(office, "bo", RAN), press(office, "cy", NOT_RUN))
    await office.playground.wait_for(lambda: whispered(office), 20)
    [said] = whispered(office)

    assert "Already decided by <@U1" in said
    assert len(receiver.keys) <= 2


async def test_who_asked(office: Office, receiver: Receiver) -> None:
    """
    Who asked for the task is told who can say it.
    """
    await press(office, "ada", NOT_RUN)
    await office.playground.wait_for(lambda: whispered(office), 20)
    [doubt] = await office.app.doubts.open_ones("acme")

    assert "Ask <@U1BO> or <@U1CY>." in whispered(office)[0]
    assert (DoubtState.OPEN, 1) == (doubt.state, len(receiver.keys))


async def test_carried_into_another_message(office: Office, receiver: Receiver) -> None:
    """
    A copy of the question where the bot did not ask counts for nothing.
    """
    general = office.playground.world.team("T0001").channel("general")
    general.messages.append(copy.deepcopy(office.card("ops")))
    await office.people.click("bo", "general", str(office.card("ops")["ts"]), NOT_RUN)
    await office.playground.wait_for(lambda: whispered(office, "general"), 20)

    assert ([ELSEWHERE], 1) == (whispered(office, "general"), len(receiver.keys))


async def test_a_value_of_another_make(office: Office, receiver: Receiver) -> None:
    """
    A button's value that the engine has not sealed is no doubt of ours.
    """
    for block in office.card("ops")["blocks"]:
        for element in block.get("elements", ()):
            if element.get("action_id") == NOT_RUN:
                element["value"] = element["value"][:-1] + "x"
    await press(office, "bo", NOT_RUN)
    await office.playground.wait_for(lambda: whispered(office), 20)

    assert (["There is no such doubt."], 1) == (whispered(office), len(receiver.keys))


async def test_show_me(office: Office) -> None:
    """
    The modal has what somebody looks for on the other side: the key, the host, the times, the arguments.
    """
    await press(office, "ada", SHOW)
    team = office.playground.world.team("T0001")
    await office.playground.wait_for(lambda: team.stacks.get("U1ADA"), 20)
    shown = str(team.views[team.stacks["U1ADA"][-1]]["blocks"])
    [doubt] = await office.app.doubts.open_ones("acme")

    assert all(word in shown for word in (doubt.idem_key, "localhost", "1 coffee", "call_executing by host"))


async def test_where_it_is_listed(office: Office) -> None:
    """
    Home and /ironclaw approvals say that it waits; once answered they do not.
    """
    await office.people.open_home("bo")
    await office.home("U1BO", "Did these run?")
    reply = await office.people.command("bo", "ops", "/ironclaw", "approvals")
    [doubt] = await office.app.doubts.open_ones("acme")

    assert doubt.id in str(office.playground.world.team("T0001").channel("ops").ephemerals or reply)


# HTTP


@pytest.fixture
async def bot(
    tmp_path: Path, built_toolboxes: Path, receiver: Receiver, loose: dict[str, Any]
) -> AsyncIterator[Bot]:
    """A bot behind HTTP that was stopped in the middle of the POST of the run ``one``."""
    issuer = Issuer()
    both = TenantSettings(jwt=True, approvers=(f"jwt:{ISSUER}|{BOSS}",))
    jwt = {"jwt_issuer": ISSUER, "jwt_jwks": issuer.write(tmp_path / "jwks.json", "ed1")}

    @asynccontextmanager
    async def opened() -> AsyncIterator[Bot]:
        changes = {**loose, **jwt, "tenants": {"T1": both, "T2": both}}
        async with (
            engine(tmp_path, post(receiver.port), built_toolboxes, {"auth_jwt": AuthJwt}, **changes) as app,
            served(make_gateway(app)) as port,
        ):
            yield Bot(port, issuer, app)

    receiver.is_silent = True
    async with opened() as bot:
        reply = await bot.post("/run", '{"task": "order", "wait": 0}', key="one")
        assert 202 == reply.status
        await cut_off(receiver)
    async with opened() as bot:
        yield bot


async def test_run_again_says_what_it_waits_for(bot: Bot) -> None:
    """
    The caller who repeats the run gets 202, paused, with the doubt and all that is known of the call.
    """
    reply = await bot.post("/run", '{"task": "order", "wait": 30}', key="one")
    doubt = reply.json["doubt"]

    assert (202, "paused", "open", "http.post") == (
        reply.status,
        reply.json["status"],
        doubt["state"],
        doubt["tool"],
    )
    assert {"text": "1 coffee"}.items() <= doubt["args"].items()
    assert doubt["begun_at"] <= doubt["effect_begun_at"] <= doubt["asked_at"]


async def asked(bot: Bot) -> str:
    await bot.post("/run", '{"task": "order", "wait": 30}', key="one")
    [doubt] = await listed(bot)
    return str(doubt["id"])


async def listed(bot: Bot) -> list[dict[str, Any]]:
    token = bot.issuer.token("ed1", sub=BOSS)
    reply = await wire_ask(bot.port, "GET", "/doubts", [("Authorization", f"Bearer {token}")])
    return list(reply.json["doubts"])


@pytest.mark.parametrize(("answer", "sent"), [("ran", 1), ("not_run", 2)])
async def test_answered_over_http(bot: Bot, receiver: Receiver, answer: str, sent: int) -> None:
    """
    An approver's token answers; the reply says how the workflow stands then, and nothing waits any more.
    """
    doubt = await asked(bot)
    reply = await bot.post(f"/doubts/{doubt}", f'{{"answer": "{answer}", "wait": 30}}', sub=BOSS)
    again = await bot.post(f"/doubts/{doubt}", '{"answer": "ran"}', sub=BOSS)

    assert (200, "done", answer) == (reply.status, reply.json["status"], reply.json["doubt"]["state"])
    assert (409, f"jwt:{ISSUER}|{BOSS}") == (again.status, again.json["by"])
    assert ([], sent) == (await listed(bot), len(receiver.keys))


@pytest.mark.parametrize(
    ("body", "claims", "status"),
    [
        ('{"answer": "ran"}', {}, 403),
        ('{"answer": "ran"}', {"sub": BOSS, "tenant_id": "T2"}, 404),
        ('{"answer": "ran", "tenant_id": "T2"}', {"sub": BOSS}, 404),
        ('{"answer": "maybe"}', {"sub": BOSS}, 422),
        ('{"answer": "ran", "because": "x"}', {"sub": BOSS}, 422),
        ("", {"sub": BOSS}, 415),
    ],
)
async def test_refused_over_http(
    bot: Bot, receiver: Receiver, body: str, claims: dict[str, str], status: int
) -> None:
    """
    Whoever may not, another tenant, and what is no answer: a problem with its status, and nothing is settled.
    """
    doubt = await asked(bot)
    reply = await bot.post(f"/doubts/{doubt}", body, **claims)

    assert (status, "application/problem+json") == (reply.status, reply.headers["content-type"].split(";")[0])
    assert 1 == len(await listed(bot))


# The command line


@pytest.fixture
async def here(
    tmp_path: Path, built_toolboxes: Path, receiver: Receiver, loose: dict[str, Any]
) -> AsyncIterator[Here]:
    """The local door of a bot that was stopped in the middle of Ada's POST; who runs this is an approver."""
    me = f"local:{login_name(os.getuid())}"
    changes = {**loose, "tenants": {"T1": TenantSettings(slack=("T1",), approvers=(me,))}}
    brain: Moves = post(receiver.port)
    receiver.is_silent = True
    async with engine(tmp_path, brain, built_toolboxes, **changes) as app:
        workflow = await app.submit(ask())
        await cut_off(receiver)
    async with engine(tmp_path, brain, built_toolboxes, **changes) as app:
        await doubted(app, workflow)
        yield Here(app)


async def test_listed_and_settled(here: Here, receiver: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
    """
    ``doubts --full`` says what is known, ``settle ID not-run`` has it run, and says what came of it.
    """
    listed = await typed(here, add_doubts, "doubts", "--full")
    before = capsys.readouterr().out
    settled = await typed(here, add_doubts, "settle", before.split()[0], "not-run")
    after = capsys.readouterr().out

    assert (0, 0, 2) == (listed, settled, len(receiver.keys))
    assert all(
        word in before for word in ("http.post", "effect once", "was about to leave at", "hosts localhost")
    )
    assert "1 coffee" in after


async def test_listed_right_after_a_kill(
    tmp_path: Path, built_toolboxes: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The first ``doubts`` after a kill, where no bot runs, has the call: it waits until recovery looked at it.
    """
    brain = post(receiver.port)
    await approved(tmp_path, built_toolboxes, brain, **allow(receiver.port))
    interrupt(tmp_path, effect_begun=True)
    async with engine(tmp_path, brain, built_toolboxes, **allow(receiver.port)) as app:
        await typed(Here(app), add_doubts, "doubts", "--tenant", "T1")

    assert "http.post" in capsys.readouterr().out


async def test_settled_twice(here: Here, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Once it is settled, nothing is listed, and another word is refused with a sentence.
    """
    await typed(here, add_doubts, "doubts")
    doubt = capsys.readouterr().out.split()[0]
    await typed(here, add_doubts, "settle", doubt, "ran")
    capsys.readouterr()
    with pytest.raises(Exception, match="answered already"):
        await typed(here, add_doubts, "settle", doubt, "not-run")
    await typed(here, add_doubts, "doubts")

    assert "Of every call it is known whether it ran.\n" == capsys.readouterr().out
    with contextlib.suppress(Refused):
        await typed(here, add_doubts, "settle", doubt, "ran", "--code", "000000")
