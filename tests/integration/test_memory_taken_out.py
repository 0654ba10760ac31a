"""What is forgotten, or kept no longer, goes out of the rows that stay: on both databases."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.integration.desk import FACT, Desk
from tests.integration.engine import ADA, ask

from ironclaw.envelope import FileEffect, Preview
from ironclaw.errors import Conflict
from ironclaw.recollecting import recollections
from ironclaw.store import Flow, Judged, SealedGrant, Spent, grants
from ironclaw.store.retention import Page
from ironclaw.store.sql import sql
from ironclaw.task import CallState, GrantView, Move, Principal, ProposedCall, ToolResult, WorkflowState
from ironclaw.terms import Circumstances, GrantScope

ME = Principal("T1", "slack:T1:U_ADA")


async def test_taken_out_of_what_was_said(desk: Desk) -> None:
    """
    Forgotten, it is gone from the message that a run was given; the audit log keeps that there was one.
    """
    mine = await desk.said()
    await desk.store.workflows.add(ask(), "w" * 32, 1.0)
    flow = await desk.store.workflows.load("w" * 32)
    [found] = await desk.store.memories.all("T1")
    await desk.store.recalls.begin(flow, [found], recollections, 2.0)
    given = (await desk.store.workflows.load(flow.id)).messages[0].text
    await desk.memories.forget(Principal("T1", "slack:T1:U_ADA"), [mine])
    after = (await desk.store.workflows.load(flow.id)).messages[0].text

    assert (True, False) == (FACT in given, FACT in after)
    assert f"- {mine}: [forgotten]" in after
    assert [mine] == [each.memory_id for each in await desk.store.recalls.of("T1", flow.id)]


async def test_forgotten_while_it_was_looked_for(desk: Desk) -> None:
    """
    What is forgotten between the search and the note of it is not given.
    """
    mine = await desk.said()
    await desk.store.workflows.add(ask(), "w" * 32, 1.0)
    flow = await desk.store.workflows.load("w" * 32)
    [found] = await desk.store.memories.all("T1")
    await desk.memories.forget(Principal("T1", "slack:T1:U_ADA"), [mine])
    await desk.store.recalls.begin(flow, [found], recollections, 2.0)

    assert 1 == len((await desk.store.workflows.load(flow.id)).messages)


async def given(desk: Desk, workflow_id: str = "w" * 32, thread: str = "") -> Flow:
    """A task that was given all that is remembered."""
    await desk.store.workflows.add(ask("a question", thread=thread), workflow_id, 1.0)
    flow = await desk.store.workflows.load(workflow_id)
    await desk.store.recalls.begin(flow, await desk.store.memories.all("T1"), recollections, 2.0)
    return flow


async def wants(desk: Desk, flow: Flow, state: CallState, text: str = FACT) -> None:
    """Its brain writes a text, a memory's words, into a file; the preview has it in a line of its own."""
    args = json.dumps({"text": text})
    lines = Circumstances(preview=Preview((FileEffect("a.txt", "", "b", 9, (f"+ {text}",)),)))
    call = Judged(1, "c1", "files.write", state, "r", args=args, circumstances=lines, idem_key="k" * 32,
        approval_id="a" * 32, expires_at=9e9)  # fmt: skip
    move = Move(calls=(ProposedCall("c1", "files.write", args),))
    await desk.store.workflows.record_move(flow, move, [call], [], Spent(), 3.0)


async def ends(desk: Desk, flow: Flow, outcome: str = "done") -> None:
    fresh = await desk.store.workflows.load(flow.id)
    await desk.store.workflows.finish(fresh, WorkflowState.DONE, outcome, 4.0, Spent())


async def texts(desk: Desk, *flows: Flow) -> str:
    """All that the rows of workflows say."""
    read = desk.store._writer.read
    return "".join([repr(await read(lambda c, at=at: _said(c, at.id))) for at in flows])


def _said(c: Any, workflow_id: str) -> list[tuple[str, ...]]:
    return [tuple(map(str, dict(row).values())) for row in sql.said_in(c, workflow_id=workflow_id)]


async def test_taken_out_of_a_preview(desk: Desk) -> None:
    """
    What a call would have done, as people saw it, is without the words once the call has ended.
    """
    mine = await desk.said()
    flow = await given(desk)
    await wants(desk, flow, CallState.DENIED)
    before = await texts(desk, flow)
    await desk.memories.forget(ME, [mine])

    assert (True, False) == (f"+ {FACT}" in before, FACT in await texts(desk, flow))


async def test_taken_out_of_a_thread(desk: Desk) -> None:
    """
    A later task of the thread, whose brain was told how the first one ended, is without the words too.
    """
    mine = await desk.said()
    flow = await given(desk, thread="t")
    await ends(desk, flow, FACT)
    await desk.store.workflows.add(ask("what was that?", thread="t"), "v" * 32, 5.0)
    later = await desk.store.workflows.load("v" * 32)
    await ends(desk, later, f"It was: {FACT}")
    await desk.memories.forget(ME, [mine])

    assert "It was: [forgotten]" in (after := await texts(desk, flow, later))
    assert FACT not in after


