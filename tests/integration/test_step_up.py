"""A yes that needs a second factor: over the real gateway, with codes as an authenticator app makes them."""

from __future__ import annotations

import contextlib
import html
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pyotp
import pytest
from tests.fakes.door import served
from tests.integration.engine import ADA, BO, Moves, approver, ask, engine, moves, wants

from ironclaw.app import Ironclaw
from ironclaw.errors import Conflict, NotFound, Refused, StepUpNeeded
from ironclaw.hookspecs import hookimpl
from ironclaw.settings import TenantSettings
from ironclaw.task import (
    ApprovalState,
    ApprovalView,
    Bearer,
    Credential,
    Decision,
    Opinion,
    Principal,
    ToolCall,
    Verdict,
)
from ironclaw.terms import Terms
from ironclaw_bot import task_commands
from ironclaw_bot.http.gateway import make_gateway
from ironclaw_bot.local import Here, login_name

pytestmark = pytest.mark.sandbox
WRITE = moves(wants("files.write", path="a.md", text="hello <b>& all"))
CY = "slack:T1:U_CY"
ME = f"local:{login_name(os.getuid())}"
TENANTS = {"T1": TenantSettings(slack=("T1",), approvers=(BO, CY, ME)), "T2": TenantSettings(slack=("T2",))}


