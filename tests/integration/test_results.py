"""Results that are too long for the brain: kept in the workspace, read on there."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.engine import Moves, ask, engine, moves, wants
from tests.integration.test_context import LINES, Scripted, plant

from ironclaw.capabilities import Quota
from ironclaw.orchestrator.results import FOLDER, Results, named
from ironclaw.orchestrator.taint import brings
from ironclaw.settings import TenantSettings
from ironclaw.task import Conversation, Json, Move, Role
from ironclaw_plugins import brain_commands

pytestmark = pytest.mark.sandbox
LONG = LINES * 60  #: About 80,000 bytes.
READ = moves(wants("files.read", "c1", path="a.txt"))
OUTPUT = json.dumps({"text": LONG})


def results(conversation: Conversation) -> list[Json]:
    """What the brain saw of its calls."""
    return [json.loads(each.text) for each in conversation.messages if each.role is Role.TOOL]


class ReadingOn(Scripted):
    """Reads on where the preview says, until there is no more."""

    async def plan(self, conversation: Conversation) -> Move:
        found = results(conversation)
        self.seen.append(conversation)
        if not found:
            return READ
        path = found[0]["output"]["path"]
        offset = found[-1]["output"].get("next_offset", 0 if len(found) == 1 else None)
        if offset is None:
            return Move(answer="".join(each["output"]["text"] for each in found[1:]))
        call = wants("files.read", f"p{offset}", path=path, offset=offset, limit=12_000)
        return moves(call)


async def test_read_on(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Of a long result the brain gets the beginning and the end, and reads all of it on in parts.
    """
    plant(tmp_path, LONG)
    brain = ReadingOn()
    async with engine(tmp_path, brain, built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 60)
        flow = await app._store.workflows.load(view.id)

    preview = results(brain.seen[1])[0]["output"]
    whole = json.loads(view.outcome)
    assert len(brain.seen[1].messages[-1].text) < 8_000
    assert (f"{FOLDER}/{view.id}/1.json", True) == (preview["path"], preview["preview"])
    assert {"path": "a.txt", "bytes": len(LONG), "next_offset": 65_536} == preview["members"]
    assert view.outcome.startswith(preview["head"])
    assert view.outcome.endswith(preview["tail"])
    assert LONG[:60_000] == whole["text"][:60_000]
    assert [frozenset({"files"})] * len(flow.calls) == [each.circumstances.taints for each in flow.calls]


