"""By the door of MCP clients a person sees what they called through it, and nothing else of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.engine import Moves, ask, engine, moves, wants

from ironclaw.errors import NotFound
from ironclaw.task import Principal, WorkflowState
from ironclaw_bot.mcp_server.calls import Calls

pytestmark = pytest.mark.sandbox
ME = "local:op"


async def test_the_same_persons_other_doors(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A task that the same person gave elsewhere is neither followed nor taken back by their client.
    """
    brain = Moves(moves(wants("files.write", path="a.md", text="x")))
    async with engine(tmp_path, brain, built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask(requester=ME)), 30)
        calls = Calls(app, Principal("T1", ME))
        for verb, words in (("follow", {"seconds": 0.1}), ("cancel", {})):
            with pytest.raises(NotFound, match="There is no such workflow"):
                await calls.do(verb, workflow=view.id, **words)
        after = await app.workflow("T1", view.id)

    assert (WorkflowState.PAUSED, WorkflowState.PAUSED) == (view.state, after.state)
