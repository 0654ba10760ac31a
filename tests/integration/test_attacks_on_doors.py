"""Attacks on what people see and on what policy is told: each of these must not be possible."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.cases._approval_toolbox import write_toolboxes
from tests.fakes.clock import Clock
from tests.golden.drawings import an_approval
from tests.integration.engine import BO, Moves, approver, ask, engine, moves, settings, wants
from tests.integration.test_editing import WRITE
from tests.integration.test_veto import thief, written

from ironclaw.capabilities import HttpRequest, HttpResponse, HttpRule
from ironclaw.egress.rules import check
from ironclaw.egress.urls import parse_url
from ironclaw.envelope import FileEffect, Preview, RequestEffect
from ironclaw.errors import EgressDenied, EgressUnavailable
from ironclaw.orchestrator.dry_run import failed, fingerprint
from ironclaw.orchestrator.holding import Requests
from ironclaw.secrets import Lender
from ironclaw.settings import TenantSettings
from ironclaw.task import Conversation, Decision, Move, Principal, ToolCall, WorkflowState
from ironclaw.terms import Circumstances, GrantScope
from ironclaw_bot.ending import told
from ironclaw_bot.http.requests import ReplyTo, RunRequest
from ironclaw_bot.local import Here
from ironclaw_bot.slack.card import card
from ironclaw_bot.slack.preview import IN_DETAILS, ON_CARD, previewed
from ironclaw_bot.task_commands import Tasks

pytestmark = pytest.mark.sandbox
LONG = tuple(f"▸ + {'x' * 150}" for _ in range(100))
PAYS = RequestEffect("POST", "https://bank.example:443/pay", (), "", "0" * 64, 3)


def writes(count: int) -> tuple[FileEffect, ...]:
    return tuple(FileEffect(f"{n}.md", "", "0" * 64, 15_000, LONG) for n in range(count))


@pytest.mark.parametrize("room", [ON_CARD, IN_DETAILS])
def test_no_effect_hides_behind_others(room: int) -> None:
    """
    Long files push no request off the card, nor out of the details.
    """
    assert "bank.example" in json.dumps(previewed(Preview(writes(2), (PAYS,)), room))


@pytest.mark.parametrize("files", [1, 2])
def test_what_nobody_can_see_whole_has_no_approve(files: int) -> None:
    """
    Effects that the details cannot show whole can be denied, and not approved.
    """
    approval = an_approval(circumstances=Circumstances(preview=Preview(writes(files), (PAYS,))))
    drawing = json.dumps(card([approval], ["v"]))

    assert (files == 1) == ('"Approve"' in drawing)
    assert '"Deny"' in drawing


def test_what_a_tool_says_is_no_markup() -> None:
    """
    A preview that failed says why in the tool's words: nothing in them is bold, code or a line of ours.
    """
    ours = "*What it will do:* change no file and send nothing. The run is held to it."
    blocks = previewed(failed(f"timeout. {ours}", str), ON_CARD)

    assert ours in json.dumps(blocks)
    assert not [each for each in blocks if each["type"] == "section" and ours in each["text"]["text"]]


async def test_a_grant_is_for_what_was_in_the_file(tmp_path: Path) -> None:
    """
    A remembered yes to a call that names a file is for what was in the file.
    """
    write_toolboxes(tmp_path / "boxes")
    (tmp_path / "boxes/standard").symlink_to(tmp_path / "boxes/locker")
    folder = tmp_path / "data/mnt/scratch/T1"
    folder.mkdir(parents=True)
    (folder / "report.txt").write_text("public")
    file = tmp_path / "p.cedar"
    file.write_text('@grants("tool") permit(principal, action == Action::"run_with_approval", resource);')
    upload = Moves(moves(wants("locker.upload", path="report.txt")))
    async with engine(tmp_path, upload, tmp_path / "boxes", policy_file=file) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        await app.decide(approver(), view.approval.id, Decision.APPROVE, grant=GrantScope.TOOL)
        await app.wait("T1", view.id, 30)
        same = await app.wait("T1", await app.submit(ask()), 30)
        (folder / "report.txt").write_text("salaries")
        other = await app.wait("T1", await app.submit(ask()), 30)

    assert (True, WorkflowState.PAUSED) == (same.state.is_final, other.state)


API_ASKS = """
permit(principal, action == Action::"run_with_approval", resource);
permit(principal, action == Action::"auto_run", resource);
@id("api-asks") forbid(principal, action == Action::"auto_run", resource) when { context.door == "http" };
"""


async def test_where_the_answer_goes_is_not_the_door(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A caller of the API who has the answer sent to Slack asks by the API: for policy, and on the card.
    """
    file = tmp_path / "p.cedar"
    file.write_text(API_ASKS)
    brain = Moves(WRITE)
    body = RunRequest(task="do it", reply_to=ReplyTo(channel="C1"))
    async with engine(tmp_path, brain, built_toolboxes, policy_file=file) as app:
        await app.map_workspace("T1")
        task = body.to_task(Principal("T1", "jwt:https://i.example|svc"), None)
        view = await app.wait("T1", await app.submit(task), 30)

    assert (WorkflowState.PAUSED, []) == (view.state, written(tmp_path))
    assert view.approval is not None
    assert ("http", "http") == (view.approval.door, brain.seen[0].door)


