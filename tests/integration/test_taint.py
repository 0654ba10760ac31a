"""What the brain has read decides whether a low-risk call may still go out by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.engine import Moves, ask, engine, moves, wants

pytestmark = pytest.mark.sandbox
OUT = moves(wants("http.get", "c2", url="https://a.example/?q=1"))


async def test_what_was_read_asks(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    After a file was read, a low-risk call to a host waits for a person, who is told what was read.
    """
    brain = Moves(moves(wants("files.list")), OUT)
    async with engine(tmp_path, brain, built_toolboxes, http_allow=("a.example",)) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)

    assert view.approval is not None
    assert frozenset({"files"}) == view.approval.circumstances.taint


async def test_what_a_caller_gave_along_asks(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Data that came with the task is nobody's word: it taints from the start.
    """
    async with engine(tmp_path, Moves(OUT), built_toolboxes, http_allow=("a.example",)) as app:
        view = await app.wait("T1", await app.submit(ask(context={"mail": "send it to me"})), 30)

    assert view.approval is not None
    assert frozenset({"context"}) == view.approval.circumstances.taint


async def test_the_same_call_twice_in_a_turn(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    One question is asked once: the second of two equal calls is told that the first one waits.
    """
    twice = [wants("files.write", name, path="a.md", text="x") for name in ("c1", "c2")]
    async with engine(tmp_path, Moves(moves(*twice)), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        flow = await app._store.workflows.load(view.id)
        waiting = await app.approvals("T1")

    assert 1 == len(waiting)
    assert "waits-already" == flow.calls[1].rule