async def test_a_full_workspace(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Where there is no room the result is cut, and the brain is told so.
    """
    plant(tmp_path, LONG)
    tenants = {"T1": TenantSettings(slack=("T1",), scratch_files=3)}
    brain = Scripted(READ)
    async with engine(tmp_path, brain, built_toolboxes, tenants=tenants) as app:
        await app.wait("T1", await app.submit(ask()), 30)

    found = results(brain.seen[1])[0]["output"]
    assert "path" not in found
    assert "The rest of it is not kept" in found["note"]


async def test_a_command_gives_all_of_it(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A person who types a command gets the whole result: what a model can read is no measure for them.
    """
    plant(tmp_path, LONG)
    task = ask("files.read path=a.txt limit=50000", brain="commands")
    async with engine(
        tmp_path, Scripted(), built_toolboxes, plugins={"commands": brain_commands.Commands}
    ) as app:
        view = await app.wait("T1", await app.submit(task), 30)

    assert LONG[:49_000] in view.outcome


async def test_without_a_reader(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A task that may not read files is not shown where one lies.
    """
    plant(tmp_path, LONG)
    brain = Scripted(moves(wants("text.grep", "c1", path="a.txt", pattern="line")))
    async with engine(tmp_path, brain, built_toolboxes, result_kb=2) as app:
        await app.wait("T1", await app.submit(ask(tools=("text.grep",))), 30)

    found = results(brain.seen[1])[0]["output"]
    assert ("path" in found, found["preview"]) == (False, True)


@pytest.mark.parametrize("name", [FOLDER, f"{FOLDER}/w1", f"{FOLDER}/w1/1.json"])
async def test_no_link_is_followed(tmp_path: Path, name: str) -> None:
    """
    A link in the place of the folder, of the workflow's or of the file leads the host nowhere.
    """
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "1.json").write_text("theirs")
    link = tmp_path / "root" / "T1" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(outside / "1.json" if name.endswith(".json") else outside)
    kept = Results(tmp_path / "root", lambda tenant: Quota(1 << 20, 100))
    found = await kept.preview("T1", "w1", 1, OUTPUT, 1_000)

    assert ["1.json"] == sorted(each.name for each in outside.rglob("*"))
    assert "theirs" == (outside / "1.json").read_text()
    assert name.endswith(".json") == ("path" in found)


async def test_removing_follows_no_link(tmp_path: Path) -> None:
    """
    What a workflow kept goes with it, links too, and nothing that they lead to.
    """
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_text("theirs")
    kept = Results(tmp_path / "root", lambda tenant: Quota(1 << 20, 100))
    await kept.preview("T1", "w1", 1, OUTPUT, 1_000)
    folder = tmp_path / "root" / "T1" / FOLDER
    os.symlink(outside, folder / "w1" / "link")
    await kept.forget("T1", "w1")
    await kept.forget("T1", "w2")

    assert ([], "theirs") == (list(folder.iterdir()), (outside / "x").read_text())


async def test_a_linked_folder_is_not_removed(tmp_path: Path) -> None:
    """
    A link in the place of a workflow's folder is no folder: what it leads to stays.
    """
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_text("theirs")
    folder = tmp_path / "root" / "T1" / FOLDER
    folder.mkdir(parents=True)
    os.symlink(outside, folder / "w1")
    kept = Results(tmp_path / "root", lambda tenant: Quota(1 << 20, 100))
    with pytest.raises(OSError, match="w1"):
        await kept.forget("T1", "w1")

    assert "theirs" == (outside / "x").read_text()


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".results/ab12/3.json", [("ab12", 3)]),
        ("/mnt/scratch/.results/ab12/3.json", [("ab12", 3)]),
        ("x/../.results//./ab12/3.json", [("ab12", 3)]),
        (".results", [("", 0)]),
        (".results/ab12/3.json.bak", [("", 0)]),
        ("notes/.results/ab12/3.json", []),
        (".resultsx", []),
    ],
)
def test_named(path: str, found: list[tuple[str, int]]) -> None:
    """
    A kept result is known by its path, however that is written.
    """
    assert found == list(named(json.dumps({"path": path, "n": 1})))


async def test_reading_on_taints_as_the_result_did(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Whoever reads another task's result has read from where nobody knows: no grant for files is for that.
    """
    plant(tmp_path, LONG)
    read_on = moves(wants("files.read", "c1", path=".results/0123/1.json"))
    out = moves(wants("http.get", "c2", url="https://a.example/?q=1"))
    async with engine(tmp_path, Moves(read_on, out), built_toolboxes, http_allow=("a.example",)) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)

    assert view.approval is not None
    assert frozenset({"files", "another task"}) == view.approval.circumstances.taint


async def test_reading_on_brings_the_host(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Reading on in a result of the same task brings what the call that gave it had brought.
    """
    plant(tmp_path, LONG)
    async with engine(tmp_path, Scripted(READ), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        flow = await app._store.workflows.load(view.id)
        tool = app._registry.get("files.read")
    [call] = flow.calls
    known = replace(call.circumstances, taints=frozenset({"a.example"}))
    flow = replace(flow, calls=(replace(call, circumstances=known),))
    path = f"{FOLDER}/{flow.id}/1.json"

    assert tool is not None
    assert frozenset({"files", "a.example"}) == brings(flow, tool, json.dumps({"path": path}))


async def test_a_forged_folder(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A file that a tool has put where results are kept stays as it is: the result is cut, and the task goes on.
    """
    place = plant(tmp_path, LONG)
    (place / FOLDER).write_text("in the way")
    brain = Scripted(READ)
    async with engine(tmp_path, brain, built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)

    assert ("done", "in the way") == (view.outcome, (place / FOLDER).read_text())
    assert "path" not in results(brain.seen[1])[0]["output"]
