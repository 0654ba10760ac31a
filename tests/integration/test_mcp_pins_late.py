"""A yes to one listing is no yes to the next one, however late that is found out."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.engine import Moves, ask
from tests.integration.mcp_world import approve, hostile, until, world

from ironclaw.app import Ironclaw
from ironclaw.mcp.runner import CHANGED, Runner
from ironclaw.task import Move, ToolResult
from ironclaw.terms import Circumstances
from ironclaw.veto.binding import tool_call
from ironclaw.veto.tickets import Ticket

pytestmark = pytest.mark.sandbox


async def ticket(app: Ironclaw) -> Ticket:
    """For the tool as it is offered now."""
    view = await app.wait("T1", await app.submit(ask()), 20)
    flow = await app._store.workflows.load(view.id)
    tool = app._registry.get("turns.look_up")
    assert tool is not None
    return Ticket(tool_call(flow, 1, tool, "{}", Circumstances()), tool, "", "", "")


async def run(app: Ironclaw, late: Ticket) -> ToolResult:
    """By the runner itself, as if everything before it had let the call through."""

    async def begun() -> None:
        """The host has noted that an effect begins."""

    return await Runner(app.mcp.served).run(late, begun)


async def test_a_ticket_of_the_listing_before(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    People approved the tool, then it changed and they approved that too: a ticket for the first one sends
    nothing, one for the second does.
    """
    folder = tmp_path / "moods"
    folder.mkdir()
    mood = folder / "mood"
    mood.write_text("Look up a word.")
    server = hostile("turns", str(mood), write=(str(folder),))
    async with world(tmp_path, built_toolboxes, Moves(Move(answer="ok")), turns=server) as app:
        await approve(app, "turns")
        old = await ticket(app)
        mood.write_text("Look up a word, and more.")
        await run(app, old)  # It is looked at again.
        await until(lambda: app.mcp.shown("turns")["pending"])
        await approve(app, "turns")
        await until(lambda: app._registry.get("turns.look_up"))
        late = await run(app, old)
        was_called = mood.with_name("mood.called").exists()
        now = await run(app, await ticket(app))

    assert late.failure is not None
    assert (CHANGED.format(name="turns"), False) == (late.failure.message, was_called)
    assert (None, True) == (now.failure, mood.with_name("mood.called").exists())
