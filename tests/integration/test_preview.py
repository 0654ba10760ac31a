"""A preview is what people approve, and the run is held to it: with a tool that lies, in the real sandbox."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from tests.fakes import guests
from tests.integration.engine import BO, approver, ask, engine, settings

from ironclaw.app import Ironclaw
from ironclaw.envelope import Preview
from ironclaw.settings import TenantSettings
from ironclaw.task import (
    ApprovalView,
    CallState,
    Conversation,
    Decision,
    Move,
    ProposedCall,
    Role,
    WorkflowView,
)
from ironclaw_bot.authoring.cases import Case
from ironclaw_bot.authoring.trying import open_trials

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]
people = itertools.count(1)
FILE = "notes.md"


class AsTold:
    """Proposes the call that the task is; again while it hears that it must, then says what it heard."""

    async def plan(self, conversation: Conversation) -> Move:
        asked = [i for i, each in enumerate(conversation.messages) if each.role is Role.USER][-1]
        task, *rest = conversation.messages[asked:]
        said = [each.text for each in rest if each.role is Role.TOOL]
        again = not said or "Propose" in said[-1]
        if again and len(said) < 2:
            return Move(calls=(ProposedCall("c1", "liar.act", task.text),))
        return Move(answer="\n".join(said))


class Receiver:
    """An HTTP service that notes what reaches it."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, str]] = []
        self.url = ""
        self.meanwhile = lambda: None  #: Done while a request is answered.

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((request.method, request.path_qs, await request.text()))
        self.meanwhile()
        if request.path == "/moved":
            raise web.HTTPFound("/elsewhere")
        return web.Response(text="ok")


class Stage:
    """One engine whose one tool lies, its folder, and a server."""

    def __init__(self, app: Ironclaw, data: Path, receiver: Receiver) -> None:
        self.app, self.data, self.receiver = app, data, receiver
        self.folder = data / "mnt/scratch/T1"

    @property
    def files(self) -> dict[str, str]:
        found = [each for each in self.folder.rglob("*") if each.is_file()]
        return {str(each.relative_to(self.folder)): each.read_text() for each in found}

    async def proposed(
        self, said: list[Any], done: list[Any], first: list[Any] | None = None
    ) -> WorkflowView:
        """The workflow when it waits for the approval of a call."""
        effects = {"said": json.dumps(said), "done": json.dumps(done), "first": json.dumps(first or [])}
        task = ask(json.dumps(effects), requester=f"slack:T1:U{next(people)}")
        return await self.app.wait("T1", await self.app.submit(task), 30)

    async def approved(self, view: WorkflowView) -> tuple[WorkflowView, ApprovalView]:
        """What came of a yes."""
        assert view.approval is not None
        await self.app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await self.app.wait("T1", view.id, 30)
        return after, await self.app.approval("T1", view.approval.id)

    def url(self, path: str) -> str:
        return self.receiver.url + path

    def sends(self, path: str = "/orders", body: str = "1", **more: Any) -> dict[str, Any]:
        return {"method": "POST", "url": self.url(path), "text": body, **more}

    def sending(self, path: str = "/orders", body: str = "1", **more: Any) -> dict[str, Any]:
        return {"method": "POST", "url": self.url(path), "body": body, **more}

    def rows(self, statement: str) -> None:
        with closing(sqlite3.connect(self.data / "ironclaw.db")) as c, c:
            c.execute(statement)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("preview")
    boxes = folder / "boxes"
    boxes.mkdir()
    (boxes / "standard").symlink_to(guests.kept(Path(__file__).parents[1] / "fakes" / "liar", "liar"))
    receiver, site = Receiver(), web.Application()
    site.router.add_route("*", "/{path:.*}", receiver.take)
    runner = web.AppRunner(site)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://localhost:{runner.addresses[0][1]}"
    tenants = {"T1": TenantSettings(slack=("T1",), approvers=(BO,))}
    async with engine(folder, AsTold(), boxes, http_allow=(receiver.url,), tenants=tenants, workers=2) as app:
        yield Stage(app, settings(folder).data_dir, receiver)
    await runner.cleanup()


@pytest.fixture
def stage(one_stage: Stage) -> Stage:
    """With one file in the folder, and nothing received."""
    one_stage.receiver.got.clear()
    one_stage.receiver.meanwhile = lambda: None
    one_stage.folder.mkdir(parents=True, exist_ok=True)
    for each in sorted(one_stage.folder.rglob("*"), reverse=True):
        each.rmdir() if each.is_dir() and not each.is_symlink() else each.unlink()
    (one_stage.folder / FILE).write_text("one\n")
    return one_stage


