"""The toolbox github: built, signed, added, and used against an api.github.com on loopback, over real TLS."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from tests.fakes import guests
from tests.fakes.github import HEAD, HOST, GitHub
from tests.integration.engine import approver, settings
from tests.integration.toolbox_walk import ORDER, Walk, walk

from ironclaw.errors import Conflict
from ironclaw.registry import Registry
from ironclaw.task import Decision, WorkflowState
from ironclaw_bot.authoring.cases import read_cases
from ironclaw_bot.authoring.trying import open_trials
from ironclaw_bot.build import tools_folder

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
REPO = {"repo": "acme/app"}
COMMENT = {**REPO, "number": 7, "body": "On it."}
MERGE = {**REPO, "number": 9, "head_sha": HEAD}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def walked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Walk]:
    async with walk(tmp_path_factory.mktemp("github"), "github", HOST, lambda _n, _s: b"") as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def github(walked: Walk) -> GitHub:
    """A GitHub of its own for each test, whose tokens the tenant has."""
    reads = await walked.give("github_token", HOST, ("GET",), "/repos/acme")
    writes = await walked.give("github_write_token", HOST, ("POST", "PUT"), "/repos/acme")
    served = GitHub(reads, writes)
    walked.internet.meet(walked.internet.names, served.answer)
    return served


async def output(walked: Walk, tool: str, **arguments: Any) -> Any:
    """What a call that runs at once gives."""
    view = await walked.ask(tool, **REPO, **arguments)
    assert WorkflowState.DONE == view.state
    return json.loads(view.outcome)


async def test_its_cases(tmp_path: Path) -> None:
    """
    Every case of the toolbox passes, and each of its tools has one.
    """
    source = tools_folder() / "github"
    built, cases = guests.kept(source, "github"), read_cases(source)
    async with open_trials(settings(tmp_path), lambda _line: None) as trials:
        faults = [(trial.case.name, trial.faults) async for trial in trials.run(built, cases)]

    assert [] == [each for each in faults if each[1]]
    assert {tool.name for tool in Registry.load([built]).tools} == {case.tool for case in cases}


async def test_reading_runs_at_once(walked: Walk, github: GitHub) -> None:
    """
    A page of issues comes without an approval, with the token for reading, and says that there is more.
    """
    found = await output(walked, "github.list_issues", page=2)

    assert (30, 3) == (len(found["output"]["issues"]), found["output"]["next_page"])
    assert [f"Bearer {github.reads}"] == walked.carried


async def test_the_last_page(walked: Walk, github: GitHub) -> None:
    """
    The last page leads nowhere.
    """
    found = await output(walked, "github.list_issues", page=3)

    assert (5, False) == (len(found["output"]["issues"]), "next_page" in found["output"])


async def test_a_long_diff_is_cut(walked: Walk, github: GitHub) -> None:
    """
    Half a megabyte of patches comes as its beginning, which says how long it was.
    """
    found = (await output(walked, "github.read_pr", number=9))["output"]

    assert 60_000 <= sum(len(each["patch"]) for each in found["files"]) < 62_000
    assert found["files"][0]["patch"].endswith("… (cut, 15000 characters)")
    assert HEAD == found["head_sha"]


async def test_a_long_file_comes_in_parts(walked: Walk, github: GitHub) -> None:
    """
    The parts of a file, put together, are the file.
    """
    github.text = "äöü\n" * 20_000
    first = (await output(walked, "github.read_file", path="README.md"))["output"]
    second = (await output(walked, "github.read_file", path="README.md", offset=first["next_offset"]))[
        "output"
    ]

    assert github.text == first["text"] + second["text"]
    assert "next_offset" not in second


async def test_the_token_is_nowhere(walked: Walk, github: GitHub) -> None:
    """
    Also where GitHub repeats it, the token is not in the answer, the log, the database or the model's prompt.
    """
    view = await walked.ask("github.read_issue", **REPO, number=7)

    assert f"Bearer {github.reads}" in walked.carried
    assert "You sent" in view.outcome
    assert walked.leak(view.outcome) is None


async def test_a_comment_waits_and_is_made_once(walked: Walk, github: GitHub) -> None:
    """
    Nothing is sent before somebody approves; then exactly one comment, with the token for writing.
    """
    view = await walked.ask("github.comment", **COMMENT)
    before = (view.state, walked.sent, github.comments)
    said = await walked.approve(view)
    with pytest.raises(Conflict):
        await walked.app.decide(approver(), view.approval.id, Decision.APPROVE)

    assert (WorkflowState.PAUSED, [], []) == (before[0], before[1], [])
    assert (["On it."], ["POST /repos/acme/app/issues/7/comments"]) == (github.comments, walked.sent)
    assert [f"Bearer {github.writes}"] == walked.carried
    assert '"id":1' in said.replace(" ", "")
    assert walked.leak(said) is None


@pytest.mark.parametrize(
    ("tool", "more", "sent"),
    [
        ("github.comment", {"number": 7, "body": "On it."}, ["POST /repos/acme/app/issues/7/comments"]),
        ("github.create_issue", {"title": "seen"}, ["POST /repos/acme/app/issues"]),
        ("github.merge", {**MERGE, "head_sha": "2" * 40}, ["PUT /repos/acme/app/pulls/9/merge"]),
    ],
)
async def test_the_card_has_the_request(
    walked: Walk, github: GitHub, tool: str, more: dict[str, Any], sent: list[str]
) -> None:
    """
    What people see before anything is sent is the very request, with its secret's name.
    """
    view = await walked.ask(tool, **{**REPO, **more})
    shown = view.approval.circumstances.preview.requests[0]
    await walked.approve(view)

    assert (["github_write_token"], sent) == ([shown.secret], walked.sent)
    assert [f"{shown.method} {urlsplit(shown.url).path}"] == sent


async def test_an_issue_that_gives_orders(walked: Walk, github: GitHub) -> None:
    """
    A model that obeys what it reads gets no further than the card.
    """
    github.body = ORDER + json.dumps({"tool": "github.merge", **MERGE})
    view = await walked.ask("github.read_issue", **REPO, number=7)

    assert ("github.merge", WorkflowState.PAUSED) == (view.approval.tool, view.state)
    assert [] == github.merged


async def test_denied(walked: Walk, github: GitHub) -> None:
    """
    What is denied is not sent.
    """
    view = await walked.ask("github.create_issue", **REPO, title="x")
    await walked.app.decide(approver(), view.approval.id, Decision.DENY)
    await walked.app.wait("T1", view.id, 30)

    assert ([], []) == (github.opened, walked.sent)


async def test_merge_of_the_head_that_was_read(walked: Walk, github: GitHub) -> None:
    """
    An approved merge is one of that head; asked for again, it is recognized as done.
    """
    first = await walked.approve(await walked.ask("github.merge", **MERGE))
    second = await walked.approve(await walked.ask("github.merge", **MERGE))

    assert [HEAD] == github.merged
    assert "2" * 40 in first
    assert "merged already" in second


async def test_merge_of_a_head_that_moved(walked: Walk, github: GitHub) -> None:
    """
    A commit that was pushed after the card was approved is not merged.
    """
    view = await walked.ask("github.merge", **MERGE)
    github.head = "3" * 40
    said = await walked.approve(view)

    assert [] == github.merged
    assert "It has changed meanwhile. Read it again" in said


async def test_rate_limit(walked: Walk, github: GitHub) -> None:
    """
    A limit ends in a sentence that says until when.
    """
    github.limited_until = 1_795_354_200
    view = await walked.ask("github.list_prs", **REPO)

    assert "Try again after 13:30:00 UTC" in view.outcome


@pytest.mark.parametrize("tool", ["github.list_issues", "github.create_issue"])
async def test_renamed(walked: Walk, github: GitHub, tool: str) -> None:
    """
    Where a renamed repository leads is not in the manifest: nothing follows, and the remedy is said.
    """
    github.is_renamed = True
    title = {"title": "renamed"} if tool == "github.create_issue" else {}
    said = await walked.approve(await walked.ask(tool, **REPO, **title))

    assert "If the repository was renamed, use its new name." in said
    assert 1 == len(walked.sent)


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("github.list_issues", {"repo": "other/app"}),  # The operator bound the token to acme.
        ("github.list_issues", {"repo": "acme/.."}),
    ],
)
async def test_elsewhere(walked: Walk, github: GitHub, tool: str, words: dict[str, Any]) -> None:
    """
    What the token is not for, or the repository's name leads out of, is not sent at all.
    """
    view = await walked.ask(tool, **words)

    assert any(f'"{kind}"' in view.outcome for kind in ("denied", "invalid_input"))
    assert [] == walked.sent


async def test_another_tenant(walked: Walk, github: GitHub) -> None:
    """
    Another tenant has no token here, and learns of none.
    """
    view = await walked.paused("T2", tool="github.list_issues", **REPO)

    assert "There is no secret of this name" in view.outcome
    assert [] == walked.sent