class Clock:
    """Time that stands until it is told."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class AsksForCodes:
    """A policy whose reviews need a second factor; bearer tokens are the names of people."""

    def __init__(self, quorum: int) -> None:
        self._quorum = quorum

    @hookimpl
    async def ironclaw_verdict(self, call: ToolCall) -> Opinion:
        return Opinion(Verdict.REVIEW, "step-up", terms=Terms(self._quorum, step_up=True))

    @hookimpl
    async def ironclaw_authenticate(self, credential: Credential) -> Principal | None:
        return approver(credential.token) if isinstance(credential, Bearer) else None


@dataclass
class World:
    """An engine that waits for an approval with a code, and its gateway."""

    app: Ironclaw
    clock: Clock
    folder: Path
    http: aiohttp.ClientSession
    approval: ApprovalView
    totp: pyotp.TOTP

    @property
    def code(self) -> str:
        return self.totp.at(int(self.clock.now))

    async def link(self, who: str = BO) -> str:
        return await self.app.step_ups.link(approver(who), self.approval.id)

    async def post(self, link: str, code: str) -> tuple[int, str]:
        async with self.http.post(link, data={"code": code}) as response:
            return response.status, html.unescape(await response.text())

    async def state(self) -> ApprovalState:
        return (await self.app.approval("T1", self.approval.id)).state

    def files(self) -> list[str]:
        return [path.name for path in (self.folder / "data/mnt/scratch").rglob("*.md")]


@pytest.fixture
def quorum() -> int:
    return 1


@pytest.fixture
async def world(tmp_path: Path, built_toolboxes: Path, quorum: int) -> AsyncIterator[World]:
    clock = Clock()
    plugins = {"asks": lambda _: AsksForCodes(quorum)}
    async with contextlib.AsyncExitStack() as stack:
        app = await stack.enter_async_context(
            engine(tmp_path, Moves(WRITE), built_toolboxes, plugins=plugins, clock=clock, tenants=TENANTS)
        )
        port = await stack.enter_async_context(served(make_gateway(app)))
        app.step_ups.base_url = f"http://127.0.0.1:{port}"
        http = await stack.enter_async_context(aiohttp.ClientSession())
        view = await app.wait("T1", await app.submit(ask()), 30)
        uri = await app.factors.enroll("T1", BO, "local:test")
        totp = pyotp.parse_uri(uri)
        assert isinstance(totp, pyotp.TOTP)
        assert view.approval
        yield World(app, clock, tmp_path, http, view.approval, totp)


async def test_without_a_code_nothing_is_approved(world: World) -> None:
    """
    A click, a command or a token alone is not enough; a no needs no code.
    """
    with pytest.raises(StepUpNeeded):
        await world.app.press(approver(), world.app.button(world.approval), Decision.APPROVE)
    assert ApprovalState.PENDING is await world.state()
    await world.app.decide(approver(), world.approval.id, Decision.DENY)

    assert (ApprovalState.DENIED, []) == (await world.state(), world.files())


async def test_with_the_code_it_runs(world: World) -> None:
    """
    The page shows exactly what would run; with the code of the approver's device it runs once.
    """
    link = await world.link()
    async with world.http.get(link) as page:
        shown, policy = html.unescape(await page.text()), page.headers["Content-Security-Policy"]
    assert ApprovalState.PENDING is await world.state()
    status, thanks = await world.post(link, world.code)
    await world.app.wait("T1", world.approval.workflow_id, 30)

    assert '▸ text: "hello <b>& all"' in shown
    assert "▸   + hello <b>& all" in shown
    assert "default-src 'none'" in policy
    assert f"Approved: files.write for {ADA}, approval {world.approval.id}. Nobody else is needed." in thanks
    assert (200, ApprovalState.APPROVED, ["a.md"]) == (status, await world.state(), world.files())


@pytest.mark.parametrize("quorum", [2])
async def test_one_code_of_two(world: World) -> None:
    """
    Where others are needed, the page that closes says so, and who; a second yes of the same person is none.
    """
    _status, thanks = await world.post(await world.link(), world.code)

    assert f"Your approval counts for files.write for {ADA}" in thanks
    assert f"It is not enough yet. Still needed: {CY} or {ME}." in thanks
    assert (ApprovalState.PENDING, []) == (await world.state(), world.files())


async def test_a_code_over_http(world: World) -> None:
    """
    A token's person gives the code in the request; without one they are told how, and it is not decided.
    """
    url = f"{world.app.step_ups.base_url}/approve/{world.approval.id}"
    bearer = {"Authorization": f"Bearer {BO}"}
    async with world.http.post(url, headers=bearer, json={}) as without:
        told = await without.json()
    async with world.http.post(url, headers=bearer, json={"code": "000000"}) as wrong:
        pass
    assert ApprovalState.PENDING is await world.state()
    async with world.http.post(url, headers=bearer, json={"code": world.code}) as right:
        decided = await right.json()

    assert (403, 403, 200) == (without.status, wrong.status, right.status)
    assert told["detail"].endswith('Send it as "code".')
    assert [BO] == [vote["by"] for vote in decided["approval"]["votes"]]


@pytest.mark.parametrize(
    "code", ["", "000000", "abcdef", "".join(chr(0xFF10 + digit) for digit in range(6)), "9" * 2000]
)
async def test_a_wrong_code(world: World, code: str) -> None:
    """
    What is not the code of now approves nothing, and is told so.
    """
    status, said = await world.post(await world.link(), code)

    assert (403, ApprovalState.PENDING) == (status, await world.state())
    assert "not right" in said


async def test_guessing_ends(world: World) -> None:
    """
    After five wrong codes even the right one waits a quarter of an hour; all at once are counted too.
    """
    link = await world.link()
    for _ in range(5):
        await world.post(link, "000000")
    status, said = await world.post(link, world.code)
    world.clock.now += 901
    later, _ = await world.post(await world.link(), world.code)

    assert (403, 200) == (status, later)
    assert "Too many" in said


async def test_a_code_counts_once(world: World) -> None:
    """
    A code that somebody read over a shoulder, or an older one, approves nothing more.
    """
    code, earlier = world.code, world.totp.at(int(world.clock.now) - 30)
    await world.app.factors.check("T1", BO, code)
    tries = [await world.post(await world.link(), each) for each in (code, earlier)]

    assert [403, 403] == [status for status, _ in tries]
    assert all("used before" in said for _, said in tries)


async def test_a_link_is_for_one_person(world: World) -> None:
    """
    Somebody else's code does not fit it, and without a factor of one's own there is no way through.
    """
    other = pyotp.parse_uri(await world.app.factors.enroll("T1", "slack:T1:U_DI", "local:test"))
    assert isinstance(other, pyotp.TOTP)
    theirs = await world.post(await world.link(), other.at(int(world.clock.now)))
    without = await world.post(await world.link(CY), world.code)

    assert [403, 403] == [theirs[0], without[0]]
    assert "no second factor" in without[1]


async def test_a_link_of_a_person_who_is_no_approver(world: World) -> None:
    """
    A code is no right to approve: the requester's own does not help.
    """
    ada = "slack:T1:U_ADA"
    own = pyotp.parse_uri(await world.app.factors.enroll("T1", ada, "local:test"))
    assert isinstance(own, pyotp.TOTP)
    status, said = await world.post(await world.link(ada), own.at(int(world.clock.now)))

    assert (403, ApprovalState.PENDING) == (status, await world.state())
    assert "not an approver" in said


@pytest.mark.parametrize("spoil", ["late", "forged", "of another call"])
async def test_a_link_that_is_none(world: World, spoil: str) -> None:
    """
    Ten minutes old, with one character changed, or with another call's seal: there is no page.
    """
    link = await world.link()
    body, _, seal = link.rpartition(".")
    if spoil == "late":
        world.clock.now += 601
    elif spoil == "forged":
        link = f"{body}.{seal[:-1]}{'0' if seal[-1] != '0' else '1'}"
    else:
        view = await world.app.wait("T1", await world.app.submit(ask("again", thread="t2")), 30)
        other = await world.app.step_ups.link(approver(), view.approval.id)  # type: ignore[union-attr]
        link = f"{body}.{other.rpartition('.')[2]}"
    async with world.http.get(link) as page:
        shown = page.status
    posted, _ = await world.post(link, world.code)

    assert (404, 404, ApprovalState.PENDING) == (shown, posted, await world.state())


@pytest.mark.parametrize("quorum", [2])
async def test_a_link_is_used_up(world: World) -> None:
    """
    The same link does not approve a second time, whatever code comes with it, although the call still waits.
    """
    link = await world.link()
    await world.post(link, world.code)
    world.clock.now += 60
    status, said = await world.post(link, world.code)

    assert (403, ApprovalState.PENDING) == (status, await world.state())
    assert "This link was used" in said


async def test_a_link_is_for_one_action(world: World) -> None:
    """
    Where the row is not what the link was made for, there is nothing to look at and nothing to approve.
    """
    link = await world.link()
    await world.app._store._writer.write(lambda c: c.execute("UPDATE approvals SET action_sha256 = 'x'"))
    async with world.http.get(link) as page:
        shown, status = html.unescape(await page.text()), page.status

    assert 409 == status
    assert "has changed since" in shown


async def test_a_decision_without_its_code_runs_nothing(world: World) -> None:
    """
    A stored yes whose factor was edited in the database does not count when the call is about to run.
    """
    flow = await world.app._store.workflows.load(world.approval.workflow_id)
    await world.app._veto.decide(approver(), world.approval.id, Decision.APPROVE, factor="totp")
    await world.app._store._writer.write(lambda c: c.execute("UPDATE decisions SET factor = ''"))

    gate = await world.app._veto.gate(flow, flow.calls[0])

    assert "does not count" in gate.obstacle


async def test_a_factor_is_bound_to_its_person(world: World) -> None:
    """
    A sealed factor moved to another person's row opens nothing; a removed one is gone.
    """
    await world.app._store._writer.write(lambda c: c.execute("UPDATE factors SET principal = ?", (CY,)))
    status, _ = await world.post(await world.link(CY), world.code)
    await world.app.factors.remove("T1", CY, "local:test")
    with pytest.raises(Refused):
        await world.app.factors.check("T1", CY, world.code)
    with pytest.raises(NotFound):
        await world.app.factors.remove("T1", CY, "local:test")

    assert (503, ApprovalState.PENDING) == (status, await world.state())


async def test_a_code_on_the_command_line(world: World) -> None:
    """
    A local approver gives their code with the command; a wrong one, or somebody else's, approves nothing.
    """
    mine = pyotp.parse_uri(await world.app.factors.enroll("T1", ME, "local:test"))
    assert isinstance(mine, pyotp.TOTP)
    words = {
        "tenant": "T1",
        "approval_id": world.approval.id,
        "decision": "approve",
        "reason": "",
        "wait": 30,
    }
    with pytest.raises(Refused, match="not right"):
        await Here(world.app).ask("decide", **words, code=world.code)
    assert ApprovalState.PENDING is await world.state()
    await Here(world.app).ask("decide", **words, code=mine.at(int(world.clock.now)))

    decided = await world.app.approval("T1", world.approval.id)
    assert [(ME, "totp")] == [(vote.principal, vote.factor) for vote in decided.votes]
    assert ["a.md"] == world.files()


@pytest.mark.parametrize("is_terminal", [True, False])
async def test_the_command_line_asks_for_the_code(
    world: World, monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    """
    On a terminal the code is asked for; elsewhere the command says how to give it, and nothing is decided.
    """
    mine = pyotp.parse_uri(await world.app.factors.enroll("T1", ME, "local:test"))
    assert isinstance(mine, pyotp.TOTP)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: is_terminal)
    monkeypatch.setattr(task_commands, "getpass", lambda _: mine.at(int(world.clock.now)))
    words = {"tenant": "T1", "approval_id": world.approval.id, "decision": "approve", "reason": ""}
    problem = contextlib.nullcontext() if is_terminal else pytest.raises(StepUpNeeded, match="--code 123456")
    with problem:
        await task_commands.with_code(Here(world.app), {**words, "wait": 30.0, "code": ""})

    expected = ApprovalState.APPROVED if is_terminal else ApprovalState.PENDING
    assert expected is await world.state()


async def test_a_factor_is_not_replaced_without_a_word(world: World) -> None:
    """
    Who has a factor keeps it; with a word it is another one, and the old one's codes count no more.
    """
    with pytest.raises(Conflict, match="--replace"):
        await Here(world.app).ask("factors", tenant="T1", verb="enroll", person=BO)
    await world.app.factors.check("T1", BO, world.code)
    await Here(world.app).ask("factors", tenant="T1", verb="enroll", person=BO, replace=True)

    with pytest.raises(Refused):
        await world.app.factors.check("T1", BO, world.totp.at(int(world.clock.now) + 30))


@pytest.mark.parametrize(
    ("tenant", "says"), [("T1", ""), ("T2", "of the tenant T2. They are in T1: name it")]
)
async def test_a_factor_where_it_is_of_no_use(world: World, tenant: str, says: str) -> None:
    """
    Whoever decides nothing in a tenant gets a factor there, with a warning that names where they do.
    """
    done = await Here(world.app).ask("factors", tenant=tenant, verb="enroll", person=CY)

    assert bool(says) == bool(done["warning"])
    assert says in done["warning"]


async def test_a_code_for_another_version(world: World) -> None:
    """
    A code that came with an older version approves nothing, and is not used up.
    """
    again = {"approval_id": world.approval.id, "code": world.code}
    with pytest.raises(Conflict, match="has changed"):
        await world.app.step_ups.approve_with_code(approver(), **again, version=2)
    done = await world.app.step_ups.approve_with_code(approver(), **again, version=1)

    assert ApprovalState.APPROVED is done.state