def preview(view: WorkflowView) -> Preview:
    assert view.approval is not None
    assert view.approval.circumstances.preview is not None
    return view.approval.circumstances.preview


NEW = {"path": FILE, "text": "two\n"}


async def test_what_was_shown_is_what_happens(stage: Stage) -> None:
    """
    The difference is on the approval before anything happened, and just that happens.
    """
    view = await stage.proposed([NEW, stage.sends()], [stage.sending(), NEW])
    untouched = stage.files, [*stage.receiver.got]
    await stage.approved(view)

    assert ({FILE: "one\n"}, []) == untouched
    assert ("▸ … lines 1 become 1", "▸ - one", "▸ + two") == preview(view).files[0].lines
    assert ({FILE: "two\n"}, [("POST", "/orders", "1")]) == (stage.files, stage.receiver.got)


FILE_LIES = {
    "other bytes": [{"path": FILE, "text": "two"}],
    "another file": [{"path": "other.md", "text": "two\n"}],
    "one more file": [NEW, {"path": "other.md", "text": "x"}],
    "a file for a moment": [NEW, {"path": "x", "text": "x"}, {"path": FILE, "text": "three\n"}],
    "removed": [{"path": FILE, "delete": True}],
    "one more folder": [NEW, {"path": "sub", "folder": True}],
    "a folder in its place": [{"path": FILE, "delete": True}, {"path": FILE, "folder": True}],
}


@pytest.mark.parametrize("lie", FILE_LIES)
async def test_files_beside_what_was_approved(stage: Stage, lie: str) -> None:
    """
    A run that changes a file otherwise than approved, or another one, changes none; the brain hears that it
    must propose it again, and people are asked again.
    """
    view = await stage.proposed([NEW], FILE_LIES[lie])
    after, approval = await stage.approved(view)

    assert ({FILE: "one\n"}, CallState.FAILED) == (stage.files, approval.call_state)
    assert after.approval is not None
    assert view.approval is not None
    assert view.approval.id != after.approval.id


def request_lies(stage: Stage) -> dict[str, list[Any]]:
    return {
        "another address": [stage.sending("/other")],
        "another query": [stage.sending("/orders?x=1")],
        "another body": [stage.sending(body="2")],
        "another method": [stage.sending(body="") | {"method": "GET"}],
        "another header": [stage.sending(headers={"content-type": "text/plain"})],
        "under it": [stage.sending("/orders/2")],
    }


@pytest.mark.parametrize("lie", [*request_lies(Stage(None, Path(), Receiver()))])  # type: ignore[arg-type]
async def test_requests_beside_what_was_approved(stage: Stage, lie: str) -> None:
    """
    A request that differs from the approved one in anything is not sent, and no file is changed either.
    """
    view = await stage.proposed([stage.sends(), NEW], [*request_lies(stage)[lie], NEW])
    after, approval = await stage.approved(view)

    assert ([], {FILE: "one\n"}) == (stage.receiver.got, stage.files)
    assert (CallState.FAILED, True) == (approval.call_state, after.approval is not None)


async def test_each_request_once(stage: Stage) -> None:
    """
    An approved request is sent once; the brain hears that it was.
    """
    view = await stage.proposed([stage.sends()], [stage.sending(), stage.sending()])
    after, _ = await stage.approved(view)
    await stage.app.decide(approver(), after.approval.id, Decision.DENY)  # type: ignore[union-attr]
    ended = await stage.app.wait("T1", view.id, 30)

    assert [("POST", "/orders", "1")] == stage.receiver.got
    assert '"outside_envelope"' in ended.outcome
    assert "1 of the approved requests had been sent before" in ended.outcome


async def test_nothing_more_after_a_lie(stage: Stage) -> None:
    """
    After a request that was not approved nothing is sent any more, approved or not.
    """
    said, lie = [stage.sends("/first"), stage.sends("/last")], stage.sending("/other")
    view = await stage.proposed(said, [stage.sending("/first"), lie, stage.sending("/last")])
    await stage.approved(view)

    assert [("POST", "/first", "1")] == stage.receiver.got


async def test_twice_where_twice_was_approved(stage: Stage) -> None:
    """
    Two requests alike are two.
    """
    await stage.approved(await stage.proposed([stage.sends()] * 2, [stage.sending()] * 2))

    assert 2 == len(stage.receiver.got)


async def test_a_redirect_is_not_followed_elsewhere(stage: Stage) -> None:
    """
    Where a server leads an approved request is not what people approved.
    """
    get = {"method": "GET", "url": stage.url("/moved")}
    await stage.approved(await stage.proposed([get], [get]))

    assert [("GET", "/moved", "")] == stage.receiver.got


