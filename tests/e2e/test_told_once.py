"""A real process is killed between Slack's answer and our note of it: nothing said twice, nothing lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.workspace import APPROVE, Thread, Workspace, workspace

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300)]

#: What is killed after: the status, the card in the thread, its copy for the approvers, the whole answer.
POINTS = ("outbox_sent:1", "card_posted:1", "card_posted:2", "answer_sent:1")


async def killed_at(slack: Workspace, point: str) -> None:
    """Start it so that it dies there."""
    await slack.bot.stop()
    slack.bot.environ = {**slack.bot.environ, "IRONCLAW_FAILPOINT": point}
    await slack.start()


async def back(slack: Workspace) -> None:
    """Once it has died, start it as it should be."""
    await slack.bot.ended()
    slack.bot.environ = {k: v for k, v in slack.bot.environ.items() if k != "IRONCLAW_FAILPOINT"}
    await slack.start()


def kinds(messages: list[dict[str, Any]]) -> Counter[str]:
    """How many statuses, cards and answers."""
    words = {"context": "status", "header": "card", "section": "answer"}
    return Counter(words[one["blocks"][0]["type"]] for one in messages if one.get("bot_id"))


async def approved(slack: Workspace, number: int) -> None:
    """Bo presses Approve on the newest card in the approvals channel."""
    messages = slack.channel("approvals").messages
    await slack.wait_for(lambda: kinds(messages)["card"] == number)
    await slack.playground.people.click("bo", "approvals", messages[-1]["ts"], APPROVE)


async def finished(thread: Thread) -> None:
    """Until the last word stands."""
    await thread.answer()
    await thread.workspace.wait_for(lambda: thread.status == "Done.")
    await thread.workspace.wait_for(lambda: "It ran." in str(thread.card["blocks"]))


@pytest.mark.parametrize(("channel", "points"), [("general", POINTS), ("D1ADA", POINTS[1::2])])
async def test_killed_after_slack_answered(tmp_path: Path, channel: str, points: tuple[str, ...]) -> None:
    """
    In a channel and in direct messages, wherever it was killed: one status, card, copy of it and answer.
    """
    async with workspace(tmp_path, tenant={"approvals_channel": "C1APPROVALS"}) as slack:
        for number, point in enumerate(points, 1):
            await killed_at(slack, point)
            thread = slack.ask(f"files.write path=n/{number} text=x", channel=channel)
            if point != "answer_sent:1":
                await back(slack)
            await thread.asked()
            await approved(slack, number)
            if point == "answer_sent:1":
                await back(slack)
            await finished(thread)

            assert {"status": 1, "card": 1, "answer": 1} == kinds(thread.replies)
            assert number == kinds(slack.channel("approvals").messages)["card"]


@pytest.mark.parametrize("point", ["inbox_committed:1", "outbox_sent:1"])
async def test_a_command_that_was_taken(tmp_path: Path, point: str) -> None:
    """
    A command whose task is durable is carried out, under one message, wherever it was killed after that.
    """
    async with workspace(tmp_path) as slack:
        await killed_at(slack, point)
        await slack.playground.people.command("ada", "general", "/ironclaw", "run files.list")
        await back(slack)
        messages = slack.channel("general").messages
        await slack.wait_for(lambda: kinds(messages)["answer"] == 2)

        opening, *rest = [one for one in messages if one.get("bot_id")]
        assert ("<@U1ADA> asked: files.list", 1) == (opening["text"], kinds(rest)["answer"])
        assert {opening["ts"]} == {one["thread_ts"] for one in rest}
