"""Workflows and their messages.  Each method is one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ironclaw.capabilities import Room
from ironclaw.errors import NotFound
from ironclaw.store import doubt_rows, model_calls, moves, question_rows, reserving, rows, threads, unreadable
from ironclaw.store.accepting import ROOM, add_task
from ironclaw.store.chain import note
from ironclaw.store.flows import load_flow
from ironclaw.store.model import Flow, Judged, Spent
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.store.transitions import show_status
from ironclaw.store.units import Writer
from ironclaw.task import (
    Address,
    Move,
    Task,
    WorkflowState,
    WorkflowView,
)

STOPS = "Stopping: it ends as soon as the tool that runs has. Nothing after that will run."
LAST_LINES = {
    WorkflowState.DONE: "Done.",
    WorkflowState.FAILED: "Failed.",
    WorkflowState.CANCELLED: "Stopped.",
}


class Workflows:
    """The store of what is being done."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def add(self, task: Task, workflow_id: str, now: float, room: Room = ROOM) -> tuple[str, bool]:
        """Accept a task, durably.

        :return: the workflow's id, and False when the same delivery had made it before
        :raises QueueFull: there is no room for it; the same delivery may come again
        """
        return await self._writer.write(lambda c: add_task(c, task, workflow_id, now, room), task.tenant)

    async def load(self, workflow_id: str) -> Flow:
        """
        :raises NotFound: no such workflow
        """
        return await self._writer.glance(lambda c: load_flow(c, workflow_id))

    async def load_to_step(self, workflow_id: str) -> Flow:
        """For who goes on with it: of one that waits or has ended, without what was said in it.

        :raises NotFound: no such workflow
        """
        return await self._writer.glance(lambda c: load_flow(c, workflow_id, to_step=True))

    async def check(self, tenant: str, workflow_id: str) -> None:
        """
        :raises NotFound: no such workflow of this tenant
        """
        head = await self._writer.glance(lambda c: sql.workflow_head(c, id=workflow_id))
        if head is None or head["tenant"] != tenant:
            raise NotFound("There is no such workflow.")

    async def end_unreadable(self, workflow_id: str, now: float) -> bool:
        """End a workflow with a sentence if its rows are not as we write them.

        :return: whether it was so
        """
        return await self._writer.write(lambda c: unreadable.end_unreadable(c, workflow_id, now))

    async def end_unreadable_reviews(self, now: float) -> tuple[str, ...]:
        """The same for those that wait for a review that nobody could be shown, once its time is over.

        :return: their ids
        """
        return await self._writer.write(lambda c: unreadable.end_unreadable_reviews(c, now))

    async def record_move(
        self,
        flow: Flow,
        move: Move,
        judged: Sequence[Judged],
        places: Sequence[Address],
        spent: Spent,
        now: float,
    ) -> None:
        """Write what the brain wants, the verdicts, and the approvals with their cards: one transaction.

        :param places: where each approval card is shown
        :raises Conflict: somebody else moved this workflow
        """
        await self._writer.write(
            lambda c: moves.record_move(c, flow, move, judged, places, spent, now), flow.tenant
        )

    async def reserve(self, flow: Flow, micros: int, most: int, since: float, now: float) -> tuple[int, int]:
        """Set aside what a turn may cost, unless the tenant has spent ``most``, or other turns have the rest.

        One transaction, so that turns that begin at once see each other.

        :param since: unix seconds, when the day began
        :return: micros that the tenant has spent since then, and that is set aside for its other turns
        :raises Conflict: somebody else moved this workflow, or has taken it over
        """
        return await self._writer.write(
            lambda c: reserving.reserve(c, flow, micros, most, since, now), flow.tenant
        )

    async def pause(self, flow: Flow, now: float) -> None:
        """Wait for people.

        :raises Conflict: somebody else moved this workflow, or decided meanwhile
        """
        await self._writer.write(lambda c: moves.pause(c, flow, now), flow.tenant)

    async def finish(
        self,
        flow: Flow,
        state: WorkflowState,
        outcome: str,
        now: float,
        spent: Spent,
        line: str = "",
        actor: str = "host",
    ) -> None:
        """End a workflow with a sentence that somebody reads.

        :param line: the last line of its status, where the state alone does not say enough
        :param actor: the principal who ended it, where somebody did
        :raises Conflict: somebody else moved this workflow
        """
        line = line or LAST_LINES[state]
        await self._writer.write(
            lambda c: moves.finish(c, flow, state, outcome, spent, now, line, actor), flow.tenant
        )

    async def view(self, tenant: str, workflow_id: str) -> WorkflowView:
        """
        :raises NotFound: no such workflow of this tenant
        """
        return await self._writer.read(lambda c: _view(c, tenant, workflow_id))

    async def latest(self, tenant: str, limit: int) -> tuple[WorkflowView, ...]:
        """The tenant's workflows, newest first."""
        return await self._writer.read(
            lambda c: tuple(_shown(c, row) for row in list(sql.workflows_of(c, tenant=tenant, limit=limit)))
        )

    async def latest_of(
        self, tenant: str, requesters: Collection[str], limit: int
    ) -> tuple[WorkflowView, ...]:
        """The workflows of one person, newest first.

        :param requesters: every identity of theirs
        """

        def unit(c: Connection) -> tuple[WorkflowView, ...]:
            found = [
                _shown(c, row)
                for each in requesters
                for row in list(sql.workflows_of_person(c, tenant=tenant, requester=each, limit=limit))
            ]
            return tuple(sorted(found, key=lambda view: view.created_at, reverse=True)[:limit])

        return await self._writer.read(unit)

    async def wish_stop(self, flow: Flow, actor: str, now: float) -> bool:
        """Have a workflow end as soon as the tool that runs has.

        :return: False where it does not work any more, or somebody has wished it before
        """

        def unit(c: Connection) -> bool:
            if not sql.wish_stop(c, id=flow.id, by=actor):
                return False
            note(c, flow.tenant, now, "stop_wished", actor, workflow=flow.id)
            show_status(c, flow, STOPS, now)
            return True

        return await self._writer.write(unit, flow.tenant)

    async def open_ids(self) -> tuple[tuple[str, str], ...]:
        """Every workflow that should be going on, with its tenant, the oldest first."""
        return await self._writer.glance(
            lambda c: tuple((row["id"], row["tenant"]) for row in sql.open_workflows(c))
        )

    async def open_in_thread(self, tenant: str, thread: str) -> tuple[str, ...]:
        """What of a thread has not ended, the newest first."""
        return await self._writer.glance(
            lambda c: tuple(row["id"] for row in sql.open_in_thread(c, tenant=tenant, thread=thread))
        )

    async def follower(self, flow: Flow) -> str:
        """What may begin in the thread of a workflow that has ended; "" for nothing."""
        if not flow.thread:
            return ""
        return await self._writer.glance(lambda c: str((threads.next_in_thread(c, flow) or {"id": ""})["id"]))


def _view(c: Connection, tenant: str, workflow_id: str) -> WorkflowView:
    row = sql.workflow(c, id=workflow_id)
    if row is None or row["tenant"] != tenant:
        raise NotFound("There is no such workflow.")
    return _shown(c, row)


def _shown(c: Connection, row: Row) -> WorkflowView:
    """With what it waits for."""
    workflow_id = row["id"]
    waits_for = sql.waits_for(c, workflow_id=workflow_id)
    view = rows.workflow_view(
        row, rows.load_approval(c, waits_for["review"]) if waits_for["review"] else None
    )
    doubt = doubt_rows.load(c, waits_for["doubt"]) if waits_for["doubt"] else None
    question = question_rows.load(c, waits_for["question"]) if waits_for["question"] else None
    models = model_calls.total(c, workflow_id) if row["tokens"] else None
    behind = rows.behind(c, row, workflow_id)
    return replace(view, doubt=doubt, question=question, behind=behind, models=models)