async def test_less_than_approved(stage: Stage) -> None:
    """
    A run may do less.
    """
    more = {"path": "b/new.md", "text": "new"}
    _, approval = await stage.approved(await stage.proposed([NEW, more, stage.sends()], [NEW]))

    assert ({FILE: "two\n"}, []) == (stage.files, stage.receiver.got)
    assert CallState.SUCCEEDED == approval.call_state


async def test_folders_and_removing(stage: Stage) -> None:
    """
    Folders on the way to a new file come with it; what was approved to go is gone.
    """
    made = {"path": "b/c/new.md", "text": "new"}
    folders = [{"path": "b", "folder": True}, {"path": "b/c", "folder": True}]
    gone = {"path": FILE, "delete": True}
    await stage.approved(await stage.proposed([made, gone], [*folders, made, gone]))

    assert {"b/c/new.md": "new"} == stage.files


async def test_a_preview_that_acts(stage: Stage) -> None:
    """
    A preview that writes or sends gets nowhere, before anybody was asked.
    """
    first = [{"path": "x.md", "text": "x"}, {"path": FILE, "delete": True}, stage.sending()]
    view = await stage.proposed([NEW], [NEW], first)

    assert ({FILE: "one\n"}, []) == (stage.files, stage.receiver.got)
    assert (FILE,) == tuple(each.path for each in preview(view).files)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ([{"path": "../x", "text": ""}], "It names a path that is none of the workspace."),
        ([{"path": "/etc/x", "text": ""}], "It names a path that is none of the workspace."),
        ([NEW, NEW], "It names a path twice, or a path within another one."),
        ([{"path": "a", "text": "", "delete": True}], "Its answer has not the form of a preview."),
        ([{"method": "POST"}], "Its answer has not the form of a preview."),
        (["x"], "Its answer has not the form of a preview."),
    ],
)
async def test_no_preview(stage: Stage, said: list[Any], problem: str) -> None:
    """
    What is no preview is told in a sentence; people are asked all the same, and the run is held to nothing.
    """
    view = await stage.proposed(said, [NEW])
    await stage.approved(view)

    assert problem in preview(view).problem
    assert (False, {FILE: "two\n"}) == (preview(view).is_binding, stage.files)


async def test_a_host_that_is_not_allowed(stage: Stage) -> None:
    """
    A preview of a request that could not be sent is none.
    """
    view = await stage.proposed([{"method": "POST", "url": "https://evil.test/"}], [])

    assert "It would send a request that is not allowed." in preview(view).problem


async def test_a_link_is_not_followed(stage: Stage) -> None:
    """
    A link in the folder leads nowhere: not the preview, and not what is approved.
    """
    outside = stage.data / "outside"
    outside.mkdir(exist_ok=True)
    (stage.folder / "link").symlink_to(outside)
    (stage.folder / "file").symlink_to(outside / "x")
    through = await stage.proposed([{"path": "link/x", "text": "x"}], [{"path": "link/x", "text": "x"}])
    over = await stage.proposed([{"path": "file", "text": "x"}], [{"path": "file", "text": "x"}])
    await stage.approved(through)
    await stage.approved(over)

    assert [] == list(outside.iterdir())


async def test_changed_after_the_card(stage: Stage) -> None:
    """
    A file that changed since the card was drawn is not overwritten: people are asked again, with the
    difference to what is there now.
    """
    view = await stage.proposed([NEW], [NEW])
    (stage.folder / FILE).write_text("one and more\n")
    again, approval = await stage.approved(view)
    waiting = stage.files
    await stage.approved(again)

    assert ({FILE: "one and more\n"}, CallState.SUPERSEDED) == (waiting, approval.call_state)
    assert "▸ - one and more" in preview(again).files[0].lines
    assert {FILE: "two\n"} == stage.files


@pytest.mark.parametrize("kind", ["changed", "made"])
async def test_changed_during_the_run(stage: Stage, kind: str) -> None:
    """
    A file that somebody changes or makes while the tool runs is not overwritten either.
    """
    path = FILE if kind == "changed" else "made.md"
    new = {"path": path, "text": "two\n"}
    stage.receiver.meanwhile = lambda: (stage.folder / path).write_text("meanwhile") and None
    view = await stage.proposed([new, stage.sends()], [stage.sending(), new])
    after, _ = await stage.approved(view)

    assert ("meanwhile", True) == (stage.files[path], after.approval is not None)


async def test_one_of_two_changed(stage: Stage) -> None:
    """
    Where one of two files is not what it was, neither is changed.
    """
    both = [{"path": "a.md", "text": "a"}, NEW]
    stage.receiver.meanwhile = lambda: (stage.folder / FILE).write_text("meanwhile") and None
    await stage.approved(await stage.proposed([*both, stage.sends()], [stage.sending(), *both]))

    assert {FILE: "meanwhile"} == stage.files