async def test_what_people_are_bound_to(desk: Desk) -> None:
    """
    A call that waits for people keeps its bytes; once its workflow has ended the words go out of it, and out
    of the note of them.
    """
    mine = await desk.said()
    flow = await given(desk)
    await wants(desk, flow, CallState.PENDING)
    await desk.memories.forget(ME, [mine])
    waiting, due = await texts(desk, flow), await desk.store.memory_remains.to_settle()
    await ends(desk, flow)
    ended = await desk.store.memory_remains.to_settle()
    settled = await desk.store.memory_remains.take_out("T1", 5.0)
    await desk.store.memory_remains.drop("T1", settled)

    assert (True, (), ("T1",), {flow.id}) == (FACT in waiting, due, ended, settled)
    assert FACT not in await texts(desk, flow)
    assert () == await desk.store.memory_remains.to_settle()


async def test_a_move_made_of_what_is_gone(desk: Desk) -> None:
    """
    Who was given a memory, and answers after it was forgotten, is asked anew: the answer is nobody's.
    """
    mine = await desk.said()
    flow = await given(desk)
    await desk.memories.forget(ME, [mine])
    with pytest.raises(Conflict):
        await desk.store.workflows.finish(flow, WorkflowState.DONE, FACT, 4.0, Spent())
    await ends(desk, flow)

    assert WorkflowState.DONE is (await desk.store.workflows.load(flow.id)).state


async def test_a_call_that_runs_is_not_cut_off(desk: Desk) -> None:
    """
    What a tool is doing while a memory is forgotten ends as it would have; what it brought back goes later.
    """
    mine = await desk.said()
    flow = await given(desk)
    await wants(desk, flow, CallState.APPROVED, "something else")
    flow = await desk.store.workflows.load(flow.id)
    await desk.store.calls.begin(flow, flow.calls[0], 4.0)
    await desk.memories.forget(ME, [mine])
    result = ToolResult(output=json.dumps(FACT))
    await desk.store.calls.end(flow, flow.calls[0], CallState.SUCCEEDED, result, FACT, Spent(), 5.0)
    await ends(desk, flow)
    await desk.store.memory_remains.take_out("T1", 6.0)

    assert FACT not in await texts(desk, flow)


async def test_texts_are_erased(desk: Desk) -> None:
    """
    The statements that keep a task no longer leave its id and state, on either database.
    """
    await desk.store.workflows.add(ask("a canary"), "w" * 32, 1.0)
    flow = await desk.store.workflows.load("w" * 32)
    await desk.store.workflows.finish(flow, WorkflowState.DONE, "the canary", 2.0, Spent())
    first = await desk.store.retention.erase_texts("T1", 3.0, 4.0)
    forgotten = await desk.store.retention.forget_events("T1", 3.0, 4.0, Page())
    again = await desk.store.retention.erase_texts("T1", 3.0, 4.0)
    view = await desk.store.workflows.view("T1", flow.id)

    assert (("w" * 32,), ("w" * 32,), ()) == (first.erased, forgotten.erased, again.erased)
    assert (WorkflowState.DONE, "", "") == (view.state, view.text, view.outcome)


def granted(c: Any, view: GrantView) -> None:
    """A call, its review, and the yes that is remembered."""
    call = dict.fromkeys(
        ("call_id", "args", "component_sha256", "manifest_sha256", "rule", "action_sha256"), ""
    )
    more = {"risk": "high", "effect": "once", "policy_version": "", "circumstances": "{}", "idem_key": "k"}
    sql.add_call(c, workflow_id=view.workflow_id, seq=1, tool=view.tool, state="succeeded", **call, **more)
    asked = {"version": 1, "action_sha256": "", "escalates_at": 0.0, "terms": "{}", "card": view.approval_id}
    of = {"tenant": view.tenant, "workflow_id": view.workflow_id, "seq": 1}
    sql.add_approval(c, id=view.approval_id, now=1.0, expires_at=50.0, **asked, **of)
    grants.add(c, SealedGrant(view, "seal"), 2.0)


async def test_events_that_a_grant_counts_by(desk: Desk) -> None:
    """
    What the audit log says of a remembered yes is forgotten once that has ended, and not before.
    """
    await desk.store.workflows.add(ask("a canary"), "w" * 32, 1.0)
    flow = await desk.store.workflows.load("w" * 32)
    await desk.store.workflows.finish(flow, WorkflowState.DONE, "done", 2.0, Spent())
    view = GrantView(
        "g" * 32, "T1", GrantScope.TOOL, flow.id, "http.post", ADA, "test:C1", frozenset(), frozenset(), "",
        "c", "m", "a" * 32, ADA, 1.0, 50.0, 9,
    )  # fmt: skip
    await desk.store._writer.write(lambda c: granted(c, view))
    await desk.store.retention.forget_events("T1", 3.0, 40.0, Page())
    counts = await desk.store.grants.is_as_told(view)
    again = await desk.store.retention.forget_events("T1", 3.0, 40.0, Page())
    after = await desk.store.retention.forget_events("T1", 3.0, 60.0, Page())
    told = await desk.store._writer.read(lambda c: list(sql.events_of_grant(c, tenant="T1", grant=view.id)))

    assert (True, (), (flow.id,), []) == (counts, again.erased, after.erased, told)
