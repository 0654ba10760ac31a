"""What a model writes, shown while it writes: late, without secrets, and gone with the answer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.integration.engine import Moves, moves, wants
from tests.integration.office import Json, Office, an_office

from ironclaw.orchestrator.drafting import HELD, held_back
from ironclaw.task import Conversation, Move
from ironclaw_bot.playground import Playground
from ironclaw_bot.slack.outbox import SlackSender

LONG = "Billing runs in two places. " * 20
END = "See https://evil.test/ <!channel>. " + "." * HELD


class Writer(Moves):
    """Says its texts one after the other, each when the test has let it, then makes its moves."""

    def __init__(self, texts: list[str], *moves: Move) -> None:
        super().__init__(*moves)
        self.texts = texts
        self.on = asyncio.Semaphore(0)

    async def plan(self, conversation: Conversation) -> Move:
        if not self.seen:
            for text in self.texts:
                await self.on.acquire()
                conversation.say(text)
            await self.on.acquire()
        return await super().plan(conversation)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SlackSender, "pace", 0.01)


def messages(office: Office) -> list[Json]:
    return office.playground.world.team("T0001").channel("ops").messages


async def seen(office: Office, text: str) -> None:
    await office.playground.wait_for(lambda: text in str(messages(office)), 20)


async def begun(office: Office) -> None:
    """Ada has asked, and the status stands in the thread."""
    office.people.say("ada", "ops", "@ironclaw explain")
    await seen(office, "Working on it.")


@pytest.fixture
async def writer() -> Writer:
    return Writer([LONG, LONG + END], Move(answer=LONG + END))


@pytest.mark.sandbox
async def test_shown_and_gone(
    tmp_path: Path, built_toolboxes: Path, playground: Playground, quick: None, writer: Writer
) -> None:
    """
    The status becomes the draft, as inert text; in the end it says how the task ended, and the answer is
    there once.
    """
    async with an_office(tmp_path, built_toolboxes, playground, writer) as office:
        await begun(office)
        writer.on.release()
        await seen(office, "Writing…")
        writer.on.release()
        await seen(office, "https[:]//evil[.]test/")
        drafted = len(messages(office))
        writer.on.release()
        await seen(office, "Done.")
        await office.playground.wait_for(lambda: len(messages(office)) == drafted + 1, 20)

    assert "Writing…" not in str(messages(office))
    assert 1 == sum("Billing runs" in str(each["blocks"]) for each in messages(office))


@pytest.mark.sandbox
async def test_gone_before_a_card(
    tmp_path: Path, built_toolboxes: Path, playground: Playground, quick: None
) -> None:
    """
    Where the turn ends in a call that people are asked about, the draft makes room for who is waited for.
    """
    writer = Writer([LONG], moves(wants("files.write", path="a.md", text="x")))
    async with an_office(tmp_path, built_toolboxes, playground, writer) as office:
        await begun(office)
        writer.on.release()
        await seen(office, "Writing…")
        writer.on.release()
        await office.shown("ops", "Approval needed")
        await seen(office, "to decide.")

    assert "Writing…" not in str(messages(office))


@pytest.mark.sandbox
async def test_a_crash_leaves_none(
    tmp_path: Path, built_toolboxes: Path, playground: Playground, quick: None
) -> None:
    """
    Stopped in the middle of a draft, the next process plans anew, and its end replaces what was left.
    """
    writer = Writer([LONG], Move(answer="At last."))
    async with an_office(tmp_path, built_toolboxes, playground, writer) as office:
        await begun(office)
        writer.on.release()
        await seen(office, "Writing…")
    async with an_office(tmp_path, built_toolboxes, playground, Moves(Move(answer="At last."))) as office:
        await seen(office, "At last.")
        await seen(office, "Done.")

    assert "Writing…" not in str(messages(office))


@pytest.mark.sandbox
async def test_slack_refuses_drafts(
    tmp_path: Path,
    built_toolboxes: Path,
    playground: Playground,
    monkeypatch: pytest.MonkeyPatch,
    writer: Writer,
) -> None:
    """
    A door that cannot show drafts costs nothing but the drafts.
    """

    async def refuse(self: SlackSender, draft: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr(SlackSender, "draft", refuse)
    async with an_office(tmp_path, built_toolboxes, playground, writer) as office:
        await begun(office)
        for _ in range(3):
            writer.on.release()
        await seen(office, "Done.")

    assert "Writing…" not in str(messages(office))


@pytest.mark.parametrize(
    ("tail", "shown"),
    [
        (" " + "x" * (HELD - 1), LONG.rstrip()),
        ("-----BEGIN KEY-----\n" + "MII \n" * 500, LONG[:-HELD].rpartition(" ")[0]),
        ("s" * 10 * HELD, LONG.rstrip()),
        (" and" + " x" * HELD, LONG + " and" + " x" * (HELD // 2)),
        ("", LONG[:-HELD].rpartition(" ")[0]),
    ],
)
def test_held_back(tail: str, shown: str) -> None:
    """
    Neither the newest characters nor an unbroken run or a key that is not whole are shown.
    """
    assert shown == held_back(LONG + tail)