@pytest.mark.parametrize("moment", ["before the decision", "after the decision"])
async def test_a_changed_row(stage: Stage, moment: str) -> None:
    """
    Who edits the preview in the database has made another action of it: nothing runs.
    """
    view = await stage.proposed([NEW], [NEW])
    assert view.approval is not None
    change = "UPDATE tool_calls SET circumstances = json_set(circumstances, '$.preview.files', json('[]'))"
    if moment == "after the decision":
        await stage.app._veto.decide(approver(), view.approval.id, Decision.APPROVE)
    stage.rows(f"{change} WHERE workflow_id = '{view.id}'")
    if moment == "before the decision":
        with pytest.raises(Exception, match="changed since this was asked"):
            await stage.app.decide(approver(), view.approval.id, Decision.APPROVE)
    stage.app._dispatcher.wake(view.id, "T1")
    await stage.app.wait("T1", view.id, 30)

    assert {FILE: "one\n"} == stage.files


@pytest.mark.parametrize(("begun", "left"), [("NULL", "two\n"), ("1.0", "one\n")])
async def test_a_crash(stage: Stage, begun: str, left: str) -> None:
    """
    Nothing of a held run is visible before the host has noted that it begins: a host that stopped before that
    runs the call again, though it is one that may happen only once; after it, a person must look.
    """
    view = await stage.proposed([NEW], [NEW])
    assert view.approval is not None
    await stage.app._veto.decide(approver(), view.approval.id, Decision.APPROVE)
    executing = f"state = 'executing', attempts = 1, effect_begun_at = {begun}"
    stage.rows(f"UPDATE tool_calls SET {executing} WHERE workflow_id = '{view.id}'")
    stage.app._dispatcher.wake(view.id, "T1")
    await stage.app.wait("T1", view.id, 30)

    assert {FILE: left} == stage.files


async def test_an_edit_has_a_preview_of_its_own(stage: Stage) -> None:
    """
    Changed arguments are looked at anew, and the run is held to what came of that.
    """
    view = await stage.proposed([NEW], [NEW])
    assert view.approval is not None
    three = {"path": FILE, "text": "three\n"}
    args = {"said": json.dumps([three]), "done": json.dumps([three]), "first": "[]"}
    edited = await stage.app.edit(approver(), view.approval.id, json.dumps(args), version=1)
    await stage.app.decide(approver(), edited.id, Decision.APPROVE)
    await stage.app.wait("T1", view.id, 30)

    assert edited.circumstances.preview is not None
    assert "▸ + three" in edited.circumstances.preview.files[0].lines
    assert {FILE: "three\n"} == stage.files


async def test_nothing_is_left_behind(stage: Stage) -> None:
    """
    After a run, the copy that it had is empty, and no half of a file lies about.
    """
    await stage.approved(await stage.proposed([NEW], [NEW]))

    root = stage.folder.parent
    [copy] = root.glob(".held-T1.*")
    life = copy.name.rpartition(".")[2]
    assert ([f".held-T1.{life}", f".life-{life}", ".turn-T1", "T1"], []) == (
        sorted(each.name for each in root.iterdir()),
        [*copy.iterdir()],
    )


WROTE = {"said": json.dumps([NEW]), "done": json.dumps([NEW])}
TWICE = {"path": "x.md", "text": "x"}


@pytest.mark.parametrize(
    ("effects", "fault"),
    [
        (WROTE, ""),
        ({**WROTE, "done": json.dumps([NEW, TWICE])}, "its preview does not say what it did to 'x.md'"),
        (
            {**WROTE, "done": json.dumps([{"method": "GET", "url": "https://a.example.com/"}])},
            "its preview does not say that it asks for GET https://a.example.com/, or not exactly so",
        ),
        ({**WROTE, "said": "[1]"}, "it has no preview: TypeError in ironclaw.preview"),
    ],
)
async def test_an_author_hears_of_it(tmp_path: Path, effects: dict[str, str], fault: str) -> None:
    """
    `ironclaw tool test` holds each case that succeeds against the tool's preview.
    """
    answer = {"url": "https://a.example.com/", "text": "ok"}
    case = Case.model_validate(
        {"tool": "liar.act", "input": effects, "output_schema": {}, "files": {FILE: "one\n"},
         "http": [answer], "http_allow": ["a.example.com"]}
    )  # fmt: skip
    built = guests.kept(Path(__file__).parents[1] / "fakes" / "liar", "liar")
    async with open_trials(settings(tmp_path), lambda _line: None) as trials:
        faults = [trial.faults async for trial in trials.run(built, [case])]

    assert [(fault,) if fault else ()] == faults
