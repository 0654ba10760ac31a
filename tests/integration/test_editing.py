"""A person may change the arguments of what waits: a new version, judged anew, which waits too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.fakes.clock import Clock
from tests.integration.engine import ADA, BO, Moves, approver, ask, engine, moves, wants
from tests.integration.test_veto import thief, written

from ironclaw.app import Ironclaw
from ironclaw.errors import BadRequest, Conflict, Expired, IronclawError, NotFound, Refused, StepUpNeeded
from ironclaw.hookspecs import hookimpl
from ironclaw.settings import TenantSettings
from ironclaw.task import ApprovalState, ApprovalView, CallState, Decision, Opinion, ToolCall, Verdict
from ironclaw.terms import Terms

pytestmark = pytest.mark.sandbox
CY = "slack:T1:U_CY"
WRITE = moves(wants("files.write", path="notes/today.md", text="hello"))
MINE = json.dumps({"path": "notes/today.md", "text": "better"})


class Rules:
    """Policy of a test beside the shipped one: what it says of a call, by its arguments."""

    def __init__(self, say: Callable[[dict[str, str]], Opinion | None]) -> None:
        self.say = say

    @hookimpl
    async def ironclaw_verdict(self, call: ToolCall) -> Opinion | None:
        return self.say(json.loads(call.args))


@asynccontextmanager
async def waiting(
    folder: Path, toolboxes: Path, brain: Moves | None = None, say: Rules | None = None, **more: object
) -> AsyncIterator[tuple[Ironclaw, ApprovalView]]:
    """An engine with one write that waits."""
    plugins = {"rules": lambda _: say} if say else None
    async with engine(folder, brain or Moves(WRITE), toolboxes, plugins, **more) as app:  # type: ignore[arg-type]
        view = await app.wait("T1", await app.submit(ask()), 30)
        assert view.approval is not None
        yield app, view.approval


async def approve(app: Ironclaw, approval: ApprovalView, who: str = BO) -> None:
    await app.decide(approver(who), approval.id, Decision.APPROVE)
    await app.wait("T1", approval.workflow_id, 30)


async def test_what_was_edited_runs(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The new version waits; approved, it is what runs, once, and the old arguments never do.
    """
    async with waiting(tmp_path, built_toolboxes) as (app, old):
        new = await app.edit(approver(), old.id, MINE, version=1)
        before = written(tmp_path)
        await approve(app, new)

    assert ([], ["better"]) == (before, written(tmp_path))
    assert (2, old.card, ApprovalState.PENDING, ()) == (new.version, new.card, new.state, new.votes)
    assert new.id != old.id
    assert new.action_sha256 != old.action_sha256


