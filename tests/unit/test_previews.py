"""What a preview is read to, how a difference looks, and what the host does with files, without a sandbox."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironclaw.capabilities import Capabilities, HttpRequest, HttpRule, Quota, Scratch
from ironclaw.envelope import FOLDER, GONE, FileEffect, Preview, RequestEffect
from ironclaw.errors import EgressDenied, SandboxError, StoreError
from ironclaw.orchestrator.differing import MOST_COMPARED, difference, plain
from ironclaw.orchestrator.dry_run import fingerprint, read_answer
from ironclaw.orchestrator.holding import Holding, Requests, outside
from ironclaw.orchestrator.holding.files import Changed, _apply_one, apply
from ironclaw.orchestrator.holding.locks import turn
from ironclaw.sandbox.tree import OTHER, Tree
from ironclaw.task import ToolResult
from ironclaw.terms import Circumstances

WRITES = Capabilities(scratch=Scratch.WRITE)
RULES = (HttpRule("api.example.com", frozenset({"POST", "GET"})),)
ORDER = HttpRequest("POST", "https://api.example.com/orders", (("Accept", "a"),), b"1", None)

texts = st.text(max_size=8)
states = st.sampled_from([GONE, FOLDER, "1" * 64, "2" * 64])
paths = st.sampled_from(["a", "b", "d", "d/a", "d/e", "d/e/f"])
trees = st.dictionaries(paths, states.filter(bool))
effects = st.builds(FileEffect, paths, states, states, st.integers(0, 99), st.lists(texts).map(tuple), texts)
sent = st.builds(
    RequestEffect,
    texts, texts, st.lists(st.tuples(texts, texts)).map(tuple), texts, texts,
    st.integers(0, 99), st.lists(texts).map(tuple), texts,
)  # fmt: skip
previews = st.builds(Preview, st.lists(effects).map(tuple), st.lists(sent).map(tuple), texts)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def read(folder: Path, answer: Any, capabilities: Capabilities = WRITES) -> Preview:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return await read_answer(text, capabilities, RULES, folder, lambda text: text.replace("s3cret", "***"))


@given(previews)
def test_rows(preview: Preview) -> None:
    """
    What is written into a row comes back.
    """
    known = Circumstances(preview=preview)

    assert known == Circumstances.from_json(json.loads(json.dumps(known.as_json())))


@given(trees, trees, st.lists(effects, max_size=3, unique_by=lambda each: each.path).map(tuple))
def test_outside(before: dict[str, str], after: dict[str, str], files: tuple[FileEffect, ...]) -> None:
    """
    Nothing is outside just where every change is an approved one, or a folder made for one.
    """
    changes = {(path, after.get(path, GONE)) for path, _ in before.items() ^ after.items()}
    approved = {(each.path, each.after) for each in files}
    kept = [each.path for each in files if each.after]
    above = {path[: slash.start()] for path in kept for slash in re.finditer("/", path)}
    made = {(path, FOLDER) for path in above if path not in before}

    assert (changes <= approved | made) == (outside(files, before, after) == "")


@given(st.text(), st.text())
def test_a_difference_can_be_undone(old: str, new: str) -> None:
    """
    The lines of two short texts say all of what changes, in plain ASCII but for our marks.
    """
    shown = difference(old.encode("utf-8", "replace"), new.encode("utf-8", "replace"))
    body = [line for line in shown.lines if not line.startswith("▸ … ")]
    bare = [line[2:].replace(" ◂ no newline at the end", "") for line in body if line.startswith("▸ ")]

    assert (len(body), True) == (len(bare), "".join(bare).isascii())
    if shown.lines and len(old) + len(new) < 6:
        kept = [line[4:] for line in body if line[2] in " -"]
        assert kept == [line[4:] for line in plain(old.encode("utf-8", "replace"), "|").lines]


def test_a_difference_in_a_long_file() -> None:
    """
    One changed line of many is shown with three around it, and its number.
    """
    lines = [f"line {n}" for n in range(20_000)]
    old = "\n".join(lines).encode()
    lines[9_999] = "new"
    shown = difference(old, "\n".join(lines).encode()).lines

    assert "▸ … lines 9997-10003 become 9997-10003" == shown[0]
    assert ("▸ - line 9999", "▸ + new", 9) == (shown[4], shown[5], len(shown))


@pytest.mark.parametrize(
    ("new", "note"),
    [
        (b"\xff", "Not text."),
        (b"a\0b", "Not text."),
        (b"x" * 300_000, "Too long to be compared."),
        (b"x" * 30_000, "Too long to be shown."),
        (b"".join(b"%d\n" % n for n in range(MOST_COMPARED + 50)), "Too many lines changed to be shown."),
    ],
)
def test_what_is_not_compared(new: bytes, note: str) -> None:
    """
    What cannot be shown as lines is said to be so.
    """
    assert ((), note) == (difference(b"", new).lines, difference(b"", new).note)


def test_no_line_imitates_another() -> None:
    """
    A text with line ends of every kind, and with our own marks, stays in its line.
    """
    shown = difference(b"", "a\u2028▸ - b\x0b\r+ c ◂ no newline at the end".encode())
    spelled = "a\\u{2028}\\u{25B8} - b\\u{000B}\\r+ c \\u{25C2} no newline at the end"

    assert (f"▸ + {spelled} ◂ no newline at the end",) == shown.lines[1:]
    assert "not plain ASCII" in shown.note


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "[]",
        "null",
        '{"files":[],"files":[]}',
        {"files": [], "more": 1},
        {"files": {}},
        {"files": [{"path": "a"}]},
        {"files": [{"path": "a", "text": 1}]},
        {"files": [{"path": "a", "text": "", "base64": ""}]},
        {"files": [{"path": "a", "base64": "?"}]},
        {"files": [{"path": "", "text": ""}]},
        {"files": [{"path": "a//b", "text": ""}]},
        {"files": [{"path": "./a", "text": ""}]},
        {"files": [{"path": "a/", "text": ""}]},
        {"files": [{"path": "a\nb", "text": ""}]},
        {"files": [{"path": "a\u202eb", "text": ""}]},
        {"files": [{"path": "a" * 300, "text": ""}]},
        {"files": [{"path": "a", "text": ""}, {"path": "a/b", "text": ""}]},
        {"files": [{"path": "folder", "text": ""}]},
        {"files": [{"path": "link", "text": ""}]},
        {"files": [{"path": "link", "delete": True}]},
        {"files": [{"path": f"{n}", "text": ""} for n in range(17)]},
        {"requests": [{"method": "POST", "url": "https://other.example.com/"}]},
        {"requests": [{"method": "PUT", "url": "https://api.example.com/"}]},
        {"requests": [{"method": "POST", "url": "https://api.example.com/", "text": "", "base64": ""}]},
        {"requests": [{"method": "POST", "url": "https://api.example.com/", "headers": {"a": 1}}]},
    ],
)
async def test_what_is_no_preview(tmp_path: Path, answer: Any) -> None:
    """
    An answer that is not wholly a preview is none, and its sentence holds nothing of it.
    """
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "x")
    found = await read(tmp_path, answer)

    assert (False, (), ()) == (found.is_binding, found.files, found.requests)
    assert re.fullmatch(r"[A-Z][\w ,.:/()-]+\.", found.problem), found.problem


@pytest.mark.parametrize("scratch", [Scratch.NONE, Scratch.READ])
async def test_files_of_a_tool_that_writes_none(tmp_path: Path, scratch: Scratch) -> None:
    """
    A tool that may not write has no files in its preview.
    """
    found = await read(tmp_path, {"files": [{"path": "a", "text": ""}]}, Capabilities(scratch=scratch))

    assert "It would write files, which its manifest does not let it." == found.problem


async def test_what_is_there_is_the_hosts_to_say(tmp_path: Path) -> None:
    """
    What is there and the digests are found out here; a file that stays as it is, is none.
    """
    (tmp_path / "same").write_text("same")
    (tmp_path / "old").write_text("old\n")
    (tmp_path / "empty").mkdir()
    writes = [{"path": "same", "text": "same"}, {"path": "old", "text": "s3cret\n"}]
    found = await read(tmp_path, {"files": [*writes, {"path": "empty", "delete": True}]})

    assert [
        FileEffect(
            "old", digest(b"old\n"), digest(b"s3cret\n"), 7,
            ("▸ … lines 1 become 1", "▸ - old", "▸ + ***"), "What looks like a secret is hidden.",
        ),
        FileEffect("empty", FOLDER, GONE, 0),
    ] == list(found.files)  # fmt: skip


async def test_a_request_is_shown_whole(tmp_path: Path) -> None:
    """
    Of a request people see headers and body, each with its mark.
    """
    said = {"method": "POST", "url": ORDER.url, "headers": {"Accept": "a"}, "text": "1\nwith x: y"}
    found = await read(tmp_path, {"requests": [said]})

    assert ("▸ with accept: a", "▸ | 1", "▸ | with x: y ◂ no newline at the end") == found.requests[0].lines
    assert "https://api.example.com:443/orders" == found.requests[0].url


@pytest.mark.parametrize(
    "changed",
    [
        HttpRequest("GET", ORDER.url, ORDER.headers, b"1"),
        HttpRequest("POST", ORDER.url + "?", ORDER.headers, b"1", "token"),
        HttpRequest("POST", ORDER.url + "?a", ORDER.headers, b"1"),
        HttpRequest("POST", ORDER.url + "/", ORDER.headers, b"1"),
        HttpRequest("POST", ORDER.url.replace(".com", ".com:8443"), ORDER.headers, b"1"),
        HttpRequest("POST", ORDER.url, (), b"1"),
        HttpRequest("POST", ORDER.url, (*ORDER.headers, ("range", "bytes=0-1")), b"1"),
        HttpRequest("POST", ORDER.url, ORDER.headers, b"1 "),
        HttpRequest("POST", ORDER.url, ORDER.headers, b"1", "token"),
    ],
)
def test_what_is_not_the_approved_request(changed: HttpRequest) -> None:
    """
    Method, address, headers, body and secret: each counts, and after one lie even the truth is refused.
    """
    approved = Requests(Preview(requests=(fingerprint(ORDER),)))
    for request in (changed, ORDER):
        with pytest.raises(EgressDenied):
            approved.admit(request, RULES)

    assert 0 == approved.sent


def test_an_approved_request_is_held_to_the_rules_too() -> None:
    """
    Approved is not allowed: what the manifest or the operator does not let through stays.
    """
    approved = Requests(Preview(requests=(fingerprint(ORDER),)))
    with pytest.raises(EgressDenied):
        approved.admit(ORDER, ())

    only = HttpRule("api.example.com", frozenset({"POST"}), ("/orders",), is_exact=True)
    assert (only,) == approved.admit(ORDER, RULES)


# Files


def test_copying(tmp_path: Path) -> None:
    """
    A copy has the same files and folders with the same times, and no link.
    """
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "copy").mkdir()
    (tmp_path / "a/b/x").write_bytes(b"x")
    (tmp_path / "a/link").symlink_to(tmp_path)
    with Tree.at(tmp_path / "a") as source, Tree.at(tmp_path / "copy") as target:
        states = source.copy_to(target)
        again, original = target.states(), source.states()

    assert {"b": FOLDER, "b/x": digest(b"x")} == states == again
    assert {**states, "link": OTHER} == original
    assert (tmp_path / "a/b/x").stat().st_mtime_ns == (tmp_path / "copy/b/x").stat().st_mtime_ns


@pytest.mark.parametrize("path", ["link/x", "file"])
def test_no_link_is_followed(tmp_path: Path, path: str) -> None:
    """
    Reading, putting and looking through a link reach nothing; a link itself is only replaced.
    """
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (elsewhere / "x").write_text("theirs")
    (folder / "link").symlink_to(elsewhere)
    (folder / "file").symlink_to(elsewhere / "x")
    with Tree.at(folder) as tree:
        assert tree.state(path) in (GONE, OTHER)
        with pytest.raises(OSError, match=r"."):
            tree.read(path)
        with pytest.raises(OSError, match=r"."):
            tree.put(path, b"ours", is_new=True, spool=tmp_path / "spool")
    with pytest.raises(OSError, match=r"."), Tree.at(folder / "link"):
        pass

    assert (["x"], "theirs") == (os.listdir(elsewhere), (elsewhere / "x").read_text())
    assert not (tmp_path / "spool").exists()


def held(tmp_path: Path, *, was: str, now: str, made: str, approved: str) -> str:
    """What is in the folder after a file was to be taken over from the copy."""
    folder, copy = tmp_path / "folder", tmp_path / "copy"
    folder.mkdir()
    copy.mkdir()
    (folder / "a").write_text(now)
    (copy / "a").write_text(made)
    effect = FileEffect("a", digest(was.encode()), digest(approved.encode()), len(approved))
    try:
        apply(copy, folder, [effect], Quota(bytes=1 << 20), tmp_path / "spool")
    except Changed:
        return "changed: " + (folder / "a").read_text()
    return (folder / "a").read_text()


@pytest.mark.parametrize(
    ("case", "left"),
    [
        ({"was": "old", "now": "old", "made": "new", "approved": "new"}, "new"),
        ({"was": "old", "now": "new", "made": "new", "approved": "new"}, "new"),
        ({"was": "old", "now": "else", "made": "new", "approved": "new"}, "changed: else"),
        ({"was": "old", "now": "old", "made": "evil", "approved": "new"}, "changed: old"),
    ],
)
def test_taking_over(tmp_path: Path, case: dict[str, str], left: str) -> None:
    """
    Only approved bytes come into the folder, and only over what people saw; done twice is done once.
    """
    assert left == held(tmp_path, **case)


class Stale(Tree):
    """Says what was there a moment ago: somebody is quicker than the host."""

    def state(self, path: str) -> str:
        return GONE


def test_somebody_is_quicker(tmp_path: Path) -> None:
    """
    A file that appears between the last look and the writing is not overwritten.
    """
    (tmp_path / "a").write_text("new")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a").write_text("theirs")
    effect = FileEffect("a", GONE, digest(b"new"), 3)
    with Tree.at(tmp_path) as source, Stale.at(tmp_path / "folder") as target, pytest.raises(Changed):
        _apply_one(source, target, effect, tmp_path / "spool")

    assert "theirs" == (tmp_path / "folder/a").read_text()


async def test_it_is_noted_first(tmp_path: Path) -> None:
    """
    The first file changes after the host has durably noted that it begins: where it cannot, nothing changes.
    """
    (tmp_path / "acme").mkdir()
    preview = Preview((FileEffect("a", GONE, digest(b"new"), 3),))

    async def write(folder: Path) -> ToolResult:
        (folder / "a").write_text("new")
        return ToolResult(output="null")

    async def fail() -> None:
        raise StoreError

    with pytest.raises(StoreError):
        await Holding(tmp_path).run("acme", preview, Quota(), fail, write)
    [copy] = _copies(tmp_path)

    assert [[], []] == [os.listdir(tmp_path / "acme"), os.listdir(copy)]


def test_no_room(tmp_path: Path) -> None:
    """
    What does not fit into the tenant's quota is not taken over.
    """
    (tmp_path / "folder").mkdir()
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/a").write_bytes(b"x" * 5_000)
    effect = FileEffect("a", GONE, digest(b"x" * 5_000), 5_000)
    fits = apply(tmp_path / "copy", tmp_path / "folder", [effect], Quota(bytes=4_096), tmp_path / "spool")

    assert (False, []) == (fits, os.listdir(tmp_path / "folder"))


async def test_two_processes_hold_at_once(tmp_path: Path) -> None:
    """
    Two processes that run calls of one tenant on copies at the same time do not see each other's.
    """
    (tmp_path / "acme").mkdir()
    both = asyncio.Barrier(2)

    async def held(name: str) -> ToolResult:
        preview = Preview((FileEffect(name, GONE, digest(b"new"), 3),))

        async def write(folder: Path) -> ToolResult:
            (folder / name).write_text("new")
            await both.wait()
            return ToolResult(output="null")

        return await Holding(tmp_path).run("acme", preview, Quota(), _nothing, write)

    results = await asyncio.gather(held("a"), held("b"))

    assert [None, None] == [result.failure for result in results]
    assert ["a", "b"] == sorted(os.listdir(tmp_path / "acme"))


def _copies(root: Path) -> list[Path]:
    return sorted(root.glob(".held-acme.*"))


async def _nothing() -> None:
    return


async def test_a_copy_of_the_dead(tmp_path: Path) -> None:
    """
    The copy of a process that is gone is removed by the next one; that of one that lives stays.
    """
    (tmp_path / "acme").mkdir()
    preview = Preview((FileEffect("a", GONE, digest(b"new"), 3),))

    async def write(folder: Path) -> ToolResult:
        (folder / "a").write_text("new")
        return ToolResult(output="null")

    lives = Holding(tmp_path)
    await lives.run("acme", preview, Quota(), _nothing, write)
    dead = tmp_path / ".held-acme.0dead000"
    dead.mkdir()
    (dead / "half").write_text("x")
    await Holding(tmp_path).run("acme", preview, Quota(), _nothing, write)
    left = [each.name for each in _copies(tmp_path)]

    assert (2, False) == (len(left), dead.exists())
    assert f".held-acme.{lives._life}" in left


async def test_one_at_a_time_changes_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    While another process puts something into the folder, nothing else is: after a while that is told.
    """
    monkeypatch.setattr("ironclaw.orchestrator.holding.locks.PATIENCE", 0.1)
    (tmp_path / "acme").mkdir()
    preview = Preview((FileEffect("a", GONE, digest(b"new"), 3),))

    async def write(folder: Path) -> ToolResult:
        (folder / "a").write_text("new")
        return ToolResult(output="null")

    with turn(tmp_path / ".turn-acme"), pytest.raises(SandboxError, match="Another process"):
        await Holding(tmp_path).run("acme", preview, Quota(), _nothing, write)

    assert [] == os.listdir(tmp_path / "acme")