async def test_a_call_reaches_the_host_that_it_names(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Of the operator's list a call gets the one host that policy was told, and nothing else to be led to.
    """
    reached: list[tuple[str, ...]] = []

    async def fetch(
        self: Lender, call: ToolCall, request: HttpRequest, rules: tuple[HttpRule, ...], **more: object
    ) -> HttpResponse:
        reached.append(tuple(rule.host for rule in rules))
        raise EgressUnavailable("no")

    monkeypatch.setattr(Lender, "fetch", fetch)
    brain = Moves(moves(*(wants("http.get", f"c{n}", url=f"https://{n}.c.example/") for n in "ab")))
    hosts = ("a.c.example", "b.example", "*.c.example")
    async with engine(tmp_path, brain, built_toolboxes, http_allow=hosts) as app:
        await app.wait("T1", await app.submit(ask()), 30)

    assert [("a.c.example", "a.c.example"), ("b.c.example",)] == reached


TRICKS = {"path": "notes/\u202edm.yadot", "text": "a\u009b2K\u009b1Ab\u200b"}


async def test_the_command_line_shows_plain_characters(
    tmp_path: Path, built_toolboxes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What the brain writes moves no cursor and turns no line around where somebody reads before they approve,
    nor in the answer.
    """
    async with engine(tmp_path, Moves(moves(wants("files.write", **TRICKS))), built_toolboxes) as app:

        @contextlib.asynccontextmanager
        async def here(_settings: object) -> AsyncIterator[Here]:
            yield Here(app)

        await app.wait("T1", await app.submit(ask()), 30)
        capsys.readouterr()
        await Tasks(here).approvals(settings(tmp_path), argparse.Namespace(tenant="T1"))
        ended = {"approval": None, "state": "done", "outcome": TRICKS["text"], "workflow_id": "wf"}
        told(ended, argparse.Namespace())
    out = capsys.readouterr().out

    assert ("\\u{202E}dm.yadot" in out, "a\\u{009B}2K" in out) == (True, True)
    assert not [char for char in out if char != "\n" and not char.isprintable()]


class Led(Moves):
    """Reads a file; asked "again", sends what it told to a host of the operator's list."""

    async def plan(self, conversation: Conversation) -> Move:
        is_again = any(message.text == "again" for message in conversation.messages)
        look, tell = wants("files.read", path="a.txt"), wants("http.get", url="https://a.example/?q=a")
        self.moves = (moves(tell if is_again else look),)
        return await super().plan(conversation)


async def test_an_answer_launders_nothing(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What a task of the thread has read is in its answer, and so before the brain of the next one.
    """
    folder = tmp_path / "data/mnt/scratch/T1"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("Bo has 5")
    async with engine(tmp_path, Led(), built_toolboxes, http_allow=("a.example",)) as app:
        first = await app.wait("T1", await app.submit(ask("look", thread="th")), 30)
        then = await app.wait("T1", await app.submit(ask("again", thread="th")), 30)

    assert ("Bo has 5" in first.outcome, WorkflowState.PAUSED) == (True, then.state)
    assert then.approval is not None
    assert {"files"} == then.approval.circumstances.taint


async def test_a_no_holds_for_an_hour(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    An hour from the no, and not from when it was asked.
    """
    clock = Clock()
    tenants = {"T1": TenantSettings(slack=("T1",), approvers=(BO,), approval_minutes=120)}
    brain = Moves(WRITE, WRITE)
    async with engine(tmp_path, brain, built_toolboxes, clock=clock, tenants=tenants) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        clock.at += 70 * 60
        await app.decide(approver(), view.approval.id, Decision.DENY)
        after = await app.wait("T1", view.id, 30)

    assert (WorkflowState.DONE, True) == (after.state, "has already denied" in after.outcome)


@pytest.mark.parametrize("path", ["/repos/secret/x", "/repos/*/x/y", "/repos"])
def test_an_approved_path_is_that_path(path: str) -> None:
    """
    A star in an approved path is a star, and nothing lies below it: a redirect leads nowhere else.
    """
    request = HttpRequest("GET", "https://a.example/repos/*/x", (), b"", None)
    approved = Requests(Preview(requests=(fingerprint(request),)))
    only = approved.admit(request, (HttpRule("a.example"),))

    check(only, "GET", parse_url("https://a.example/repos/*/x"))
    with pytest.raises(EgressDenied):
        check(only, "GET", parse_url(f"https://a.example{path}"))


async def test_cards_of_one_turn_count(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    One turn does not bring more cards than a workflow may have; what fits on these is asked.
    """
    tenants = {"T1": TenantSettings(slack=("T1",), approvers=(BO,), cards_per_workflow=2)}
    sizes = (1_000, 1_000, 3_500, 100, 3_500, 100)
    calls = [wants("files.write", f"c{n}", path=f"{n}.md", text="x" * size) for n, size in enumerate(sizes)]
    async with engine(tmp_path, Moves(moves(*calls)), built_toolboxes, tenants=tenants) as app:
        await app.wait("T1", await app.submit(ask()), 30)
        waiting = await app.approvals("T1")

    assert ([1, 2, 3, 4, 6], 2) == ([each.seq for each in waiting], len({each.card for each in waiting}))


async def test_each_proposal_is_in_the_audit(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Of 70 calls in one turn 64 have events of their own, and one event counts the other six.
    """
    calls = [wants("files.write", f"c{n}", path=f"{n}.md", text="x") for n in range(70)]
    async with engine(tmp_path, Moves(moves(*calls)), built_toolboxes) as app:
        await app.wait("T1", await app.submit(ask()), 30)
    with thief(tmp_path) as c:
        events = [json.loads(event) for (event,) in c.execute("SELECT event FROM audit WHERE tenant = 'T1'")]
    seqs = {event.get("seq") for event in events} - {None}
    left_out = [event["count"] for event in events if event["event"] == "calls_left_out"]

    assert (64, [6]) == (len(seqs), left_out)
