"""Slack delivers events one to four times, in any order, and a click twice: each counts once."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.services import PlainServices
from tests.fakes.slack_door import a_playground
from tests.integration.office import Office, an_office

from ironclaw.settings import Settings
from ironclaw.store import reading
from ironclaw_bot.playground.delivery import Envelope
from ironclaw_plugins.brain_commands import Commands

pytestmark = pytest.mark.sandbox
NOWHERE = "http://127.0.0.1:9/"  #: The discard port: what is said is kept for the test to deliver.
KINDS = {"context": "status", "header": "card", "section": "answer"}
NUMBERS = itertools.count(1)


class Postman:
    """Delivers what Slack has to say, as often and in the order that a test wants."""

    def __init__(self, office: Office, folder: Path) -> None:
        self.office, self.folder = office, folder
        self.playground = office.playground
        self.url = office.playground.http.request_url

    async def held(self, name: str) -> list[Envelope]:
        """What was said or pressed since, which nobody got."""
        await self.playground.courier.settle()
        found = [one for one in self.playground.journal if one["what"] == "delivery" and one["name"] == name]
        self.playground.hub.journal.clear()
        return [Envelope(one["kind"], name, one["payload"]) for one in found]

    async def deliver(self, envelopes: list[Envelope]) -> None:
        """All of them, begun in this order."""
        self.playground.send_to(self.url)
        acks = await asyncio.gather(*(self.playground.http.send(each, "") for each in envelopes))
        self.playground.send_to(NOWHERE)
        assert {200} == {ack.status for ack in acks}

    async def asked(self, count: int) -> tuple[list[str], list[Envelope]]:
        """So many tasks, each in a thread of its own, and their events."""
        self.playground.send_to(NOWHERE)
        said = [f"@ironclaw files.write path=n/{next(NUMBERS)} text=x" for _ in range(count)]
        threads = [self.office.people.say("ada", "ops", text)["ts"] for text in said]
        return threads, await self.held("app_mention")

    async def clicks(self, threads: list[str]) -> list[Envelope]:
        """A yes to the card of each thread."""
        for ts in threads:
            await self.playground.wait_for(lambda ts=ts: self.card(ts), 20)
            await self.office.people.click("bo", "ops", self.card(ts), "ironclaw_approve")
        return await self.held("block_actions")

    def replies(self, ts: str) -> list[dict[str, Any]]:
        room = self.playground.world.team("T0001").channel("ops")
        return [one for one in room.replies(ts) if one.get("bot_id")]

    def card(self, ts: str) -> str:
        cards = [one["ts"] for one in self.replies(ts) if one["blocks"][0]["type"] == "header"]
        return cards[0] if cards else ""

    def kinds(self, ts: str) -> Counter[str]:
        return Counter(KINDS[one["blocks"][0]["type"]] for one in self.replies(ts))

    async def answered(self, threads: list[str]) -> None:
        for ts in threads:
            await self.playground.wait_for(lambda ts=ts: self.kinds(ts)["answer"], 20)

    def counts(self) -> Counter[str]:
        """Workflows, attempts of their calls, and decisions: ever."""
        queries = {
            "workflows": "SELECT count(*) FROM workflows",
            "attempts": "SELECT coalesce(sum(attempts), 0) FROM tool_calls",
            "decisions": "SELECT count(*) FROM decisions",
        }
        with reading(self.folder / "data" / "ironclaw.db") as rows:
            return Counter({name: rows.execute(query).fetchone()[0] for name, query in queries.items()})


@pytest.fixture(scope="module")
def postman(
    tmp_path_factory: pytest.TempPathFactory, built_toolboxes: Path
) -> Iterator[tuple[asyncio.Runner, Postman]]:
    """One office for all examples: each asks for something new."""
    folder = tmp_path_factory.mktemp("deliveries")
    brain: Any = Commands(PlainServices(Settings())).ironclaw_brains()["commands"]
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()

        async def opened() -> Postman:
            playground = a_playground()
            await playground.start()
            stack.push_async_callback(playground.stop)
            office = await stack.enter_async_context(an_office(folder, built_toolboxes, playground, brain))
            return Postman(office, folder)

        try:
            yield runner, runner.run(opened())
        finally:
            runner.run(stack.aclose())


def shuffled(data: st.DataObject, envelopes: list[Envelope], most: int) -> list[Envelope]:
    """Each at least once and at most so often, in any order."""
    times = [data.draw(st.integers(1, most)) for _ in envelopes]
    copies = [each for each, count in zip(envelopes, times, strict=True) for _ in range(count)]
    return data.draw(st.permutations(copies))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_each_counts_once(postman: tuple[asyncio.Runner, Postman], data: st.DataObject) -> None:
    """
    However often and in whatever order they come: one task, card, decision, effect and answer for each.
    """
    runner, post = postman
    before = post.counts()
    threads, events = runner.run(post.asked(data.draw(st.integers(1, 3))))
    runner.run(post.deliver(shuffled(data, events, 4)))
    clicks = runner.run(post.clicks(threads))
    runner.run(post.deliver(shuffled(data, clicks, 2)))
    runner.run(post.answered(threads))
    count = len(threads)

    assert dict.fromkeys(("workflows", "attempts", "decisions"), count) == post.counts() - before
    assert {("status", 1), ("card", 1), ("answer", 1)} == {
        pair for ts in threads for pair in post.kinds(ts).items()
    }