async def test_the_card_has_the_newest_version(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    One card, one row for each call: the version that waits; the one before it is told apart.
    """
    async with waiting(tmp_path, built_toolboxes) as (app, old):
        new = await app.edit(approver(), old.id, MINE)
        shown = await app.card("T1", old.card)
        was = await app.approval("T1", old.id)

    assert [(new.id, BO)] == [(each.id, each.circumstances.edited_by) for each in shown]
    assert (ApprovalState.SUPERSEDED, old.args) == (was.state, was.args)


async def test_every_copy_of_the_card_is_drawn_anew(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    An edit puts the card into the outbox again, where it was shown before.
    """
    async with waiting(tmp_path, built_toolboxes) as (app, old):
        await app.edit(approver(), old.id, MINE)
        with thief(tmp_path) as c:
            count = c.execute("SELECT count(*) FROM outbox WHERE subject = ?", (f"card:{old.card}",))
            assert (2,) == count.fetchone()


async def test_old_buttons_are_stale(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A click on the card as it was before the edit decides nothing, neither yes nor no, and says why.
    """
    async with waiting(tmp_path, built_toolboxes) as (app, old):
        button = app.button(old)
        new = await app.edit(approver(), old.id, MINE)
        for decision in Decision:
            with pytest.raises(Conflict, match="newer version"):
                await app.press(approver(), button, decision)
        after = await app.approval("T1", new.id)

    assert (ApprovalState.PENDING, []) == (after.state, written(tmp_path))


async def test_a_stale_edit_changes_nothing(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    An edit of a version that was edited meanwhile is refused, by its id and by its number.
    """
    async with waiting(tmp_path, built_toolboxes) as (app, old):
        new = await app.edit(approver(), old.id, MINE)
        with pytest.raises(Conflict, match="newer version"):
            await app.edit(approver(), old.id, '{"path":"b","text":"late"}')
        with pytest.raises(Conflict, match="newer version"):
            await app.edit(approver(), new.id, '{"path":"b","text":"late"}', version=1)
        [waits] = await app.approvals("T1")

    assert new == waits


async def test_votes_on_the_old_version_do_not_count(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    One of two had approved before the edit: the new version needs two again.
    """
    two = Rules(lambda _: Opinion(Verdict.REVIEW, "two", terms=Terms(quorum=2)))
    async with waiting(tmp_path, built_toolboxes, say=two) as (app, old):
        await approve(app, old)
        new = await app.edit(approver(CY), old.id, MINE)
        await approve(app, new, CY)
        between = written(tmp_path)
        await approve(app, new, BO)

    assert ([], ["better"]) == (between, written(tmp_path))


@pytest.mark.parametrize("who", [ADA, "slack:T1:U_NOBODY", "slack:T2:U_BO"])
async def test_who_may_not_approve_may_not_edit(tmp_path: Path, built_toolboxes: Path, who: str) -> None:
    """
    Neither the requester nor a bystander nor a namesake elsewhere changes what waits.
    """
    async with waiting(tmp_path, built_toolboxes) as (app, old):
        with pytest.raises(Refused):
            await app.edit(approver(who), old.id, MINE)
        with pytest.raises(NotFound):
            await app.edit(approver(who, "T2"), old.id, MINE)
        [waits] = await app.approvals("T1")

    assert old == waits


async def test_a_requester_who_may_approve_may_edit(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Where the tenant lets people approve their own calls, they may change them too.
    """
    tenants = {"T1": TenantSettings(slack=("T1",), approvers=(ADA,), self_approval=True)}
    async with waiting(tmp_path, built_toolboxes, tenants=tenants) as (app, old):
        await approve(app, await app.edit(approver(ADA), old.id, MINE), ADA)

    assert ["better"] == written(tmp_path)


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("", ""),
        ("[]", ""),
        ('{"path":"a","path":"b","text":"x"}', ""),
        ('{"path":"a","text":NaN}', ""),
        ('{"path":"a","text":"\\ud800"}', ""),
        ('{"path":"a"}', "/text"),
        ('{"path":"","text":"x"}', "/path"),
        ('{"path":"a","text":1}', "/text"),
        ('{"path":"a","text":"x","tool":"files.delete"}', ""),
        ('{"path":"notes/today.md","text":"hello"}', ""),
    ],
)
async def test_what_is_no_arguments(tmp_path: Path, built_toolboxes: Path, text: str, pointer: str) -> None:
    """
    An edit is read as strictly as what the brain writes, and the wrong field is named.
    """
    async with waiting(tmp_path, built_toolboxes) as (app, old):
        with pytest.raises(BadRequest) as caught:
            await app.edit(approver(), old.id, text)
        [waits] = await app.approvals("T1")

    assert (pointer, old) == (caught.value.pointer, waits)


async def test_a_secret_is_not_written_down(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What looks like a secret does not get into the database by an edit, nor to the model.
    """
    secret = "xoxb-" + "123456789012-1234567890123-" + "a1B2" * 6
    async with waiting(tmp_path, built_toolboxes) as (app, old):
        with pytest.raises(BadRequest, match="secret") as caught:
            await app.edit(approver(), old.id, json.dumps({"path": "a", "text": secret}))

    assert "/text" == caught.value.pointer
    assert secret.encode() not in b"".join(each.read_bytes() for each in (tmp_path / "data").glob("*.db*"))


@pytest.mark.parametrize("verdict", [Verdict.DENY, Verdict.CORRECT])
async def test_policy_judges_what_was_edited(tmp_path: Path, built_toolboxes: Path, verdict: Verdict) -> None:
    """
    Arguments that policy forbids, or would advise against, are refused with its reason; nothing has changed.
    """

    def say(args: dict[str, str]) -> Opinion | None:
        return Opinion(verdict, "no-betters", "Nothing better.") if args["text"] == "better" else None

    async with waiting(tmp_path, built_toolboxes, say=Rules(say)) as (app, old):
        with pytest.raises(Refused, match="Nothing better"):
            await app.edit(approver(), old.id, MINE)
        [waits] = await app.approvals("T1")
        await approve(app, old)

    assert (old, ["hello"]) == (waits, written(tmp_path))


async def test_an_edit_never_runs_by_itself(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Arguments that policy would let run at once wait too: for what the version before asked of people.
    """

    class Lists:
        @hookimpl
        async def ironclaw_verdict(self, call: ToolCall) -> Opinion | None:
            is_asked = "secret" in call.args
            return Opinion(Verdict.REVIEW, "two", terms=Terms(quorum=2)) if is_asked else None

    brain = Moves(moves(wants("files.list", path="secret")))
    async with waiting(tmp_path, built_toolboxes, brain, Lists()) as (app, old):  # type: ignore[arg-type]
        new = await app.edit(approver(), old.id, "{}")
        view = await app.wait("T1", old.workflow_id, 0.2)

    assert ("two", 2, CallState.PENDING) == (new.rule, new.terms.quorum, new.call_state)
    assert new.id == (view.approval.id if view.approval else None)


@pytest.mark.parametrize(("text", "quorum"), [("better", 3), ("hello!", 2)])
async def test_an_edit_only_tightens(tmp_path: Path, built_toolboxes: Path, text: str, quorum: int) -> None:
    """
    The new version asks what its own arguments ask, and no less than the old one asked.
    """

    def say(args: dict[str, str]) -> Opinion:
        asked = {"hello": 2, "better": 3}.get(args["text"], 1)
        return Opinion(Verdict.REVIEW, "many", terms=Terms(quorum=asked))

    async with waiting(tmp_path, built_toolboxes, say=Rules(say)) as (app, old):
        new = await app.edit(approver(), old.id, json.dumps({"path": "a", "text": text}))

    assert quorum == new.terms.quorum


async def test_a_rule_of_now_says_who_may_edit(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The terms are tightened for an edit as for a click; an edit is no approval, so it asks for no factor.
    """
    rules = Rules(lambda _: None)
    async with waiting(tmp_path, built_toolboxes, say=rules) as (app, old):
        rules.say = lambda _: Opinion(Verdict.REVIEW, "factor", terms=Terms(step_up=True))
        new = await app.edit(approver(), old.id, MINE)
        with pytest.raises(StepUpNeeded):
            await app.decide(approver(), new.id, Decision.APPROVE)
        rules.say = lambda _: Opinion(Verdict.DENY, "closed", "Closed.")
        with pytest.raises(Conflict):
            await app.edit(approver(), new.id, '{"path":"a","text":"b"}')

    assert [] == written(tmp_path)


async def test_expiry(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The new version has the time that the terms allow from now on; what has expired is not edited.
    """
    clock = Clock()
    short = Rules(lambda _: Opinion(Verdict.REVIEW, "short", terms=Terms(minutes=5)))
    async with waiting(tmp_path, built_toolboxes, say=short, clock=clock) as (app, old):
        clock.at += 200
        new = await app.edit(approver(), old.id, MINE)
        clock.at = new.expires_at
        with pytest.raises(Expired):
            await app.edit(approver(), new.id, '{"path":"a","text":"b"}')

    assert old.expires_at + 200 == new.expires_at


async def test_edit_against_approve(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Ten edits and ten approvals at once: one of them decides what becomes of the version that all saw.
    """
    async with waiting(tmp_path, built_toolboxes) as (app, old):
        edits = [
            app.edit(approver(CY), old.id, json.dumps({"path": "a", "text": f"better {n}"}))
            for n in range(10)
        ]
        clicks = [app.decide(approver(), old.id, Decision.APPROVE) for _ in range(10)]
        mixed = [each for pair in zip(edits, clicks, strict=True) for each in pair]
        ends = await asyncio.gather(*mixed, return_exceptions=True)
        await app.wait("T1", old.workflow_id, 30)
        was = await app.approval("T1", old.id)
        waits = await app.approvals("T1")

    won = [end for end in ends if not isinstance(end, BaseException)]
    assert 1 == len(won)
    assert {Conflict} == {type(end) for end in ends if isinstance(end, BaseException)}
    is_edited = was.state is ApprovalState.SUPERSEDED
    assert ([], 1) if is_edited else (["hello"], 0) == (written(tmp_path), len(waits))


async def test_the_store_itself_edits_only_what_waits(
    tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An approval that falls between an edit's checks and its transaction wins.
    """
    async with waiting(tmp_path, built_toolboxes) as (app, old):
        write = app._store.edits.write

        async def late(*words):  # type: ignore[no-untyped-def]
            await approve(app, old)
            await write(*words)

        monkeypatch.setattr(app._store.edits, "write", late)
        with pytest.raises(Conflict, match="approved"):
            await app.edit(approver(CY), old.id, MINE)

    assert ["hello"] == written(tmp_path)


async def test_the_brain_hears_what_ran(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The result of an edited call says whose arguments ran, and which.
    """
    brain = Moves(WRITE)
    async with waiting(tmp_path, built_toolboxes, brain) as (app, old):
        await approve(app, await app.edit(approver(), old.id, MINE))
    said = json.loads(brain.seen[-1].messages[-1].text)

    assert (BO, json.loads(MINE)) == (said["edited_by"], said["arguments"])
    assert {"output", "edited_by", "arguments"} == said.keys()


async def test_the_audit_has_both(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    One event says who changed what: both actions and both arguments.
    """
    async with waiting(tmp_path, built_toolboxes) as (app, old):
        new = await app.edit(approver(), old.id, MINE)
    with thief(tmp_path) as c:
        events = [json.loads(row[0]) for row in c.execute("SELECT event FROM audit ORDER BY n")]
    [edited] = [each for each in events if each["event"] == "call_edited"]

    assert (BO, new.id, old.id) == (edited["actor"], edited["approval"], edited["replaced"])
    assert (new.action_sha256, old.action_sha256) == (edited["action"], edited["replaced_action"])
    assert (new.args, old.args) == (edited["arguments"], edited["replaced_arguments"])


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE tool_calls SET args = replace(args, 'better', 'evil')",
        "UPDATE tool_calls SET args = replace(args, 'better', 'hello')",
        "UPDATE tool_calls SET circumstances = replace(circumstances, 'U_BO', 'U_CY')",
        "UPDATE approvals SET state = 'pending'",
    ],
)
async def test_a_thief_edits_nothing(tmp_path: Path, built_toolboxes: Path, change: str) -> None:
    """
    Rows changed around an edit, or an old version woken again: approving either runs nothing but the new one.
    """
    async with waiting(tmp_path, built_toolboxes) as (app, old):
        new = await app.edit(approver(), old.id, MINE)
        with thief(tmp_path) as c:
            c.execute(change)
        for each in (old, new) if "approvals" in change else (new, old):
            with pytest.raises(IronclawError):
                await approve(app, each)

    assert [] == written(tmp_path)


async def test_a_card_shows_what_would_run(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The arguments kept of an old version are never shown for one that can be decided.
    """
    async with waiting(tmp_path, built_toolboxes) as (app, old):
        with thief(tmp_path) as c:
            c.execute("UPDATE approvals SET asked_args = '{}'")
        [shown] = await app.card("T1", old.card)

    assert old == shown
