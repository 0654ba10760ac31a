"""Saying with a second factor whether a call ran: the link that a press gives, the page, and the code."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pyotp
import pytest
from tests.fakes.clock import Clock
from tests.fakes.wire import served
from tests.integration.doubting import Receiver, a_receiver, allow, doubted, interrupt, post
from tests.integration.engine import BO, approver, ask, engine
from tests.integration.test_step_up import AsksForCodes

from ironclaw.app import Ironclaw
from ironclaw.errors import Refused
from ironclaw.task import DoubtState, DoubtView, Said
from ironclaw_bot.http import make_gateway

pytestmark = pytest.mark.sandbox


@dataclass
class World:
    """A call that somebody approved with a code, in doubt; and the gateway with the page."""

    app: Ironclaw
    http: aiohttp.ClientSession
    clock: Clock
    totp: pyotp.TOTP
    doubt: DoubtView
    receiver: Receiver

    @property
    def code(self) -> str:
        return self.totp.at(int(self.clock.at))

    def link(self, said: Said) -> str:
        return self.app.doubts.link(approver(), self.doubt, said)

    async def send(self, link: str, code: str) -> tuple[int, str]:
        async with self.http.post(link, data={"code": code}) as response:
            return response.status, html.unescape(await response.text())

    async def state(self) -> DoubtState:
        return (await self.app.doubts.view("T1", self.doubt.id)).state


@pytest.fixture
async def world(tmp_path: Path, built_toolboxes: Path) -> AsyncIterator[World]:
    clock, plugins = Clock(), {"asks": lambda _: AsksForCodes(1)}
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(a_receiver())
        brain, more = post(receiver.port), {"clock": clock, **allow(receiver.port)}
        async with engine(tmp_path, brain, built_toolboxes, plugins, **more) as app:
            view = await app.wait("T1", await app.submit(ask()), 30)
            totp = pyotp.parse_uri(await app.factors.enroll("T1", BO, "local:test"))
            assert view.approval is not None
            assert isinstance(totp, pyotp.TOTP)
            app.step_ups._decide = app._veto.decide  # The host stops before it runs.
            await app.step_ups.approve_with_code(approver(), view.approval.id, totp.at(int(clock.at)))
        interrupt(tmp_path, effect_begun=True)
        clock.at += 60  # Each code counts once.
        app = await stack.enter_async_context(engine(tmp_path, brain, built_toolboxes, plugins, **more))
        port = await stack.enter_async_context(served(make_gateway(app)))
        app.step_ups.base_url = f"http://127.0.0.1:{port}"
        http = await stack.enter_async_context(aiohttp.ClientSession())
        yield World(app, http, clock, totp, await doubted(app, view.id), receiver)


async def test_with_the_code_it_runs_again(world: World) -> None:
    """
    The page shows what was called and what will be said; with the code it is said, once, and the call runs.
    """
    link = world.link(Said.NOT_RUN)
    async with world.http.get(link) as page:
        shown, policy = html.unescape(await page.text()), page.headers["Content-Security-Policy"]
    before = await world.state()
    status, thanks = await world.send(link, world.code)
    await world.app.wait("T1", world.doubt.workflow_id, 30)

    assert (DoubtState.OPEN, DoubtState.NOT_RUN, 200) == (before, await world.state(), status)
    assert "http.post: it did not run?" in shown
    assert '▸ text: "1 coffee"' in shown
    assert "default-src 'none'" in policy
    assert f"Noted for http.post, doubt {world.doubt.id}: it did not run." in thanks
    assert 1 == len(world.receiver.keys)


async def test_a_wrong_code(world: World) -> None:
    """
    A code that is not right says nothing; the link is still good for the right one.
    """
    link = world.link(Said.RAN)
    wrong, _ = await world.send(link, "000000")
    before = await world.state()
    right, _ = await world.send(link, world.code)

    assert (403, 200) == (wrong, right)
    assert (DoubtState.OPEN, DoubtState.RAN) == (before, await world.state())


async def test_the_link_is_for_one_word(world: World) -> None:
    """
    A link that was made for one word, changed by a letter, or ten minutes old is no link.
    """
    ran, not_run = world.link(Said.RAN), world.link(Said.NOT_RUN)
    head, _, seal = ran.rpartition(".")
    mixed, _ = await world.send(f"{not_run.rpartition('.')[0]}.{seal}", world.code)
    world.clock.at += 601
    old, _ = await world.send(f"{head}.{seal}", world.code)

    assert (404, 404, DoubtState.OPEN) == (mixed, old, await world.state())


async def test_answered_meanwhile(world: World) -> None:
    """
    Once it is answered the page has no field any more.
    """
    link = world.link(Said.NOT_RUN)
    await world.send(world.link(Said.RAN), world.code)
    async with world.http.get(link) as page:
        text = await page.text()

    assert (409, False) == (page.status, "<input" in text)


async def test_a_press_alone(world: World) -> None:
    """
    Without a page, a code beside the word counts as well, and no word counts without one.
    """
    with pytest.raises(Refused):
        await world.app.doubts.testify(approver(), world.doubt.id, Said.RAN)
    settled = await world.app.doubts.testify(approver(), world.doubt.id, Said.RAN, code=world.code)

    assert (DoubtState.RAN, ["totp"]) == (settled.state, [each.factor for each in settled.testimonies])
